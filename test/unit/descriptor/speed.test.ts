/**
 * A megabyte takes about a second, whatever its shape: the megabytes here are those that would take a minute if any step
 * were quadratic, or if every one of a hundred thousand mistakes were explained.
 *
 * Time is CPU time, and the yardstick is this machine at this moment: what the YAML library alone takes for a megabyte of
 * nodes (0.4 to 1 s). All checks of the worst shape take about twice as much; four times is a failure, and what takes
 * longer than that is tried again before it counts.
 */
import test from 'ava';
import { parseDocument } from 'yaml';
import { formatDiagnostics } from '../../../lib/descriptor/index.js';
import { parse } from './helpers.js';

const MEGABYTE = 1_000_000;
const LIMIT = 4;

/** Pieces until there is a megabyte of them. */
function fill(piece: (index: number) => string, bytes = MEGABYTE): string {
  const pieces: string[] = [];
  for (let length = 0; length < bytes; length += pieces.at(-1)!.length) pieces.push(piece(pieces.length));
  return pieces.join('');
}

const many = fill((i) => `  - { id: n${i}, path: x, outputs: [o], inputs: { i: n${Math.max(0, i - 1)}/o } }\n`);
const nodes = (piece: (index: number) => string): string => `nodes:\n${fill(piece)}`;
const inNode = (head: string, piece: (index: number) => string, tail = ''): string =>
  `nodes:\n  - id: a\n    path: x\n    outputs: [o]\n    ${head}${fill(piece)}${tail}`;
const half = (piece: (index: number) => string): string => fill(piece, MEGABYTE / 2);

/** Shape -> a megabyte of it, and a code that it gives (undefined: it is in order). */
const shapes: Record<string, [text: string, code: string | undefined]> = {
  'many nodes': [`nodes:\n${many}`, 'UNREAD_OUTPUT'],
  'one node with many inputs': [inNode('inputs:\n', (i) => `      i${i}: a/o\n`), undefined],
  'one line of many nodes': [`nodes: [${fill((i) => `{ id: n${i}, pth: x }, `)}]`, 'UNKNOWN_KEY'],
  'many aliases': [`x-a: &a { path: x }\n${nodes((i) => `  - { id: n${i}, <<: *a }\n`)}`, undefined],
  'one anchor in a long list': [`x-o: &o o\n${inNode('args: [', () => '*o, ', 'z]\n')}`, 'UNREAD_OUTPUT'],
  'a wide map merged into every node': [
    `x-e: &e {${half((i) => `K${i}: 1, `)} z: 1 }\nnodes:\n${half((i) => `  - { id: n${i}, path: x, env: { <<: *e } }\n`)}`,
    'TOO_MANY_ALIASES',
  ],
  'a wide environment of every node': [
    `env: {${half((i) => `K${i}: 1, `)} z: 1 }\nnodes:\n${half((i) => `  - { id: n${i}, path: x }\n`)}`,
    'TEXT_TOO_LONG',
  ],
  'brackets that are never closed': ['['.repeat(MEGABYTE), 'YAML_SYNTAX'],
  'brackets that were never opened': [']'.repeat(MEGABYTE), 'YAML_SYNTAX'],
  'lists in lists without end': ['- '.repeat(MEGABYTE / 2), 'YAML_SYNTAX'],
  'indentation without end': [Array.from({ length: 1_400 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''), 'YAML_SYNTAX'],
  'a quote that is never closed': [`nodes: "${'a '.repeat(MEGABYTE / 2)}`, 'YAML_SYNTAX'],
  'escapes that are none': [`nodes: "${'\\q'.repeat(MEGABYTE / 2)}"`, 'YAML_SYNTAX'],
  'tabs before every line': [nodes(() => '\t- id: a\n'), 'YAML_SYNTAX'],
  'many documents': [fill(() => '---\nnodes: []\n'), 'SEVERAL_DOCUMENTS'],
  'empty lines': ['\n'.repeat(MEGABYTE), 'EMPTY_FILE'],
  'a text of one variable': [inNode('args: "', () => '$VAR ', '"\n'), 'UNDEFINED_VARIABLE'],
  'a text of many variables': [inNode('args: "', (i) => `$V${i} `, '"\n'), 'UNDEFINED_VARIABLE'],
  'a variable that grows': [
    `env: { V: ${'a'.repeat(MEGABYTE / 2)} }\nnodes: [{ id: a, path: x, args: "${'$V'.repeat(MEGABYTE / 4)}" }]`,
    'TEXT_TOO_LONG',
  ],
  'one key many times': [nodes((i) => (i === 0 ? '  - id: a\n' : '    path: x\n')), 'DUPLICATE_KEY'],
  'one id many times': [nodes(() => '  - { id: a, path: x }\n'), 'DUPLICATE_ID'],
  'one output many times': [
    inNode('name: n\n  - id: b\n    path: x\n    outputs: [', () => 'o, ', 'o]\n'),
    'DUPLICATE_OUTPUT',
  ],
  'keys that do not exist': [inNode('', (i) => `${i === 0 ? '' : '    '}pathh${i}: x\n`), 'UNKNOWN_KEY'],
  'nodes that are nearly right': [
    nodes((i) => `  - { id: camera_${i}_left, path: x, outputs: [o], inputs: { i: camera_${i}_lfet/o } }\n`),
    'UNKNOWN_SOURCE',
  ],
  'outputs that are nearly right': [
    `nodes:\n  - id: a\n    path: x\n    outputs: [${half((i) => `o${i}_abcdefghijkl, `)} z]\n    inputs:\n${half((i) => `      i${i}: a/o${i}_abcdefhgijkl\n`)}`,
    'UNKNOWN_SOURCE',
  ],
  'operators of one name': [
    nodes((i) => `  - { id: n${i}, operators: [{ id: p, shared-library: x, outputs: [o], inputs: { i: p/o } }] }\n`),
    'AMBIGUOUS_SOURCE',
  ],
  'a circle of backpressure': [
    nodes(
      (i) =>
        `  - { id: n${i}, path: x, outputs: [o], inputs: { i: { source: n${Math.max(0, i - 1)}/o, queue_policy: backpressure } } }\n`,
    ),
    'BACKPRESSURE_CYCLE',
  ],
  'one output of a module made by all': [
    `module: { name: m, outputs: [o] }\n${nodes((i) => `  - { id: n${i}, path: x, outputs: [o] }\n`)}`,
    'MODULE_OUTPUT',
  ],
};

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const yardstick = (): number =>
  cpuMs(() => {
    parseDocument(`nodes:\n${many}`, { prettyErrors: false, uniqueKeys: false });
  });

// Once before, so that nothing is measured that is not compiled.
yardstick();
parse(`nodes:\n${many}`);
let unit = yardstick();

for (const [title, [text, code]] of Object.entries(shapes)) {
  test.serial(`a megabyte takes about a second: ${title}`, (t) => {
    const figures: string[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      if (attempt > 0) unit = yardstick();
      const spent = cpuMs(() => {
        const { diagnostics } = parse(text);
        formatDiagnostics(diagnostics, { color: true });
        t.true(code === undefined ? diagnostics.length === 0 : diagnostics.some((found) => found.code === code));
        t.true(diagnostics.length < 410);
      });
      figures.push(`${Math.round(spent)} ms against ${Math.round(unit)} ms`);
      if (spent < LIMIT * unit) return;
    }
    t.fail(`too slow: ${figures.join(', ')}`);
  });
}
