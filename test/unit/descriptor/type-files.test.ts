/** The user's own types: where their files lie, what is read of them, and what is said of those that are wrong. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readDataflow, type DescriptorResult } from '../../../lib/descriptor/index.js';
import { codes, host } from './helpers.js';

/** Reads a dataflow of two nodes, whose output and input have the types given, beside files of types. */
function read(
  t: ExecutionContext,
  files: Record<string, string>,
  from: string,
  to: string,
  root = '',
): DescriptorResult {
  const folder = mkdtempSync(path.join(tmpdir(), 'dora-types-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  const file = path.join(folder, 'dataflow.yml');
  writeFileSync(
    file,
    `nodes:
  - { id: a, path: x, outputs: [o], output_types: { o: "${from}" } }
  - { id: b, path: x, inputs: { i: a/o }, input_types: { i: "${to}" } }
${root}`,
  );
  return readDataflow(file, { files: 'ignore', host });
}

const arm = `types:
  Limits:
    arrow: Struct
    description: Limits of a joint
    params:
      - { name: unit, default: rad, values: [rad, deg] }
      - { name: joints, kind: integer }
    metadata:
      - { key: joint, description: Which joint }
    fields:
      - { name: low, type: Float64 }
      - { name: "y", type: List<List<Vector3>>, nullable: true }
      - { name: pose, type: std/math/v1/Pose }
      - { name: own, type: robot/arm/v1/Celsius }
  Celsius:
    arrow: Float64
`;

test('types/robot/arm/v1.yml defines robot/arm/v1/…', (t) => {
  const { dataflow, diagnostics } = read(
    t,
    { 'types/robot/arm/v1.yml': arm },
    'robot/arm/v1/Limits[unit=deg,joints=6]',
    'robot/arm/v1/Limits',
  );
  t.deepEqual(codes(diagnostics), []);
  const limits = dataflow!.types.find(({ name }) => name === 'robot/arm/v1/Limits')!;
  t.deepEqual(limits, {
    name: 'robot/arm/v1/Limits',
    arrow: 'Struct',
    description: 'Limits of a joint',
    params: [
      { name: 'unit', kind: 'word', default: 'rad', values: ['rad', 'deg'] },
      { name: 'joints', kind: 'integer' },
    ],
    metadata: [{ key: 'joint', description: 'Which joint' }],
    fields: [
      { name: 'low', type: { kind: 'primitive', arrow: 'Float64' }, nullable: false },
      {
        name: 'y',
        type: { kind: 'list', of: { kind: 'list', of: { kind: 'type', name: 'std/math/v1/Vector3' } } },
        nullable: true,
      },
      { name: 'pose', type: { kind: 'type', name: 'std/math/v1/Pose' }, nullable: false },
      { name: 'own', type: { kind: 'type', name: 'robot/arm/v1/Celsius' }, nullable: false },
    ],
  });
  t.deepEqual(dataflow!.nodes[0]!.outputs[0]!.metadata, ['joint'], 'the type promises metadata');
});

test('parameters of own types are checked, names are offered, and versions are told apart', (t) => {
  const files = {
    'types/robot/arm/v1.yml': arm,
    'types/robot/arm/v2.yaml': arm.replaceAll('arm/v1', 'arm/v2'),
    'types/flat.yml': 'types: { T: { arrow: Bool'.replace('Bool', 'Boolean } }'),
  };
  const said = (from: string, to: string): string[] =>
    read(t, files, from, to).diagnostics.map(({ code, message, hint }) => `${code} ${message} ${hint ?? ''}`);
  t.deepEqual(said('flat/T', 'flat/T'), []);
  t.regex(
    said('robot/arm/v1/Limits[unit=degg]', 'std/core/v1/Bytes')[0]!,
    /^INVALID_TYPE .*rad, deg.*Did you mean "deg"\?/,
  );
  t.regex(said('robot/arm/v1/Limit', 'std/core/v1/Bytes')[0]!, /Did you mean robot\/arm\/v1\/Limits\?/);
  t.regex(
    said('robot/arm/v3/Limits', 'std/core/v1/Bytes')[0]!,
    /There is robot\/arm\/v1\/Limits, robot\/arm\/v2\/Limits/,
  );
  t.regex(said('robot/arm/v1/Limits', 'robot/arm/v2/Limits')[0]!, /TYPE_MISMATCH .*two versions of one type/);
});

test('a mistake in a file of types has its place there; one that the dataflow needs is an error', (t) => {
  const { diagnostics, dataflow } = read(
    t,
    {
      'types/a/v1.yml': `types:
  T:
    arow: Struct
    arrow: Struct
    fields:
      - { name: x, type: Flot64 }
      - { name: x, type: Float64 }
      - { type: Float64 }
  U: { arrow: Floaty }
  V: { arrow: Float32, fields: [{ name: x, type: Float32 }] }
  "a b": { arrow: Float32 }
  W: { arrow: Struct, fields: [{ name: w, type: List<a/v1/X> }] }
  X: { arrow: Struct, fields: [{ name: w, type: a/v1/W }] }
`,
    },
    'a/v1/T',
    'a/v1/T',
  );
  t.is(dataflow, undefined);
  t.true(diagnostics.every(({ file }) => file.endsWith(path.join('types', 'a', 'v1.yml'))));
  t.deepEqual(codes(diagnostics), [
    '3:5 error UNKNOWN_KEY',
    '6:26 warning UNKNOWN_TYPE',
    '7:17 error DUPLICATE_ID',
    '8:11 error MISSING_KEY',
    '9:15 error INVALID_VALUE',
    '10:24 error MISPLACED_KEY',
    '11:3 error INVALID_NAME',
    '12:3 warning INVALID_TYPE',
    '13:3 warning INVALID_TYPE',
  ]);
  t.regex(diagnostics[1]!.hint!, /Did you mean "Float64"\?/);
});

test('names of fields, parameters and metadata are words, once each', (t) => {
  const file = (what: string): Record<string, string> => ({
    'types/a/v1.yml': `types: { T: { arrow: Struct, ${what} } }`,
  });
  const said = (what: string): string[] => codes(read(t, file(what), 'a/v1/T', 'a/v1/T').diagnostics);
  for (const name of ['__proto__', '" "', '""', '"a\\nb"', '"\\ud800"', '"\\u2028"', 'x'.repeat(256)]) {
    t.deepEqual(said(`fields: [{ name: ${name}, type: Int8 }]`), ['1:47 error INVALID_NAME'], name);
  }
  t.deepEqual(said('params: [{ name: __proto__ }]'), ['1:47 error INVALID_NAME']);
  t.deepEqual(said('params: [{ name: "a b" }]'), ['1:47 error INVALID_NAME'], 'nobody could write it in brackets');
  t.deepEqual(said('metadata: [{ key: __proto__ }]'), ['1:48 error INVALID_NAME']);
  t.deepEqual(said('metadata: [{ key: k }, { key: k }]'), ['1:60 error DUPLICATE_ID']);
  t.deepEqual(said('fields: [{ name: constructor, type: Int8 }, { name: "größe in m", type: Int8 }]'), []);
});

test('fields whose type is unknown are as bad as ports of unknown type', (t) => {
  const files = { 'types/a/v1.yml': 'types: { T: { arrow: Struct, fields: [{ name: x, type: Nope }] } }' };
  t.deepEqual(codes(read(t, files, 'a/v1/T', 'a/v1/T').diagnostics), ['1:56 warning UNKNOWN_TYPE']);
  t.deepEqual(codes(read(t, files, 'a/v1/T', 'a/v1/T', 'strict_types: true').diagnostics), ['1:56 error UNKNOWN_TYPE']);
});

test('names are offered for as many mistakes as are read, and no longer where there are thousands of types', (t) => {
  const type = (i: number): string =>
    `  T${i}: { arrow: Struct, fields: [{ name: f, type: std/math/v${i + 2}/Pose }] }\n`;
  const all = (count: number): string => `types:\n${Array.from({ length: count }, (_, i) => type(i)).join('')}`;
  const offered = (count: number): number =>
    read(t, { 'types/a/v1.yml': all(count) }, 'a/v1/T0', 'a/v1/T0').diagnostics.filter(({ hint }) =>
      hint?.startsWith('There is std/math/v1/Pose'),
    ).length;
  t.is(offered(9), 9);
  t.is(offered(8000), 50, '50 times 8,000 names are compared');
});

test('a short name that fits two types is told to be written in full', (t) => {
  const files = {
    'types/a/v1.yml': 'types: { Pose: { arrow: Float32 }, T: { arrow: Struct, fields: [{ name: x, type: Pose }] } }',
  };
  const [problem] = read(t, files, 'a/v1/T', 'a/v1/T').diagnostics;
  t.is(problem!.message, '"Pose" could be std/math/v1/Pose or a/v1/Pose');
});

test('a folder "types" with other things in it is nobody\'s business', (t) => {
  const files = {
    'types/index.d.ts': 'export {};',
    'types/workflow.yml': 'on: push\n',
    'types/broken.yml': '{ a: [',
    'types/binary.yml': 'a\0b',
    'types/node_modules/x/v1.yml': 'types: { T: { arrow: Nope } }',
    'types/.git/v1.yml': 'types: { T: { arrow: Nope } }',
    'types/my robot/v1.yml': 'types: { T: { arrow: Nope } }',
    'types/robot/v1.yml': 'types: { T: { arrow: Float32 } }',
  };
  t.deepEqual(codes(read(t, files, 'robot/v1/T', 'robot/v1/T').diagnostics), []);
  t.deepEqual(codes(read(t, { 'types/v1.yml': 'types: 5' }, 'std/core/v1/Bool', 'std/core/v1/Bool').diagnostics), []);
});

test('a file that has to be one of types is told what is wrong with it', (t) => {
  const problems = (text: string): string[] =>
    codes(read(t, { 'types/r/v1.yml': text }, 'r/v1/T', 'r/v1/T').diagnostics);
  const unknown = ['2:56 warning UNKNOWN_TYPE', '3:61 warning UNKNOWN_TYPE'];
  t.deepEqual(problems(''), [...unknown, '1:1 error EMPTY_FILE']);
  t.deepEqual(problems('- a'), [...unknown, '1:1 error WRONG_TYPE']);
  t.deepEqual(problems('nodes: []'), [...unknown, '1:1 error UNKNOWN_KEY', '1:1 error MISSING_KEY']);
  t.deepEqual(problems('a\0b'), [...unknown, '1:1 error NOT_TEXT']);
  t.true(problems('types: {').includes('1:8 error YAML_SYNTAX'));
});

test('"std" is not for the user', (t) => {
  const { diagnostics } = read(t, { 'types/std/own/v1.yml': 'types: { T: { arrow: Float32 } }' }, 'r/v1/T', 'r/v1/T');
  t.true(codes(diagnostics).includes('1:1 error INVALID_NAME'));
});

test('links to folders are not entered, and links to files are read', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dora-types-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  mkdirSync(path.join(folder, 'types', 'r'), { recursive: true });
  symlinkSync('..', path.join(folder, 'types', 'loop'));
  writeFileSync(path.join(folder, 'real.txt'), 'types: { T: { arrow: Float32 } }');
  symlinkSync('../../real.txt', path.join(folder, 'types', 'r', 'v1.yml'));
  const file = path.join(folder, 'dataflow.yml');
  writeFileSync(
    file,
    'nodes: [{ id: a, path: x, outputs: [o], output_retain: { o: 1 }, output_types: { o: r/v1/T } }]',
  );
  t.deepEqual(codes(readDataflow(file, { files: 'ignore' }).diagnostics), []);
});

test('a file named "types" is no folder of types', (t) => {
  const { diagnostics } = read(t, { types: 'a file' }, 'r/v1/T', 'r/v1/T');
  t.deepEqual(codes(diagnostics), ['2:56 warning UNKNOWN_TYPE', '3:61 warning UNKNOWN_TYPE']);
});
