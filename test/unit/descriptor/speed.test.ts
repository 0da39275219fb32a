/**
 * `dora check` takes less than a second for a megabyte, whatever its shape: the megabytes here are an ordinary one, one full of
 * mistakes, and those that would take a minute if any step were quadratic, or if every one of a hundred thousand mistakes
 * were explained.
 *
 * Measured is all that the command does after its start: reading the file, every check, writing the answer. Time is CPU
 * time, and the yardstick is this machine at this moment: what the YAML library alone takes to read a megabyte of nodes.
 * That is 0.4 s on the machine on which each shape took less than a second with the start of the program. Every shape has a
 * limit of its own kind, about twice of what it takes; a shape over it is tried again before it counts.
 */
import { mkdtempSync, openSync, closeSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { parseDocument } from 'yaml';
import { checkCommand } from '../../../lib/cli/commands/check.js';
import { Console } from '../../../lib/cli/console.js';
import { readDataflow } from '../../../lib/descriptor/index.js';

const MEGABYTE = 1_000_000;

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

const ordinaryNode = (i: number): string =>
  `  - id: node_${i}\n    path: ./nodes/n${i}.js\n    inputs:\n      tick: ${i === 0 ? 'dora/timer/millis/10' : `node_${i - 1}/out`}\n    outputs: [out]\n`;
/** Ordinary nodes, one of them with a line more. */
const ordinary = (line: string, where = 0.5): string => {
  const all = nodes(ordinaryNode);
  const at = all.indexOf('  - id', MEGABYTE * where);
  return all.slice(0, at) + line + all.slice(at);
};

/**
 * Shape -> a megabyte of it, a code that it gives (undefined: it is in order), and how many yardsticks it may take, 1 unless
 * given.
 */
const shapes: Record<string, [text: string, code: string | undefined, limit?: number]> = {
  'ordinary nodes': [nodes(ordinaryNode), 'UNREAD_OUTPUT'],
  'nodes full of mistakes': [
    nodes(
      (i) =>
        `  - id: camera ${i}\n    paht: ./n${i}.js\n    inputs:\n      tick: camra${i}/out\n      b: { source: a/b, queue_size: 0 }\n    outputs: out\n`,
    ),
    'OUT_OF_RANGE',
  ],
  'many nodes': [`nodes:\n${many}`, 'UNREAD_OUTPUT'],
  'one node with many inputs': [inNode('inputs:\n', (i) => `      i${i}: a/o\n`), undefined, 0.5],
  'one line of many nodes': [`nodes: [${fill((i) => `{ id: n${i}, pth: x }, `)}]`, 'UNKNOWN_KEY'],
  'one bracket that is not closed': [ordinary('    outputs: [a\n'), 'YAML_SYNTAX'],
  'one colon that is missing, far below': [ordinary('    outputs [a]\n', 0.95), 'YAML_SYNTAX'],
  'one quote that is not closed': [ordinary('    name: "a\n'), 'YAML_SYNTAX'],
  'a thousand mistakes among much that is right': [
    nodes((i) => ordinaryNode(i) + (i % 10 === 5 ? '    name x\n' : '')),
    'YAML_SYNTAX',
  ],
  'one tag': [ordinary('    name: !x y\n'), 'YAML_SYNTAX'],
  'one text that is folded': [ordinary('    description: >\n      a\n      b\n'), 'UNREAD_OUTPUT'],
  'one list over several lines': [ordinary('    args: [\n      a,\n      b]\n'), 'UNREAD_OUTPUT'],
  'one text over several lines': [ordinary('    description: a\n      b\n'), 'UNREAD_OUTPUT'],
  'a text over several lines in every node': [
    nodes((i) => `${ordinaryNode(i)}    description: "a\n      b"\n    name: c\n      d\n`),
    'UNREAD_OUTPUT',
  ],
  'brackets that close below their key in every node': [
    nodes((i) => ordinaryNode(i).replace('[out]', '[ # c\n      out,\n    ]')),
    'UNREAD_OUTPUT',
  ],
  'a tag in every node': [nodes((i) => `${ordinaryNode(i)}    name: !x y\n`), 'YAML_SYNTAX'],
  'a form in every node that only one reader knows': [
    nodes((i) => `${ordinaryNode(i)}    ? name\n    : x\n`),
    'UNREAD_OUTPUT',
    2,
  ],
  'a tab in every node': [nodes((i) => `${ordinaryNode(i)}    name: x\t# y\n`), 'UNREAD_OUTPUT', 2],
  'a line without its indentation': [ordinary('').replace(/^ {4}(?=inputs:\n {6}tick: node_2000)/m, ''), 'UNKNOWN_KEY'],
  'a second document after much that is right': [ordinary('---\n', 0.9), 'SEVERAL_DOCUMENTS'],
  'lines of an old Mac among others': [ordinary('    name: a\r', 0.9), 'UNREAD_OUTPUT'],
  'many aliases': [`x-a: &a { path: x }\n${nodes((i) => `  - { id: n${i}, <<: *a }\n`)}`, undefined],
  'one anchor in a long list': [`x-o: &o o\n${inNode('args: [', () => '*o, ', 'z]\n')}`, 'UNREAD_OUTPUT', 0.5],
  'many anchors, and as many aliases of others': [
    `x: [${half((i) => `&a${i} x, `)}]\ny: [${half(() => '*b, ')}]\nnodes: []\n`,
    'YAML_SYNTAX',
    2,
  ],
  'an anchor and a tag in every node': [
    nodes((i) => `  - id: n${i}\n    path: x\n    name: &a${i} !y x\n`),
    'YAML_SYNTAX',
    2,
  ],
  'a wide map merged into every node': [
    `x-e: &e {${half((i) => `K${i}: 1, `)} z: 1 }\nnodes:\n${half((i) => `  - { id: n${i}, path: x, env: { <<: *e } }\n`)}`,
    'TOO_MANY_ALIASES',
    1.5,
  ],
  'a wide environment of every node': [
    `env: {${half((i) => `K${i}: 1, `)} z: 1 }\nnodes:\n${half((i) => `  - { id: n${i}, path: x }\n`)}`,
    'TEXT_TOO_LONG',
    1.5,
  ],
  'brackets that are never closed': ['['.repeat(MEGABYTE), 'YAML_SYNTAX', 0.25],
  'brackets that were never opened': [']'.repeat(MEGABYTE), 'YAML_SYNTAX', 0.25],
  'lists in lists without end': ['- '.repeat(MEGABYTE / 2), 'YAML_SYNTAX', 0.25],
  'indentation without end': [
    Array.from({ length: 1_400 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''),
    'YAML_SYNTAX',
    0.25,
  ],
  'a quote that is never closed': [`nodes: "${'a '.repeat(MEGABYTE / 2)}`, 'YAML_SYNTAX', 0.25],
  'escapes that are none': [`nodes: "${'\\q'.repeat(MEGABYTE / 2)}"`, 'YAML_SYNTAX', 1.5],
  'tabs before every line': [nodes(() => '\t- id: a\n'), 'YAML_SYNTAX', 0.5],
  'many documents': [fill(() => '---\nnodes: []\n'), 'SEVERAL_DOCUMENTS', 0.25],
  'empty lines': ['\n'.repeat(MEGABYTE), 'EMPTY_FILE', 0.25],
  'a text of one variable': [inNode('args: "', () => '$VAR ', '"\n'), 'UNDEFINED_VARIABLE', 0.5],
  'a text of many variables': [inNode('args: "', (i) => `$V${i} `, '"\n'), 'UNDEFINED_VARIABLE'],
  'a variable that grows': [
    `env: { V: ${'a'.repeat(MEGABYTE / 2)} }\nnodes: [{ id: a, path: x, args: "${'$V'.repeat(MEGABYTE / 4)}" }]`,
    'TEXT_TOO_LONG',
    0.5,
  ],
  'one key many times': [nodes((i) => (i === 0 ? '  - id: a\n' : '    path: x\n')), 'DUPLICATE_KEY', 0.25],
  'one id many times': [nodes(() => '  - { id: a, path: x }\n'), 'DUPLICATE_ID', 1.5],
  'one output many times': [
    inNode('name: n\n  - id: b\n    path: x\n    outputs: [', () => 'o, ', 'o]\n'),
    'DUPLICATE_OUTPUT',
    0.5,
  ],
  'keys that do not exist': [inNode('', (i) => `${i === 0 ? '' : '    '}pathh${i}: x\n`), 'UNKNOWN_KEY', 0.25],
  'nodes that are nearly right': [
    nodes((i) => `  - { id: camera_${i}_left, path: x, outputs: [o], inputs: { i: camera_${i}_lfet/o } }\n`),
    'UNKNOWN_SOURCE',
    1.5,
  ],
  'outputs that are nearly right': [
    `nodes:\n  - id: a\n    path: x\n    outputs: [${half((i) => `o${i}_abcdefghijkl, `)} z]\n    inputs:\n${half((i) => `      i${i}: a/o${i}_abcdefhgijkl\n`)}`,
    'UNKNOWN_SOURCE',
  ],
  'operators of one name': [
    nodes((i) => `  - { id: n${i}, operators: [{ id: p, shared-library: x, outputs: [o], inputs: { i: p/o } }] }\n`),
    'AMBIGUOUS_SOURCE',
    1.5,
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

const folder = mkdtempSync(path.join(tmpdir(), 'dora-speed-'));
const nowhere = openSync('/dev/null', 'w');
test.after.always(() => {
  closeSync(nowhere);
  rmSync(folder, { recursive: true });
});

async function cpuMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const yardstick = (): Promise<number> =>
  cpuMs(() => parseDocument(`nodes:\n${many}`, { prettyErrors: false, uniqueKeys: false }));

async function check(text: string): Promise<string> {
  const file = path.join(folder, 'dataflow.yml');
  writeFileSync(file, text);
  const options = { format: 'text', files: false, strict: false, strictTypes: false, quiet: false } as const;
  const console = new Console(nowhere, nowhere, {});
  await checkCommand([file], { ...options, env: {}, envFile: [], stdinFilename: 'dataflow.yml' }, console);
  await console.flush();
  return file;
}

// Once before, so that nothing is measured that is not compiled.
test.before(async () => {
  await yardstick();
  await check(`nodes:\n${many}`);
});

for (const [title, [text, code, limit = 1]] of Object.entries(shapes)) {
  test.serial(`a megabyte takes less than a second: ${title}`, async (t) => {
    const figures: string[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const now = await yardstick();
      let file = '';
      const spent = await cpuMs(async () => (file = await check(text)));
      if (attempt === 0) {
        const { diagnostics } = readDataflow(file, { files: 'ignore', missingNodes: 'warning' });
        t.true(code === undefined ? diagnostics.length === 0 : diagnostics.some((found) => found.code === code));
        t.true(diagnostics.length < 410);
      }
      figures.push(`${Math.round(spent)} ms against ${Math.round(now)} ms`);
      if (spent < limit * now) return;
    }
    t.fail(`too slow: ${figures.join(', ')}`);
  });
}
