/** Every mistake is found in one run, at its place, with its code and a way out. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {
  DescriptorError,
  formatDiagnostics,
  loadDataflow,
  readDataflow,
  summarize,
} from '../../../lib/descriptor/index.js';
import { codes, oneNode, parse, project } from './helpers.js';

const manyMistakes = path.resolve('test/fixtures/descriptor/bad/many-mistakes.yml');

test('all mistakes of a file are reported at once, in the order of the file', (t) => {
  const { diagnostics, dataflow } = parse(readFileSync(manyMistakes, 'utf8'));
  t.is(dataflow, undefined);
  t.deepEqual(codes(diagnostics), [
    '7:5 error TWO_SOURCES',
    '8:5 error UNKNOWN_KEY',
    '10:5 error DUPLICATE_KEY',
    '12:14 error UNKNOWN_SOURCE',
    '13:50 error OUT_OF_RANGE',
    '13:67 error INVALID_VALUE',
    '13:80 error UNKNOWN_KEY',
    '14:13 error INVALID_TIMER',
    '15:13 error INVALID_TIMER',
    '16:14 error UNKNOWN_SOURCE',
    '17:13 error INVALID_SOURCE',
    '18:7 error WRONG_TYPE',
    '19:9 error INVALID_NAME',
    '20:20 error INVALID_VALUE',
    '20:55 error DUPLICATE_KEY',
    '21:5 error MISSING_KEY',
    '21:11 error WRONG_TYPE',
    '22:9 error NO_SOURCE',
    '22:9 error DUPLICATE_ID',
    '23:11 error WRONG_TYPE',
  ]);
  t.is(summarize(diagnostics), '20 errors');
});

test('a diagnostic says where, what and what to do, with the line underlined', (t) => {
  const { diagnostics } = parse(readFileSync(manyMistakes, 'utf8'));
  const found = diagnostics.find(({ line }) => line === 12)!;
  t.like(found, { endLine: 12, endColumn: 27, path: 'nodes[1].inputs.image' });
  t.is(
    formatDiagnostics([found]),
    [
      '/robot/dataflow.yml:12:14 error UNKNOWN_SOURCE  the node "camera" has no output "imagee"',
      '  12 |       image: camera/imagee',
      '                    ^^^^^^^^^^^^^',
      '  hint: It has image, depth. Did you mean camera/image?',
    ].join('\n'),
  );
});

test('a dataflow that cannot run is thrown as one error with every diagnostic', (t) => {
  const error = t.throws(() => loadDataflow(manyMistakes, { files: 'ignore' }), { instanceOf: DescriptorError });
  t.is(error.code, 'DESCRIPTOR_INVALID');
  t.is(error.diagnostics.length, 20);
  t.regex(error.message, /many-mistakes\.yml has 20 errors\n.*:7:5 TWO_SOURCES/s);
  t.regex(error.message, /and 10 more/);
});

/** Lines under a node `a` -> the one diagnostic that they cause, without its severity, and words of message or hint. */
const table: [title: string, lines: string[], expected: string, words?: RegExp][] = [
  ['an id with a dot', ['path: x', 'outputs: [.o]'], '4:15 INVALID_NAME'],
  ['an input id with a slash', ['path: x', 'inputs: { a/b: dora/timer/secs/1 }'], '4:15 INVALID_NAME', /"a-b"/],
  ['an output twice', ['path: x', 'inputs: { i: a/o }', 'outputs: [o, o]'], '5:18 DUPLICATE_OUTPUT'],
  ['a key twice', ['path: x', 'path: y'], '4:5 DUPLICATE_KEY', /line 3/],
  ['an input twice', ['path: x', 'inputs: { i: a/o, i: a/o }', 'outputs: [o]'], '4:23 DUPLICATE_KEY'],
  ['two spellings of a key', ['path: x', 'cpu-affinity: [1]', 'cpu_affinity: [1]'], '5:5 DUPLICATE_KEY', /same key/],
  ['no source', ['outputs: []'], '2:9 NO_SOURCE'],
  ['an empty list of operators', ['operators:'], '3:5 NO_SOURCE', /empty/],
  ['custom without a program', ['custom: { args: x }'], '3:13 NO_SOURCE'],
  ['custom with two programs', ['custom: { source: x, run: y }'], '3:26 TWO_SOURCES'],
  ['custom beside operator', ['custom: { source: x }', 'operator: { shared-library: y }'], '4:5 TWO_SOURCES'],
  ['an operator with two sources', ['operator: { shared-library: y, python: x.py }'], '3:36 TWO_SOURCES'],
  ['an operator without a source', ['operator: { outputs: [] }'], '3:15 NO_SOURCE'],
  ['operators without ids', ['operators: [{ shared-library: x }]'], '3:17 MISSING_KEY'],
  [
    'two operators of one id',
    ['operators: [{ id: o, shared-library: x }, { id: o, shared-library: x }]'],
    '3:53 DUPLICATE_ID',
  ],
  ['args beside operators', ['operator: { shared-library: x }', 'args: y'], '4:5 MISPLACED_KEY'],
  ['outputs beside operators', ['operator: { shared-library: x }', 'outputs: [o]'], '4:5 MISPLACED_KEY', /inside/],
  ['params without a module', ['path: x', 'params: { a: b }'], '4:5 MISPLACED_KEY'],
  ['a branch without git', ['path: x', 'branch: main'], '4:5 MISPLACED_KEY', /git/],
  ['args at the node and in custom', ['args: x', 'custom: { source: x, args: y }'], '4:26 DUPLICATE_KEY', /custom/],
  ['a misspelt key', ['path: x', 'ouputs: []'], '4:5 UNKNOWN_KEY', /"outputs"/],
  ['a misspelt key of an operator', ['operator: { shared-library: x, nmae: y }'], '3:36 UNKNOWN_KEY', /"name"/],
  [
    'a queue of 0',
    ['path: x', 'inputs: { i: { source: dora/timer/secs/1, queue_size: 0 } }'],
    '4:59 OUT_OF_RANGE',
    /queue_size: 1/,
  ],
  [
    'a queue of 65,537',
    ['path: x', 'inputs: { i: { source: dora/timer/secs/1, queue_size: 65537 } }'],
    '4:59 OUT_OF_RANGE',
    /65,536/,
  ],
  ['half a message', ['path: x', 'inputs: { i: { source: dora/timer/secs/1, queue_size: 1.5 } }'], '4:59 WRONG_TYPE'],
  [
    'a priority of 256',
    ['path: x', 'inputs: { i: { source: dora/timer/secs/1, priority: 256 } }'],
    '4:57 OUT_OF_RANGE',
  ],
  [
    'a timeout of nothing',
    ['path: x', 'inputs: { i: { source: dora/timer/secs/1, input_timeout: 0 } }'],
    '4:62 OUT_OF_RANGE',
  ],
  [
    'a number in quotes',
    ['path: x', 'inputs: { i: { source: dora/timer/secs/1, queue_size: "5" } }'],
    '4:59 WRONG_TYPE',
    /without quotes/,
  ],
  [
    'an unknown policy',
    ['path: x', 'inputs: { i: { source: dora/timer/secs/1, queue_policy: drop } }'],
    '4:61 INVALID_VALUE',
  ],
  ['an input without a source', ['path: x', 'inputs: { i: { queue_size: 1 } }'], '4:20 MISSING_KEY'],
  ['a list where a map has to be', ['path: x', 'inputs: [b]'], '4:13 WRONG_TYPE', /a map/],
  ['a map where text has to be', ['path: { a: b }'], '3:11 WRONG_TYPE'],
  ['a number where text has to be', ['path: 7'], '3:11 WRONG_TYPE', /"7"/],
  ['an empty path', ['path: ""'], '3:11 INVALID_VALUE'],
  ['an unclosed quote in args', ['path: x', `args: --a 'b`], '4:11 INVALID_VALUE', /quote/],
  ['an unclosed double quote in args', ['path: x', `args: '"b c'`], '4:11 INVALID_VALUE', /ends inside a quote/],
  ['a backslash at the end of args', ['path: x', 'args: b\\'], '4:11 INVALID_VALUE', /after a backslash/],
  ['an unknown timer unit', ['path: x', 'inputs: { i: dora/timer/ms/5 }'], '4:18 INVALID_TIMER', /"millis"/],
  ['a timer of 0', ['path: x', 'inputs: { i: dora/timer/millis/0 }'], '4:18 INVALID_TIMER'],
  ['a negative rate', ['path: x', 'inputs: { i: dora/timer/hz/-1 }'], '4:18 INVALID_TIMER'],
  ['a rate of infinity', ['path: x', 'inputs: { i: dora/timer/hz/Infinity }'], '4:18 INVALID_TIMER'],
  ['a timer of a million years', ['path: x', 'inputs: { i: dora/timer/secs/31557600000000 }'], '4:18 INVALID_TIMER'],
  ['a timer without a period', ['path: x', 'inputs: { i: dora/timer/millis }'], '4:18 INVALID_TIMER'],
  ['an unknown built-in', ['path: x', 'inputs: { i: dora/tmer/millis/5 }'], '4:18 INVALID_SOURCE', /"timer"/],
  ['a source of one word', ['path: x', 'inputs: { i: o }', 'outputs: [o]'], '4:18 INVALID_SOURCE', /a\/o/],
  ['a source of four parts', ['path: x', 'inputs: { i: a/b/c/d }'], '4:18 INVALID_SOURCE'],
  ['a module source outside a module', ['path: x', 'inputs: { i: _mod/b }'], '4:18 UNKNOWN_SOURCE'],
  [
    'an operator of a program',
    ['path: x', 'inputs: { i: a/b/o }', 'outputs: [o]'],
    '4:18 UNKNOWN_SOURCE',
    /no runtime node/,
  ],
  ['an unknown variable', ['path: x', 'env: { A: $HOMEE }'], '4:15 UNDEFINED_VARIABLE', /"HOME"/],
  ['a variable with a space', ['path: x', 'env: { "A B": c }'], '4:12 INVALID_NAME'],
  ['a variable twice', ['path: x', 'env: [{ A: 1 }, { A: 2 }]'], '4:23 DUPLICATE_KEY'],
  [
    'a retained output that is none',
    ['path: x', 'inputs: { i: a/o }', 'outputs: [o]', 'output_retain: { p: 1 }'],
    '6:22 UNKNOWN_OUTPUT',
  ],
  ['a bad checksum', ['path: https://example.org/x', 'path_sha256: 12zz'], '4:18 INVALID_VALUE', /64 hex/],
  ['a bad size', ['path: x', 'shared_memory_pool_size: 8 bananas'], '4:30 INVALID_VALUE', /8MB/],
];

for (const [title, lines, expected, words] of table) {
  test(`${title} is found`, (t) => {
    const { diagnostics, dataflow } = parse(oneNode(...lines), { purpose: 'run' });
    t.is(dataflow, undefined);
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    t.deepEqual(codes(errors), [expected.replace(' ', ' error ')]);
    const [error] = errors;
    t.truthy(error!.hint);
    if (words !== undefined) t.regex(`${error!.message} ${error!.hint ?? ''}`, words);
  });
}

test('old keys and refused variables are warnings, and the rest runs', (t) => {
  const text = `communication: { zenoh: {} }
nodes:
  - id: a
    custom: { path: x, envs: { LD_PRELOAD: y, DYLD_X: z, A: b } }
`;
  const { diagnostics, dataflow } = parse(text, { purpose: 'run' });
  t.deepEqual(codes(diagnostics), [
    '1:1 warning OLD_KEY',
    '4:15 warning OLD_KEY',
    '4:24 warning OLD_KEY',
    '4:32 warning REFUSED_VARIABLE',
    '4:47 warning REFUSED_VARIABLE',
  ]);
  t.deepEqual(dataflow!.nodes[0]!.env, { A: 'b' });
});

test('reserved ids are refused', (t) => {
  for (const id of ['dora', '_mod', '__proto__', 'a..b', 'a.', '.a', 'a/b', 'ä', '"a b"', '""']) {
    const { diagnostics } = parse(`nodes: [{ id: ${id}, path: x }]`);
    t.true(
      diagnostics.some(({ code, column }) => (code === 'INVALID_NAME' || code === 'INVALID_VALUE') && column === 15),
      id,
    );
  }
});

test('keys that start with x- are ignored everywhere', (t) => {
  const { diagnostics } = parse('x-note: [1]\nnodes:\n  - { id: a, path: x, x-mine: { any: thing } }\n');
  t.deepEqual(diagnostics, []);
});

test('an undefined variable is a warning to check, for the file may run elsewhere', (t) => {
  const { diagnostics, dataflow } = parse(oneNode('path: $NOWHERE/x'));
  t.deepEqual(codes(diagnostics), ['3:11 warning UNDEFINED_VARIABLE']);
  t.is(dataflow!.nodes[0]!.program!.command, '$NOWHERE/x');
});

test('a long line is cut around the mistake, and control characters never reach the terminal', (t) => {
  const line = `path: x\u001b[31m`;
  const long = `nodes: [{ id: a, path: x, name: ${'n'.repeat(500)}, pth: y }]`;
  const [cut] = parse(long).diagnostics;
  const [, frame, caret] = formatDiagnostics([cut!]).split('\n');
  t.true(frame!.length < 180);
  t.is(frame!.slice(caret!.indexOf('^'), caret!.lastIndexOf('^') + 1), 'pth');
  const hostile = parse(`nodes: [{ id: "a\\e[31m", ${line}, "p\\e]0;": 1 }]`);
  t.notRegex(formatDiagnostics(hostile.diagnostics), /\u001b/);
});

test('no control character of a name reaches the terminal, in message and hint neither', (t) => {
  const { diagnostics } = parse(oneNode('module: "\\e[2J\\e]0;owned\\a.yml"'));
  t.deepEqual(codes(diagnostics), ['3:13 error FILE_NOT_FOUND']);
  t.true(diagnostics[0]!.hint!.includes('\u001b'));
  t.notRegex(formatDiagnostics(diagnostics), /[\u0000-\u0008\u000b-\u001f]/);
  const named = { ...diagnostics[0]!, file: 'a\u001b[2J\n.yml', message: 'a\u202eb\nc' };
  t.regex(formatDiagnostics([named]), /^a\ufffd\[2J\ufffd\.yml:3:13 error FILE_NOT_FOUND {2}a\ufffdb\ufffdc\n/);
});

test('a name is cut between characters', (t) => {
  const { diagnostics } = parse(oneNode(`path: x`, `${'😀'.repeat(50)}: 1`));
  t.true(diagnostics[0]!.message.startsWith(`"${'😀'.repeat(28)}…" is no key`), diagnostics[0]!.message);
});

test('a file that is not there is looked for under nearly that name', (t) => {
  const folder = project(t, { 'dataflow.yml': 'nodes: []\n', 'dataflow.yaml.bak': '', 'parts/arm.yml': '' });
  const hint = (file: string): string | undefined => readDataflow(path.join(folder, file)).diagnostics[0]?.hint;
  t.is(hint('dataflow.yaml'), `Did you mean ${JSON.stringify(path.join(folder, 'dataflow.yml'))}?`);
  t.is(hint('none/dataflow.yml'), 'Give the path of a dataflow file, for example dataflow.yml.');
  writeFileSync(path.join(folder, 'dataflow.yml'), oneNode('module: parts/amr.yml'));
  t.regex(hint('dataflow.yml') ?? '', /^Did you mean "parts\/arm\.yml"\? Looked for /);
});

test('lines of an old Mac are lines, also beside those of others', (t) => {
  const text = 'nodes:\r  - id: a\n    pth: x\r\n    path: y\r';
  const { diagnostics } = parse(text);
  t.deepEqual(
    diagnostics.map(({ line, column, code }) => [line, column, code]),
    [[3, 5, 'UNKNOWN_KEY']],
  );
});

test('a second document is told by its mark, however large the file', (t) => {
  const padding = '# a line of the padding, which makes the file large\n'.repeat(2_000);
  for (const text of ['nodes: []\n---\nx: y\n', '# c\n---\nnodes: []\n--- # d\na: b\n', 'nodes: |\n  a\n---\nb: c\n']) {
    const [small, large] = [parse(text), parse(text + padding)];
    t.deepEqual(large.diagnostics, small.diagnostics, text);
    const found = small.diagnostics.find(({ code }) => code === 'SEVERAL_DOCUMENTS');
    t.is(found?.lineText?.slice(0, found.endColumn - 1), '---');
  }
});

test('a file in another encoding says at which character', (t) => {
  const { diagnostics } = parse(Buffer.from('nodes:\r\n  - id: a # t\u00fcr\r\n    path: x\r\n', 'latin1'));
  t.is(
    formatDiagnostics(diagnostics),
    [
      '/robot/dataflow.yml:2:14 error NOT_TEXT  the file is not UTF-8: a character on line 2 cannot be decoded',
      '  2 |   - id: a # t\ufffdr',
      '                   ^',
      '  hint: Save it as UTF-8.',
    ].join('\n'),
  );
});
