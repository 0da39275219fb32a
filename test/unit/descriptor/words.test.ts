/**
 * The words of every message, as people read them: test/fixtures/descriptor/words.txt. It is compared letter by letter,
 * so that a change of words is seen in review; DORA_UPDATE_WORDS=1 writes it anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { formatDiagnostics } from '../../../lib/descriptor/index.js';
import { root } from '../../helpers/source-tree.js';
import { parse } from './helpers.js';

const expectedFile = path.join(root, 'test/fixtures/descriptor/words.txt');
const folder = path.join(root, 'test/fixtures/descriptor/words');
const every = readFileSync(path.join(folder, 'every-mistake.yml'), 'utf8');

/** Lines under the second line of a node. */
const node = (...lines: string[]): string =>
  ['nodes:', '  - id: a', ...lines.map((line) => `    ${line}`), ''].join('\n');
const letters = 'abcdefghi';
const billionLaughs = Array.from(letters)
  .map(
    (name, i) =>
      `x-${name}: &${name} [${Array(9)
        .fill(i === 0 ? 'lol' : `*${letters[i - 1]}`)
        .join(',')}]`,
  )
  .join('\n');

const texts: Record<string, string | Uint8Array> = {
  'every mistake that leaves the rest readable': every,
  'an empty file': '',
  'a word': 'hello\n',
  'no nodes': 'nodes: []\n',
  'two documents': `${node('path: /bin/true')}---\nnodes: []\n`,
  'binary junk': Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0),
  'UTF-16': Uint8Array.of(0xff, 0xfe, 0x6e, 0),
  'Latin 1': Uint8Array.of(0x6e, 0xe4, 0x6e),
  'ten megabytes': 'x'.repeat(10_000_000),
  'aliases that multiply': `${billionLaughs}\n${node('path: x', 'outputs: [o]', 'args: *i')}`,
  'nesting without end': '['.repeat(500),
  'a bracket that is never closed': node('path: x', 'outputs: [o', '').trimEnd(),
  'a brace that is never closed': node('path: x', 'inputs: { a: b/c'),
  'a quote that is never closed': node('path: x', 'args: "open') + '  - id: b\n    path: y\n',
  'a bracket that closes nothing': node('path: x', 'outputs: [o]]'),
  'a tab': 'nodes:\n\t- id: a\n',
  'a key without a space': node('path:x'),
  'a key without a colon': node('path x', 'outputs: [o]'),
  'an entry without a space': 'nodes:\n  -id: a\n   path: x\n',
  'a key that is indented too little': 'nodes:\n  - id: a\n   path: x\n',
  'a key that is indented too much': 'nodes:\n  - id: a\n      path: x\n',
  'a value with a colon': node('path: x', 'args: a: b'),
  'more after a quote': node('path: x', "args: 'it's'"),
  'a comma too many': node('path: x', 'outputs: [a, , b]'),
  'a comma too few': node('path: x', 'inputs: { a: b/c d: e/f }'),
  'text that starts with @': node('path: @x'),
  'text that starts with *': node('path: *x'),
  'text that starts with !': node('path: !x y'),
  'text that starts with |': node('path: |x'),
  'an escape that is none': node('path: "a\\qb"'),
  'a text that its variables make too long': `env: { V: ${'v'.repeat(1000)} }\n${node('path: x', `args: "${'$V'.repeat(200)}"`)}`,
};

function written(): string {
  return Object.entries(texts)
    .map(([title, text]) => {
      const { diagnostics } = parse(text, {
        files: title.startsWith('every') ? 'warnBuildable' : 'ignore',
        ...(title.startsWith('every') ? { cluster: path.join(folder, 'cluster.yml') } : {}),
      });
      return `== ${title}\n\n${formatDiagnostics(diagnostics)}\n`;
    })
    .join('\n');
}

test('every message says where, what and what to do, in these words', (t) => {
  const now = written();
  if (process.env['DORA_UPDATE_WORDS'] !== undefined) writeFileSync(expectedFile, now);
  t.is(now, readFileSync(expectedFile, 'utf8'));
});

test('one run finds them all', (t) => {
  const { diagnostics } = parse(every, { files: 'warnBuildable', cluster: path.join(folder, 'cluster.yml') });
  const found = new Set(diagnostics.map(({ code }) => code));
  for (const code of [
    'UNKNOWN_KEY',
    'REFUSED_VARIABLE',
    'INVALID_NAME',
    'UNDEFINED_VARIABLE',
    'PROGRAM_NOT_FOUND',
    'DUPLICATE_KEY',
    'DUPLICATE_OUTPUT',
    'DUPLICATE_ID',
    'UNKNOWN_SOURCE',
    'INVALID_TIMER',
    'OUT_OF_RANGE',
    'INVALID_VALUE',
    'WRONG_TYPE',
    'TWO_SOURCES',
    'NO_SOURCE',
    'AMBIGUOUS_SOURCE',
    'UNKNOWN_OUTPUT',
    'BACKPRESSURE_CYCLE',
    'UNKNOWN_MACHINE',
  ]) {
    t.true(found.has(code), code);
  }
  for (const { hint, lineText } of diagnostics) t.true(hint !== undefined && lineText !== undefined);
});

test('an output that nobody reads is told when all sources are right', (t) => {
  const { diagnostics } = parse(node('path: x', 'outputs: [o]'));
  t.like(diagnostics, [{ code: 'UNREAD_OUTPUT', severity: 'warning', line: 4, column: 15 }]);
});

test('a node that is not in the file: an error, to --no-files a warning, unless a name is near, and never to run', (t) => {
  const text = (source: string): string => node('path: x', 'outputs: [o]', `inputs: { i: ${source}, j: a/o }`);
  const severity = (source: string, options: Parameters<typeof parse>[1]): string | undefined =>
    parse(text(source), options).diagnostics.find(({ code }) => code === 'UNKNOWN_SOURCE')?.severity;
  t.is(severity('planner/plan', {}), 'error');
  t.is(severity('planner/plan', { missingNodes: 'warning' }), 'warning');
  t.is(severity('planner/plan', { missingNodes: 'warning', purpose: 'run' }), 'error');
  t.is(severity('aa/o', { missingNodes: 'warning' }), 'error');
  t.is(severity('a/plan', { missingNodes: 'warning' }), 'error');
});
