/** What `dora types` writes: its text, and that the compiler takes right programs and refuses wrong ones. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { readDataflow, toTypeScript, type Dataflow } from '../../../lib/descriptor/index.js';
import { typecheck } from '../../helpers/typecheck.js';
import { dataflowOf } from './helpers.js';

const robot = 'test/fixtures/types/robot.yml';

const typesOf = (file: string): string => toTypeScript(readDataflow(file, { files: 'ignore' }).dataflow!);
const generated = typesOf(robot);

test('an interface a node and operator, with types, sources and descriptions', (t) => {
  // Renewed by: npx dora types test/fixtures/types/robot.yml --out test/fixtures/types/robot-types.ts
  t.is(generated, readFileSync('test/fixtures/types/robot-types.ts', 'utf8'));
  t.is(typesOf(robot), generated, 'the same file, the same text');
  t.deepEqual(
    [...generated.matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, name]) => name),
    [
      ...['FrontCameraIo', 'LocalizerIo', 'PlannerIo', 'VisionEdgesIo', 'SingleIo'],
      ...['JointState', 'Pose', 'Quaternion', 'Vector3', 'BoundingBox', 'Detection'],
    ],
  );
});

const connect = (io: string, body: string): string =>
  `import { Node } from 'dora-ts';
import type { ${io} } from './dora-types.js';
const node = await Node.connect<${io}>();
${body}
`;

const right = {
  'camera.ts': connect(
    'FrontCameraIo',
    `await node.send('image', new Uint8Array(12), { width: 2 });
await node.send('jpeg', new Uint8ClampedArray(3));
await node.send('raw', new Float32Array(3));
await node.send('info', 'text');
await node.send('exposure.us', 12);
await node.send('open', { any: ['thing'] });
node.loan('image', 12).discard();
for await (const event of node) if (event.type === 'input' && event.id === 'tick') event.data.subarray();`,
  ),
  'planner.ts': connect(
    'PlannerIo',
    `await node.run({ input: {
  pose: (event) => { const x: number = event.json().position.x; void x; },
  joints: (event) => { const names: string[] = event.json().names; void names; },
  info: (event) => { const text: string = event.text(); void text; },
  jpeg: (event) => { const bytes: Uint8Array = event.copy(); void bytes; },
  time: (event) => { const time: number = event.json(); void time; },
  any: (event) => { const any: unknown = event.json(); void any; },
  edges: (event) => { for (const { label } of event.json().boxes) label.trim(); },
} });
node.trySend('stop', true);
const next = await node.recv({ only: ['pose'] });
if (next?.type === 'input' && next.id === 'pose') next.json().orientation.w.toFixed();`,
  ),
  'none.ts': connect('SingleIo', "const event = await node.recv({ only: ['any'] }); void event;"),
};

/** A body, and what the compiler says. */
const wrong: [io: string, body: string, said: RegExp][] = [
  ['PlannerIo', "await node.send('stopp', true);", /"stopp".*"stop"/],
  ['PlannerIo', "await node.send('stop', 'yes');", /string.*boolean/],
  ['PlannerIo', "await node.send('pose', true);", /"pose"/],
  ['PlannerIo', "node.loan('stopp', 4);", /"stopp"/],
  ['PlannerIo', "await node.recv({ only: ['posee'] });", /"posee"/],
  ['PlannerIo', 'await node.run({ input: { posee: () => undefined } });', /'posee'/],
  ['PlannerIo', 'await node.run({ input: { pose: (e) => { e.json().positon; } } });', /'positon'/],
  ['PlannerIo', 'await node.run({ input: { jpeg: (e) => { e.json().length; } } });', /'length'.*NoJson/],
  ['PlannerIo', 'await node.run({ input: { bytes: (e) => { const b: Uint8Array = e.json(); void b; } } });', /NoJson/],
  ['PlannerIo', 'await node.run({ input: { info: (e) => { const s: string = e.json(); void s; } } });', /NoJson/],
  ['PlannerIo', 'await node.run({ input: { any: (e) => { e.json().x; } } });', /unknown/],
  ['FrontCameraIo', "await node.send('image', { width: 2 });", /'width' does not exist in type 'Bytes'/],
  ['FrontCameraIo', "await node.send('exposure.us', 1n);", /bigint.*number/],
  ['LocalizerIo', "await node.send('pose', { position: { x: 1, y: 2, z: 3 } });", /orientation/],
  ['SingleIo', "await node.send('out', 1);", /never/],
  ['SingleIo', "await node.recv({ only: ['tick'] });", /"tick"/],
];

test('right programs compile under strict, wrong ids and payloads do not', (t) => {
  const files: Record<string, string> = { 'dora-types.ts': generated, ...right };
  wrong.forEach(([io, body], index) => {
    files[`wrong${index}.ts`] = connect(io, body);
  });
  const said = typecheck(files);
  for (const name of ['dora-types.ts', ...Object.keys(right)]) t.deepEqual(said[name], [], name);
  wrong.forEach(([, body, words], index) => {
    const messages = said[`wrong${index}.ts`]!;
    t.is(messages.length, 1, `${body}\n${messages.join('\n')}`);
    t.regex(messages[0]!, words, body);
    t.true(messages[0]!.startsWith('4: '), body);
  });
});

/** A dataflow whose own types are in a file of types. */
function withTypes(types: string, dataflow: string): Dataflow {
  const folder = mkdtempSync(path.join(tmpdir(), 'dora-types-'));
  try {
    mkdirSync(path.join(folder, 'types', 'own'), { recursive: true });
    writeFileSync(path.join(folder, 'types', 'own', 'v1.yml'), types);
    const file = path.join(folder, 'dataflow.yml');
    writeFileSync(file, dataflow);
    return readDataflow(file, { files: 'ignore' }).dataflow!;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One node whose outputs o0, o1, … have these types. */
const outputs = (...types: string[]): string => {
  const ids = types.map((_, index) => `o${index}`);
  const typed = ids.map((id, index) => `${id}: "${types[index] ?? ''}"`).join(', ');
  return `nodes: [{ id: a, path: x, outputs: [${ids.join(', ')}], output_types: { ${typed} } }]`;
};

test('own types: names that are hostile, collide or are no identifiers', (t) => {
  const types = `types:
  Pose: { arrow: Struct, description: "ends */ here\\nand\\u2028here", fields: [{ name: of, type: std/math/v1/Pose }] }
  AIo: { arrow: Struct, fields: [{ name: x, type: Float32 }] }
  Uint8Array: { arrow: LargeBinary }
  3d-point: { arrow: Struct, fields: [{ name: "a b'\\"\\\\", type: Int8 }, { name: 5, type: Utf8 }, { name: constructor, type: Boolean }, { name: class, type: List<List<Utf8>> }] }
  celsius: { arrow: Float64, description: degrees }
  Shot: { arrow: Struct, fields: [{ name: image, type: std/media/v1/Image }, { name: t, type: celsius, nullable: true }] }
  Blob: { arrow: Struct, fields: [{ name: bytes, type: LargeBinary }, { name: size, type: UInt32 }] }
  Temperatures: { arrow: Struct, fields: [{ name: all, type: List<celsius> }, { name: last, type: celsius, nullable: true }] }
  Anything: { arrow: Struct }
`;
  const names = ['Pose', 'AIo', 'Uint8Array', '3d-point', 'celsius', 'Shot', 'Blob', 'Temperatures', 'Anything'];
  const dataflow = withTypes(types, outputs(...names.map((name) => `own/v1/${name}`), 'std/math/v1/Pose'));
  const text = toTypeScript(dataflow);
  const lines = [
    ['o0: OwnV1Pose;', 'two types are named Pose'],
    ['o1: AIo2;', 'AIo is the interface of the node'],
    ['o2: Uint8Array2;', 'the name of bytes'],
    ['o3: Type3dPoint;', 'a name starts with a letter'],
    ['o4: Celsius;', 'another name for a number'],
    ['o5: Shot;', 'bytes in it have no JSON form'],
    ['o6: Blob;', 'one field of bytes'],
    ['o9: StdMathV1Pose;', 'the other Pose'],
    ['export type Celsius = number;', ''],
    ['export type Shot = Uint8Array;', ''],
    ['export type Blob = Uint8Array;', ''],
    ['export type Anything = unknown;', ''],
    ['  all: Celsius[];', ''],
    ['  last: Celsius | null;', 'the definition says that it may be missing'],
    ['The bytes are `bytes`; `size` go along as metadata.', ''],
    [`  "a b'\\"\\\\": number;`, ''],
    ["  '5': string;", ''],
    ['  class: string[][];', ''],
  ] as const;
  for (const [line, why] of lines) t.true(text.includes(line), `${line} ${why}\n${text}`);
  t.deepEqual(typecheck({ 'dora-types.ts': text }), { 'dora-types.ts': [] });
});

test('the text is the same after it was written and read, whatever a description holds', (t) => {
  const text = toTypeScript(
    dataflowOf('nodes: [{ id: a, path: x, description: "half \\ud83d of a pair, \\u202e and */ \\u2028" }]'),
  );
  t.is(Buffer.from(text).toString(), text);
  t.true(text.includes('half \ufffd of a pair, and *\\/.'), text);
});

test('long chains of types and types that all hold each other take no deep stack and no long time', (t) => {
  const chain = Array.from(
    { length: 10_000 },
    (_, i) =>
      `  T${i}: { arrow: Struct, fields: [{ name: f, type: ${i === 9999 ? 'LargeBinary' : `own/v1/T${i + 1}`} }] }\n`,
  );
  t.regex(toTypeScript(withTypes(`types:\n${chain.join('')}`, outputs('own/v1/T0'))), /export type T0 = Uint8Array;/);
  const fields = Array.from({ length: 120 }, (_, i) => `{ name: f${i}, type: own/v1/T${i} }`).join(', ');
  const circle = Array.from({ length: 120 }, (_, i) => `  T${i}: { arrow: Struct, fields: [${fields}] }\n`);
  const dataflow = withTypes(`types:\n${circle.join('')}`, outputs('own/v1/T0'));
  const start = performance.now();
  t.regex(toTypeScript(dataflow), /export interface T119 \{\n {2}f0: T0;/);
  t.true(performance.now() - start < 5000, 'ten seconds and more when each type is walked for each field');
});

test('ids that give one name, or none, get names of their own', (t) => {
  const nodes = ['a-b', 'a_b', 'aB', '9', '--', 'io', 'uint8-array'].map(
    (id) => `{ id: "${id}", path: x, outputs: [o.1, x-y, ok] }`,
  );
  const text = toTypeScript(dataflowOf(`nodes: [${nodes.join(', ')}]`));
  t.deepEqual(
    [...text.matchAll(/^export interface (\w+)/gm)].map(([, name]) => name),
    ['ABIo', 'AB2Io', 'AB3Io', 'Node9Io', 'NodeIo', 'IoIo', 'Uint8ArrayIo'],
  );
  t.true(text.includes("    'o.1': unknown;\n    'x-y': unknown;\n    ok: unknown;"));
  t.deepEqual(typecheck({ 'dora-types.ts': text }), { 'dora-types.ts': [] });
});
