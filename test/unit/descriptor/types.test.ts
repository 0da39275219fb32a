/** Typed ports: names, parameters, the two ends of each edge, rules, what the model says, and contracts on metadata. */
import test from 'ava';
import { toMermaid, type Diagnostic } from '../../../lib/descriptor/index.js';
import { codes, dataflowOf, nodeOf, parse } from './helpers.js';

const core = (name: string): string => `std/core/v1/${name}`;

/** Two nodes and an edge; the output's type on line 6, the input's on line 9. */
const edge = (from: string, to: string, root = 'x-no: 0'): string => `${root}
nodes:
  - id: sender
    path: x
    outputs: [out]
    output_types: { out: "${from}" }
  - id: receiver
    path: x
    inputs: { in: sender/out }
    input_types: { in: "${to}" }
`;

const fits: [from: string, to: string][] = [
  [core('Float32'), core('Float32')],
  [core('Float32'), core('Float64')],
  [core('UInt8'), core('UInt32')],
  [core('UInt8'), core('UInt64')],
  [core('UInt32'), core('UInt64')],
  [core('Int32'), core('Int64')],
  [core('Int8'), core('Int64')],
  ['std/media/v1/Image', core('Bytes')],
  [core('String'), core('Bytes')],
  ['std/media/v1/Image[encoding=rgb8]', 'std/media/v1/Image'],
  ['std/media/v1/Image', 'std/media/v1/Image[encoding=rgb8]'],
  ['std/media/v1/Image[ encoding = rgb8 ]', 'std/media/v1/Image[encoding=rgb8]'],
  ['std/media/v1/AudioFrame[sample_type=f32]', 'std/media/v1/AudioFrame[channels=2]'],
  ['std/media/v1/AudioFrame[sample_type=f32,channels=2]', 'std/media/v1/AudioFrame[channels=2,sample_type=f32]'],
];

for (const [from, to] of fits) {
  test(`${from} fits ${to}`, (t) => {
    t.deepEqual(codes(parse(edge(from, to)).diagnostics), []);
  });
}

const differs: [from: string, to: string, hint: RegExp][] = [
  [core('Float64'), core('Float32'), /Float32 could become Float64.*write std\/core\/v1\/Float64 on line 10/],
  [core('Bytes'), 'std/media/v1/Image', /write std\/core\/v1\/Bytes on line 10/],
  [core('Int32'), core('UInt64'), /Change line 6 or line 10.*type_rules: \[\{ from: std\/core\/v1\/Int32/],
  [
    'std/media/v1/Image[encoding=rgb8]',
    'std/media/v1/Image[encoding=bgr8]',
    /"encoding" is "rgb8" on one side and "bgr8" on the other.*line 10/,
  ],
  ['std/math/v1/Pose', 'std/math/v1/Transform', /Pose has no field "translation"/],
  ['std/math/v1/Quaternion', 'std/math/v1/Vector3', /all fields of Vector3, but types are told apart by their names/],
];

for (const [from, to, hint] of differs) {
  test(`${from} does not fit ${to}`, (t) => {
    const { diagnostics, dataflow } = parse(edge(from, to));
    t.deepEqual(codes(diagnostics), ['10:24 warning TYPE_MISMATCH']);
    const message = `"sender/out" sends ${from} (line 6), and the input "in" of "receiver" takes ${to} (line 10)`;
    t.is(diagnostics[0]!.message, message);
    t.regex(diagnostics[0]!.hint!, hint);
    t.truthy(dataflow);
  });
}

test('with strict_types a mismatch is an error, by the file or by the caller, who has the last word', (t) => {
  const text = (root: string): string => edge(core('Bool'), core('String'), root);
  const severity = (root: string, strictTypes?: boolean): Diagnostic['severity'] =>
    parse(text(root), strictTypes === undefined ? {} : { strictTypes }).diagnostics[0]!.severity;
  t.is(severity('strict_types: true'), 'error');
  t.is(severity('strict_types: false'), 'warning');
  t.is(severity('strict_types: false', true), 'error');
  t.is(severity('strict_types: true', false), 'warning');
  t.is(parse(text('strict_types: true')).dataflow, undefined);
});

test('an end without a type is not compared', (t) => {
  const text = edge(core('Bool'), core('String'));
  t.deepEqual(codes(parse(text.replace(/^ {4}output_types.*\n/m, '')).diagnostics), []);
  t.deepEqual(codes(parse(text.replace(/^ {4}input_types.*\n/m, '')).diagnostics), []);
});

test('type_rules make pairs compatible, in the direction they say, with parameters, and three in a row', (t) => {
  const rules = (...pairs: [string, string][]): string =>
    `type_rules: [${pairs.map(([from, to]) => `{ from: "${from}", to: "${to}" }`).join(', ')}]`;
  const check = (from: string, to: string, root: string): string[] => codes(parse(edge(from, to, root)).diagnostics);
  const mismatch = ['10:24 warning TYPE_MISMATCH'];
  t.deepEqual(check(core('Bool'), core('UInt8'), rules([core('Bool'), core('UInt8')])), []);
  t.deepEqual(check(core('UInt8'), core('Bool'), rules([core('Bool'), core('UInt8')])), mismatch);
  t.deepEqual(check(core('Bool'), core('UInt32'), rules([core('Bool'), core('UInt8')])), []);
  t.deepEqual(check(core('Bool'), core('UInt64'), rules([core('Bool'), core('UInt8')])), []);
  const long = rules(
    [core('String'), core('Bool')],
    [core('Bool'), core('Int8')],
    [core('Int8'), core('Float32')],
    [core('Float32'), 'std/math/v1/Pose'],
  );
  t.deepEqual(check(core('String'), core('Float32'), long), []);
  t.deepEqual(check(core('String'), 'std/math/v1/Pose', long), mismatch);
  const [rgb, bgr, mono] = ['rgb8', 'bgr8', 'mono8'].map((encoding) => `std/media/v1/Image[encoding=${encoding}]`);
  t.deepEqual(check(rgb!, bgr!, rules([rgb!, bgr!])), []);
  t.deepEqual(check(mono!, bgr!, rules([rgb!, bgr!])), mismatch);
});

test('the type of a rule has to exist, and there is an end to rules', (t) => {
  const { diagnostics } = parse(edge(core('Bool'), core('Bool'), 'type_rules: [{ from: a/b, to: std/core/v1/Boool }]'));
  t.deepEqual(codes(diagnostics), ['1:22 warning UNKNOWN_TYPE', '1:31 warning UNKNOWN_TYPE']);
  t.regex(diagnostics[1]!.hint!, /Did you mean std\/core\/v1\/Bool\?/);
  const many = `type_rules: [${'{ from: std/core/v1/Bool, to: std/core/v1/Int8 }, '.repeat(1001)}]`;
  t.deepEqual(codes(parse(edge(core('Bool'), core('Bool'), many)).diagnostics), ['1:13 error OUT_OF_RANGE']);
});

const names: [type: string, code: string, words: RegExp][] = [
  ['std/media/v1/Imag', 'UNKNOWN_TYPE', /Did you mean std\/media\/v1\/Image\?/],
  ['std/vision/v1/Image', 'UNKNOWN_TYPE', /Did you mean std\/media\/v1\/Image\?/],
  ['std/core/v1/float64', 'UNKNOWN_TYPE', /Did you mean std\/core\/v1\/Float64\?/],
  ['Image', 'UNKNOWN_TYPE', /Did you mean std\/media\/v1\/Image\?/],
  ['std/media/v2/Image', 'UNKNOWN_TYPE', /There is std\/media\/v1\/Image/],
  ['std/math/v1/Matrix44', 'UNKNOWN_TYPE', /Types there: Vector3, Quaternion, Pose, Transform/],
  ['robot/arm/v1/Gripper', 'UNKNOWN_TYPE', /types\/robot\/arm\/v1\.yml beside the dataflow file/],
  ['std/media/v1/Image[', 'INVALID_TYPE', /brackets.*do not fit/],
  ['std/media/v1/Image[]', 'INVALID_TYPE', /parameter of the type .* is empty/],
  ['std/media/v1/Image[encoding]', 'INVALID_TYPE', /"encoding" is no parameter/],
  ['std/media/v1/Image[encoding=]', 'INVALID_TYPE', /is no parameter/],
  ['std/media/v1/Image[encoding=a,encoding=b]', 'INVALID_TYPE', /twice/],
  ['std/media/v1/Image]x[', 'INVALID_TYPE', /brackets/],
  ['[a=b]', 'INVALID_TYPE', /has no name/],
  ['std//Image', 'INVALID_TYPE', /no name of a type/],
  ['std/media/v1/Image[encodng=rgb8]', 'UNKNOWN_TYPE_PARAMETER', /Did you mean "encoding"\?/],
  ['std/core/v1/Bool[x=1]', 'UNKNOWN_TYPE_PARAMETER', /Write std\/core\/v1\/Bool\./],
  ['std/media/v1/AudioFrame[channels=two]', 'INVALID_TYPE', /"two"; it has to be a whole number above 0/],
  ['std/media/v1/AudioFrame[channels=0]', 'INVALID_TYPE', /above 0/],
  ['std/media/v1/AudioFrame[sample_type=f31]', 'INVALID_TYPE', /Did you mean "f32"\?/],
];

for (const [type, code, words] of names) {
  test(`the type ${type} is ${code}`, (t) => {
    const { diagnostics } = parse(edge(type, core('Bytes')));
    t.deepEqual(codes(diagnostics), [`6:26 warning ${code}`]);
    t.regex(`${diagnostics[0]!.message} ${diagnostics[0]!.hint ?? ''}`, words);
    t.deepEqual(codes(parse(edge(type, core('Bytes'), 'strict_types: true')).diagnostics), [`6:26 error ${code}`]);
  });
}

test('keys of contracts name inputs and outputs that exist', (t) => {
  const { diagnostics } = parse(`nodes:
  - id: a
    path: x
    inputs: { tick: dora/timer/hz/1 }
    outputs: [image]
    output_retain: { image: 1 }
    input_types: { tik: std/core/v1/UInt64 }
    output_types: { imag: std/media/v1/Image }
    output_framing: { image: raw, other: arrow-ipc }
    output_metadata: { depth: [exposure] }
`);
  t.deepEqual(
    codes(diagnostics).filter((code) => !code.endsWith('NO_EFFECT_YET')),
    [
      '7:20 error UNKNOWN_INPUT',
      '8:21 error UNKNOWN_OUTPUT',
      '9:35 error UNKNOWN_OUTPUT',
      '10:24 error UNKNOWN_OUTPUT',
    ],
  );
  t.regex(diagnostics[0]!.hint!, /Did you mean "tick"\?/);
  t.regex(diagnostics.at(-1)!.hint!, /Outputs here: image\./);
});

test('timers send std/core/v1/UInt64', (t) => {
  const timer = (type: string): string => `nodes:
  - id: a
    path: x
    inputs: { tick: dora/timer/millis/100 }
    input_types: { tick: ${type} }
`;
  t.deepEqual(codes(parse(timer(core('UInt64'))).diagnostics), []);
  t.deepEqual(codes(parse(timer(core('Bytes'))).diagnostics), []);
  const { diagnostics } = parse(timer(core('Float64')));
  t.deepEqual(codes(diagnostics), ['5:26 warning TYPE_MISMATCH']);
  t.regex(
    diagnostics[0]!.message,
    /^timers send std\/core\/v1\/UInt64, and the input "tick" of "a" takes .*Float64 \(line 5\)$/,
  );
  const [input] = nodeOf(dataflowOf(timer(core('UInt64')).replace(/ {4}input_types.*\n/, '')), 'a').inputs;
  t.is(input!.type!.name, core('UInt64'));
});

test('the model has the type of each port, and the definitions of all of them', (t) => {
  const dataflow = dataflowOf(`nodes:
  - id: camera
    custom:
      source: x
      outputs: [image, pose, raw]
      output_types: { image: "std/media/v1/Image[encoding=rgb8]", pose: std/math/v1/Pose }
  - id: vision
    operators:
      - id: edges
        shared-library: x
        inputs: { image: camera/image, pose: camera/pose, raw: camera/raw }
        input_types: { image: std/core/v1/Bytes }
        outputs: [out]
        output_types: { out: std/core/v1/Float32 }
  - { id: sink, path: x, inputs: { out: vision/out } }
`);
  const [image, pose, raw] = nodeOf(dataflow, 'vision').operators![0]!.inputs;
  t.is(image!.type!.name, core('Bytes'), 'its own type');
  t.is(pose!.type!.name, 'std/math/v1/Pose', 'that of its source');
  t.is(raw!.type, undefined);
  t.deepEqual(nodeOf(dataflow, 'camera').outputs[0]!.type, {
    name: 'std/media/v1/Image[encoding=rgb8]',
    base: 'std/media/v1/Image',
    params: { encoding: 'rgb8' },
  });
  t.is(nodeOf(dataflow, 'vision').outputs[0]!.type!.name, core('Float32'), 'also under the full name');
  t.is(nodeOf(dataflow, 'sink').inputs[0]!.type!.name, core('Float32'));
  t.deepEqual(
    dataflow.types.map(({ name }) => name),
    [
      core('Bytes'),
      core('Float32'),
      'std/math/v1/Pose',
      'std/math/v1/Quaternion',
      'std/math/v1/Vector3',
      'std/media/v1/Image',
    ],
  );
  t.deepEqual(dataflow.types.find(({ name }) => name === 'std/math/v1/Pose')!.fields, [
    { name: 'position', type: { kind: 'type', name: 'std/math/v1/Vector3' }, nullable: false },
    { name: 'orientation', type: { kind: 'type', name: 'std/math/v1/Quaternion' }, nullable: false },
  ]);
  const drawing = toMermaid(dataflow);
  t.regex(drawing, /-->\|"pose: Pose"\|/);
  t.regex(drawing, /-->\|"image: Bytes"\|/);
  t.regex(drawing, /-->\|"raw"\|/);
});

test('types of operators are compared, also within one runtime, and under short sources', (t) => {
  const { diagnostics } = parse(`nodes:
  - id: rt
    operators:
      - { id: a, shared-library: x, outputs: [o], output_types: { o: std/core/v1/Bool } }
      - { id: b, shared-library: x, inputs: { i: a/o }, input_types: { i: std/core/v1/String } }
  - { id: c, path: x, inputs: { i: rt/o }, input_types: { i: std/core/v1/Int8 } }
`);
  t.deepEqual(codes(diagnostics), ['5:75 warning TYPE_MISMATCH', '6:62 warning TYPE_MISMATCH']);
  t.regex(diagnostics[0]!.message, /"rt\/a\/o" sends .* \(line 4\), and the input "i" of "rt\/b"/);
});

test('an unknown type is not compared, and an input of unknown type does not take that of its source', (t) => {
  const { diagnostics, dataflow } = parse(edge(core('Bool'), 'std/core/v1/Boolx'));
  t.deepEqual(codes(diagnostics), ['10:24 warning UNKNOWN_TYPE']);
  t.is(nodeOf(dataflow!, 'receiver').inputs[0]!.type, undefined);
});

test('metadata keys are promised by output_metadata, else by the pattern', (t) => {
  const dataflow = dataflowOf(`nodes:
  - id: client
    path: x
    pattern: action-client
    inputs: { feedback: server/feedback, result: server/result }
    outputs: [goal, cancel]
  - id: server
    path: x
    pattern: action-server
    inputs: { goal: client/goal, cancel: client/cancel }
    outputs: [feedback, result]
    output_metadata: { feedback: [goal_id] }
`);
  const promised = (id: string): unknown => nodeOf(dataflow, id).outputs.map(({ metadata }) => metadata);
  t.deepEqual(promised('client'), [['goal_id'], ['goal_id']]);
  t.deepEqual(promised('server'), [['goal_id'], ['goal_id', 'goal_status']]);
});

const keys: [keys: string, words: RegExp][] = [
  ['[a, a]', /"a" is listed twice/],
  [`[${'k'.repeat(256)}]`, /takes 256 bytes; at most 255/],
  ['[__proto__]', /cannot be a key/],
];

for (const [list, words] of keys) {
  test(`output_metadata refuses ${list.slice(0, 12)}`, (t) => {
    const text = `nodes: [{ id: a, path: x, outputs: [o], output_retain: { o: 1 }, output_metadata: { o: ${list} } }]`;
    const [problem, ...others] = parse(text).diagnostics;
    t.deepEqual(others, []);
    t.is(problem!.code, 'INVALID_VALUE');
    t.regex(problem!.message, words);
  });
}

test('a pattern needs an output, an input, and a sender of its key', (t) => {
  const incomplete = (text: string): string[] =>
    parse(text)
      .diagnostics.filter(({ code }) => code === 'PATTERN_INCOMPLETE')
      .map(({ line, message }) => `${line} ${message}`);
  const pair = (client: string, server: string): string => `nodes:
  - { id: c, path: x, ${client} }
  - { id: s, path: x, ${server} }
`;
  const serverPorts = 'pattern: service-server, inputs: { req: c/req }, outputs: [res]';
  t.deepEqual(incomplete(pair('pattern: service-client, inputs: { res: s/res }, outputs: [req]', serverPorts)), []);
  t.deepEqual(
    incomplete(pair('inputs: { res: s/res }, outputs: [req]', serverPorts)),
    [],
    'the client promises nothing',
  );
  t.deepEqual(
    incomplete(pair('inputs: { res: s/res }, outputs: [req], output_metadata: { req: [frame] }', serverPorts)),
    ['3 "s" is a service-server, and none of its inputs carries the metadata key "request_id"'],
  );
  t.deepEqual(incomplete(pair('outputs: [req]', 'pattern: service-server, inputs: { req: c/req }')), [
    '3 "s" is a service-server and has no output',
  ]);
  t.deepEqual(
    incomplete(pair('pattern: service-client, inputs: { t: dora/timer/hz/1 }, outputs: [req]', 'inputs: { q: c/req }')),
    ['2 "c" is a service-client and has no input but timers'],
  );
});

test('a module alone does not know the types folder of its dataflow', (t) => {
  const text = (type: string): string => `module: { name: m, outputs: [o] }
nodes:
  - { id: a, path: x, outputs: [o], output_types: { o: ${type} } }
`;
  t.deepEqual(codes(parse(text('robot/v1/Arm')).diagnostics), []);
  t.deepEqual(codes(parse(text('std/math/v1/Poze')).diagnostics), ['3:56 warning UNKNOWN_TYPE']);
});

test('a megabyte of types and rules takes less time than anybody notices', (t) => {
  const rules = Array.from(
    { length: 1000 },
    (_, i) => `{ from: "std/media/v1/Image[encoding=e${i}]", to: std/core/v1/Bool }`,
  );
  const nodes = Array.from(
    { length: 4000 },
    (_, i) =>
      `  - { id: s${i}, path: x, outputs: [o], output_types: { o: "std/media/v1/Image[encoding=e${i}]" } }\n` +
      `  - { id: r${i}, path: x, inputs: { i: s${i}/o }, input_types: { i: std/core/v1/Strin${i} } }\n`,
  );
  const { diagnostics } = parse(`type_rules: [${rules.join(', ')}]\nnodes:\n${nodes.join('')}`);
  t.is(diagnostics.length, 201, 'two hundred unknown types, and that there are more');
});
