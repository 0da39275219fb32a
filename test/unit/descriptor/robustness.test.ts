/**
 * Whatever bytes a file holds, the answer is diagnostics inside the file's range or a clean pass: never an exception.
 * The mutations are seeded; a failure prints the seed and the text that replay it (DORA_TEST_SEED).
 */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { mutate, randomFrom } from '../../helpers/mutate.js';
import { survive } from '../../helpers/survive.js';
import { codes, oneNode, parse } from './helpers.js';

const folder = path.resolve('test/fixtures/descriptor');
const fixtures = ['good', 'bad'].flatMap((kind) =>
  readdirSync(path.join(folder, kind)).map((name) => readFileSync(path.join(folder, kind, name), 'utf8')),
);

test('an empty file, a comment, a word and a list are told what a dataflow is', (t) => {
  t.deepEqual(codes(parse('').diagnostics), ['1:1 error EMPTY_FILE']);
  t.deepEqual(codes(parse('# nothing\n').diagnostics), ['1:1 error EMPTY_FILE']);
  t.deepEqual(codes(parse('hello').diagnostics), ['1:1 error WRONG_TYPE']);
  t.deepEqual(codes(parse('- a\n').diagnostics), ['1:1 error WRONG_TYPE']);
  t.deepEqual(codes(parse('nodes:\n').diagnostics), ['1:1 error NO_NODES']);
  t.deepEqual(codes(parse('{}').diagnostics), ['1:1 error MISSING_KEY']);
});

test('two documents, tabs, and text with a colon are named as what they are', (t) => {
  t.true(codes(parse(`${oneNode('path: x')}---\nnodes: []\n`).diagnostics).includes('4:1 error SEVERAL_DOCUMENTS'));
  const tab = parse('nodes:\n\t- id: a\n').diagnostics;
  t.deepEqual(codes(tab), ['2:1 error YAML_SYNTAX']);
  t.regex(tab[0]!.hint!, /spaces/);
  t.regex(parse(oneNode('path: x', 'args: a: b')).diagnostics[0]!.hint!, /quotes/);
});

test('of a large file that is broken everywhere the rest is not read, which is said', (t) => {
  const { diagnostics } = parse(`x-a: b\nnodes:\n${'\t- id: a\n'.repeat(20_000)}`);
  const [last, ...shown] = diagnostics.toReversed();
  t.is(shown.length, 200);
  t.true(shown.every(({ code }) => code === 'YAML_SYNTAX'));
  t.regex(last!.message, /^\d+ more errors are not shown, and the rest of the file is not read$/);
});

test('what lies above broken YAML is checked, what lies below is not', (t) => {
  const { diagnostics } = parse(
    'nodes:\n  - id: a\n    pth: x\n    path: x\n    args: "open\n  - id: b\n    pathh: y\n',
  );
  t.true(diagnostics.some(({ line, code }) => line === 3 && code === 'UNKNOWN_KEY'));
  t.false(diagnostics.some(({ line, code }) => line > 5 && code !== 'YAML_SYNTAX'));
});

test('binary data and other encodings are no text', (t) => {
  t.deepEqual(codes(parse(Uint8Array.of(110, 0, 1)).diagnostics), ['1:1 error NOT_TEXT']);
  t.deepEqual(codes(parse(Uint8Array.of(0xff, 0xfe, 110, 0)).diagnostics), ['1:1 error NOT_TEXT']);
  t.deepEqual(codes(parse(Uint8Array.of(110, 0xc3, 0x28)).diagnostics), ['1:2 error NOT_TEXT']);
  t.truthy(parse(`\ufeff${oneNode('path: x')}`).dataflow, 'a byte order mark is no mistake');
});

test('a file of ten megabytes is refused at once', (t) => {
  t.deepEqual(codes(parse('x'.repeat(10_000_000)).diagnostics), ['1:1 error FILE_TOO_LARGE']);
});

test('aliases that multiply are stopped with one diagnostic', (t) => {
  const letters = 'abcdefghi';
  const billion = Array.from(letters).map(
    (c, i) =>
      `x-${c}: &${c} [${Array(9)
        .fill(i === 0 ? 'lol' : `*${letters[i - 1]}`)
        .join(',')}]`,
  );
  t.deepEqual(parse([...billion, oneNode('path: x', 'outputs: *i')].join('\n')).diagnostics[0]!.code, 'WRONG_TYPE');
  const outputs = Array.from({ length: 2000 }, (_, i) => `o${i}`).join(',');
  const text = `x-o: &o [${outputs}]\nx-n: &n { path: x, outputs: *o }\nnodes: [${Array.from({ length: 2000 }, (_, i) => `{ <<: *n, id: n${i} }`).join(',')}]`;
  const { diagnostics, dataflow } = parse(text);
  t.is(dataflow, undefined);
  t.is(diagnostics.filter(({ code }) => code === 'TOO_MANY_ALIASES').length, 1);
});

test('variables that multiply are stopped, one by one and all together', (t) => {
  const text = (env: string, ...lines: string[]): string => `env: { V: ${env} }\n${oneNode('path: x', ...lines)}`;
  const large = text('a'.repeat(100_000), `args: "${'$V'.repeat(20_000)}"`);
  t.deepEqual(codes(parse(large).diagnostics), ['5:11 error TEXT_TOO_LONG']);
  t.truthy(parse(text('a'.repeat(1_000), `args: "${'$V '.repeat(1_000)}"`)).dataflow);
  // A text that was long before its variables were replaced is nobody's mistake.
  t.truthy(parse(text('a', `args: "${'a'.repeat(200_000)}$V$$"`)).dataflow);
  const many = (node: (index: number) => string): string =>
    `nodes: [${Array.from({ length: 5_000 }, (_, index) => `{ id: n${index}, path: x, ${node(index)} }`).join(', ')}]`;
  for (const file of [
    `env: { V: ${'a'.repeat(100_000)} }\n${many(() => 'args: $V')}`,
    `env: { ${Array.from({ length: 1_000 }, (_, index) => `V${index}: a`).join(', ')} }\n${many(() => 'env: { A: b }')}`,
  ]) {
    const { diagnostics, dataflow } = parse(file);
    t.is(dataflow, undefined);
    t.is(diagnostics.filter(({ code }) => code === 'TEXT_TOO_LONG').length, 1);
  }
});

test('lines after a text of several lines in the wrong place are counted right', (t) => {
  // The parser of the library counts no lines inside a token that it did not expect.
  const { diagnostics } = parse('- o\ne f\n  g\nh: [');
  t.deepEqual(codes(diagnostics).at(-1), '4:4 error YAML_SYNTAX');
});

test('nesting without end, and an alias inside its own anchor, are stopped', (t) => {
  for (const text of ['['.repeat(50_000), 'a: {'.repeat(3_000), '- '.repeat(20_000), '? '.repeat(20_000)]) {
    const { diagnostics } = parse(text);
    t.deepEqual(codes(diagnostics), ['1:1 error YAML_SYNTAX']);
    t.regex(diagnostics[0]!.message, /64 deep/);
  }
  t.true(survive('nodes: &n\n  - { id: a, path: x, inputs: *n }\n') > 0);
  t.true(survive('nodes: &n [{ id: a, <<: *n, path: x }]\n') > 0);
});

test('names of JavaScript objects are names like any other', (t) => {
  const text = oneNode(
    'path: x',
    'env: { __proto__: 1, constructor: 2, toString: 3 }',
    'outputs: [constructor, valueOf]',
    'constructor: 1',
    '__proto__: { a: 1 }',
    'inputs: { toString: a/valueOf, x: __proto__/constructor }',
  );
  const { diagnostics } = parse(text);
  t.deepEqual(codes(diagnostics).sort(), [
    '4:12 error INVALID_NAME',
    '6:5 error UNKNOWN_KEY',
    '7:5 error UNKNOWN_KEY',
    '8:39 error UNKNOWN_SOURCE',
  ]);
  t.is(({} as Record<string, unknown>)['a'], undefined);
});

test('tags, directives and odd keys never throw', (t) => {
  for (const text of [
    '%YAML 1.1\n---\nx-a: &a { path: x }\nnodes: [{ <<: *a, id: a, env: { A: yes, B: !!binary aGk=, C: 2001-01-01, D: 0o7 } }]',
    'nodes: !!set { a, b }',
    'nodes: [{ id: a, path: x, args: !!omap [a: 1] }]',
    'nodes: !foo [{ id: !!int "1", path: !!null x }]',
    '? [a, b]\n: c\nnodes: []',
    '? { a: b }\n: c\n',
    '<<: 5\nnodes: [{ id: a, path: x, <<: [1, { name: y }] }]',
    'nodes: *nothing',
    '&a nodes: [*a]',
    '"nodes": [{"id": "a", "path": "x", 1: 2, true: 3, null: 4, "": 5}]',
    'nodes: [{ id: 9999999999999999999999999999, path: .nan, args: [.inf, -0, 1e999] }]',
  ]) {
    t.notThrows(() => survive(text), text);
  }
});

test('more than 200 errors are counted, and a warning never hides an error', (t) => {
  const nodes = Array.from({ length: 300 }, (_, i) => `  - { id: n${i}, path: x, outputs: [o] }`);
  const warned = parse(['nodes:', ...nodes].join('\n'));
  t.truthy(warned.dataflow);
  t.like(warned.diagnostics.at(-1), {
    code: 'TOO_MANY_PROBLEMS',
    severity: 'warning',
    message: '100 more warnings are not shown',
  });
  const wrong = parse(
    ['nodes:', ...nodes.map((line) => line.replace('path', 'pathh')), '  - { id: n1, path: x }'].join('\n'),
  );
  t.is(wrong.dataflow, undefined);
  t.like(wrong.diagnostics.filter(({ severity }) => severity === 'error').at(-1), {
    code: 'TOO_MANY_PROBLEMS',
    message: '401 more errors are not shown',
  });
});

const ROUNDS = 10_000;

test('ten thousand seeded mutations of the fixtures give diagnostics in range, and no crash', (t) => {
  t.timeout(180_000);
  const seed = Number(process.env['DORA_TEST_SEED'] ?? 20_260_101);
  const random = randomFrom(seed);
  let withProblems = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const text = mutate(fixtures[round % fixtures.length]!, random);
    try {
      if (survive(text, round % 2 === 0 ? 'check' : 'run') > 0) withProblems += 1;
    } catch (error) {
      t.fail(`DORA_TEST_SEED=${seed}, round ${round}: ${String((error as Error).stack)}\n${JSON.stringify(text)}`);
      return;
    }
  }
  t.true(withProblems > 0.7 * ROUNDS, `only ${withProblems} of the mutations were noticed`);
});

test('random bytes give diagnostics', (t) => {
  const random = randomFrom(7);
  for (let round = 0; round < 300; round += 1) {
    const bytes = Uint8Array.from(
      { length: 1 + Math.floor(random() * 300) },
      () => Math.floor(random() * (round % 2 === 0 ? 256 : 96)) + (round % 2 === 0 ? 0 : 32),
    );
    t.true(survive(bytes) > 0);
  }
});
