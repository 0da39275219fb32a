/** How the text of a source finds its output: full names, short forms and their precedence, what is said when none fits. */
import test from 'ava';
import { codes, dataflowOf, nodeOf, parse } from './helpers.js';

/** A node `reader` with one input, beside program `cam`, runtime `rt` (operators `left`, `right`) and runtime `rt2`. */
const graph = (source: string): string => `nodes:
  - { id: cam, path: x, outputs: [image] }
  - id: rt
    operators:
      - { id: left, shared-library: l, outputs: [out, only-left] }
      - { id: right, shared-library: l, outputs: [out] }
  - id: rt2
    operators:
      - { id: right, shared-library: l, outputs: [out, only-rt2] }
      - { id: cam, shared-library: l, outputs: [image, depth] }
  - id: one
    operator: { shared-library: l, outputs: [o] }
  - id: reader
    path: x
    inputs:
      in: ${source}
`;

const found: [source: string, node: string, operator: string | undefined, output: string][] = [
  ['cam/image', 'cam', undefined, 'image'],
  ['rt/left/out', 'rt', 'left', 'out'],
  ['rt/only-left', 'rt', 'left', 'only-left'],
  ['left/out', 'rt', 'left', 'out'],
  ['right/only-rt2', 'rt2', 'right', 'only-rt2'],
  ['one/o', 'one', 'one', 'o'],
  ['one/one/o', 'one', 'one', 'o'],
  // The program `cam` has no such output, the operator of that name has.
  ['cam/depth', 'rt2', 'cam', 'depth'],
];

for (const [source, node, operator, output] of found) {
  test(`${source} is ${node}/${operator ?? ''}/${output}`, (t) => {
    const [input] = nodeOf(dataflowOf(graph(source)), 'reader').inputs;
    t.deepEqual(input!.source, { kind: 'output', node, ...(operator === undefined ? {} : { operator }), output });
  });
}

const wrong: [source: string, code: string, words: RegExp][] = [
  ['rt/out', 'AMBIGUOUS_SOURCE', /rt\/left\/out or rt\/right\/out/],
  ['right/out', 'AMBIGUOUS_SOURCE', /rt\/right\/out or rt2\/right\/out/],
  ['rt/left/outt', 'UNKNOWN_SOURCE', /operator "rt\/left" has no output "outt".*Did you mean rt\/left\/out\?/],
  ['rt/middle/out', 'UNKNOWN_SOURCE', /no operator "middle".*left, right/],
  ['rt/lefft/out', 'UNKNOWN_SOURCE', /Did you mean rt\/left\/out\?/],
  ['caam/image', 'UNKNOWN_SOURCE', /no "caam".*Did you mean cam\/image\?/],
  ['nobody/only-left', 'UNKNOWN_SOURCE', /Did you mean rt\/left\/only-left\?/],
  ['nobody/nothing', 'UNKNOWN_SOURCE', /Nodes here: cam, rt, rt2, one, reader/],
  ['reader/x', 'UNKNOWN_SOURCE', /no outputs/],
  ['image', 'INVALID_SOURCE', /Did you mean cam\/image or rt2\/cam\/image\?/],
  ['rt//out', 'INVALID_SOURCE', /empty/],
  ['"rt/left out"', 'INVALID_SOURCE', /white space/],
];

for (const [source, code, words] of wrong) {
  test(`${source} is ${code}`, (t) => {
    const { diagnostics } = parse(graph(source));
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    t.deepEqual(codes(errors), [`16:11 error ${code}`]);
    t.regex(`${errors[0]!.message} ${errors[0]!.hint ?? ''}`, words);
    t.is(errors[0]!.path, 'nodes[4].inputs.in');
  });
}

test('outputs that nobody reads are warnings, retained ones are not, and none when a source is wrong', (t) => {
  const text = (source: string): string => `nodes:
  - { id: a, path: x, outputs: [used, unused, kept], output_retain: { kept: 2 } }
  - { id: b, path: x, inputs: { i: ${source} } }
`;
  const { diagnostics } = parse(text('a/used'));
  t.deepEqual(codes(diagnostics), ['2:39 warning UNREAD_OUTPUT']);
  t.deepEqual(codes(parse(text('a/usedd')).diagnostics), ['3:36 error UNKNOWN_SOURCE']);
});

const edge = (from: string, policy = 'backpressure'): string => `{ source: ${from}/o, queue_policy: ${policy} }`;
const ring = (policies: string[]): string =>
  [
    'nodes:',
    ...policies.map(
      (policy, i) =>
        `  - { id: n${i}, path: x, outputs: [o], inputs: { i: ${edge(`n${(i + policies.length - 1) % policies.length}`, policy)} } }`,
    ),
  ].join('\n');

test('a circle of backpressure inputs is one warning; one input that drops breaks it', (t) => {
  const full = parse(ring(Array<string>(4).fill('backpressure')));
  t.deepEqual(codes(full.diagnostics), ['2:61 warning BACKPRESSURE_CYCLE']);
  t.truthy(full.dataflow);
  t.deepEqual(parse(ring(['backpressure', 'backpressure', 'drop_oldest'])).diagnostics, []);
  t.regex(parse(ring(['backpressure'])).diagnostics[0]!.message, /waits for itself/);
});

test('two separate circles are two warnings, also between operators of one node', (t) => {
  const operators = ['p', 'q'].map(
    (id) => `      - { id: ${id}, shared-library: l, outputs: [o], inputs: { i: ${edge(id === 'p' ? 'q' : 'p')} } }`,
  );
  const { diagnostics } = parse(
    [ring(Array<string>(2).fill('backpressure')), '  - id: rt', '    operators:', ...operators].join('\n'),
  );
  t.deepEqual(
    diagnostics.map(({ code }) => code),
    ['BACKPRESSURE_CYCLE', 'BACKPRESSURE_CYCLE'],
  );
});

test('a circle through ten thousand nodes is found', (t) => {
  const { diagnostics } = parse(ring(Array<string>(10_000).fill('backpressure')));
  t.deepEqual(
    diagnostics.map(({ code }) => code),
    ['BACKPRESSURE_CYCLE'],
  );
});
