/** Typed ports across files: between a dataflow and its modules, modules in modules, and what `dora types` makes of them. */
import path from 'node:path';
import test from 'ava';
import { toTypeScript, type Diagnostic } from '../../../lib/descriptor/index.js';
import { nodeOf, project, readProject } from './helpers.js';

const lines = (diagnostics: readonly Diagnostic[]): string[] =>
  diagnostics.map((d) => `${d.file}:${d.line}:${d.column} ${d.severity} ${d.code}`);

/** A module with an input and an output of the types given; its port goes through a module in it when `deep`. */
const scaler = (input: string, output: string): string => `module: { name: scaler, inputs: [raw], outputs: [scaled] }
nodes:
  - id: scale
    path: x
    inputs: { raw: _mod/raw }
    input_types: { raw: ${input} }
    outputs: [scaled]
    output_types: { scaled: ${output} }
`;

const outer = `module: { name: outer, inputs: [value], outputs: [scaled] }
nodes:
  - id: inner
    module: scaler.yml
    inputs: { raw: _mod/value }
`;

const flow = (module: string, port: string, sent: string, taken: string): string => `nodes:
  - { id: sensor, path: x, outputs: [value], output_types: { value: ${sent} } }
  - { id: left, module: ${module}, inputs: { ${port}: sensor/value } }
  - { id: right, module: ${module}, inputs: { ${port}: sensor/value } }
  - id: sink
    path: x
    inputs: { l: left/scaled, r: right/scaled }
    input_types: { l: ${taken}, r: ${taken} }
`;

const f32 = 'std/core/v1/Float32';
const f64 = 'std/core/v1/Float64';
const text = 'std/core/v1/String';

test('what fits through modules is right, and every port knows its type', (t) => {
  const folder = project(t, { 'flow.yml': flow('scaler.yml', 'raw', f32, f64), 'scaler.yml': scaler(f64, f64) });
  const { dataflow, diagnostics } = readProject(folder);
  t.deepEqual(lines(diagnostics), []);
  t.is(nodeOf(dataflow!, 'left.scale').inputs[0]!.type!.name, f64);
  t.is(nodeOf(dataflow!, 'right.scale').outputs[0]!.type!.name, f64);
  const written = toTypeScript(dataflow!);
  t.regex(written, /export interface LeftScaleIo \{\n {2}inputs: \{\n.*From `sensor\/value`.*\n {4}raw: number;/);
  t.regex(written, /export interface RightScaleIo \{/);
  t.regex(written, /From `left\.scale\/scaled`.*\n {4}l: number;/);
});

for (const [name, module, port] of [
  ['a module', 'scaler.yml', 'raw'],
  ['a module in a module', 'outer.yml', 'value'],
] as const) {
  test(`an edge into and out of ${name} is told at the receiver's type, with the file of the sender's`, (t) => {
    const folder = project(t, {
      'flow.yml': flow(module, port, text, text),
      'scaler.yml': scaler(f64, f64),
      'outer.yml': outer,
    });
    const { dataflow, diagnostics } = readProject(folder);
    t.not(dataflow, undefined, 'warnings');
    t.deepEqual(lines(diagnostics), [
      'flow.yml:8:23 warning TYPE_MISMATCH',
      'flow.yml:8:46 warning TYPE_MISMATCH',
      'scaler.yml:6:25 warning TYPE_MISMATCH',
      'scaler.yml:6:25 warning TYPE_MISMATCH',
    ]);
    const inside = module === 'outer.yml' ? '.inner' : '';
    t.is(
      diagnostics[0]!.message,
      `"left${inside}.scale/scaled" sends ${f64} (scaler.yml:8), and the input "l" of "sink" takes ${text} (line 8)`,
    );
    t.is(
      diagnostics[3]!.message,
      `"sensor/value" sends ${text} (flow.yml:2), and the input "raw" of "right${inside}.scale" takes ${f64} (line 6)`,
    );
    t.regex(diagnostics[3]!.hint!, /Change flow\.yml:2 or line 6/);
  });
}

test('an edge inside a module that is used twice is wrong once, and named as its file names it', (t) => {
  const module = `module: { name: m, outputs: [o] }
nodes:
  - { id: a, path: x, outputs: [o], output_types: { o: ${f64} } }
  - { id: b, path: x, inputs: { i: a/o }, input_types: { i: ${text} } }
`;
  const folder = project(t, {
    'flow.yml': `strict_types: true
nodes:
  - { id: one, module: m.yml }
  - { id: two, module: m.yml }
  - { id: sink, path: x, inputs: { a: one/o, b: two/o } }
`,
    'm.yml': module,
  });
  const { dataflow, diagnostics } = readProject(folder);
  t.is(dataflow, undefined, 'strict_types of the dataflow holds for its modules');
  t.deepEqual(lines(diagnostics), ['m.yml:4:61 error TYPE_MISMATCH']);
  t.regex(diagnostics[0]!.message, /^"a\/o" sends .* \(line 3\), and the input "i" of "b" takes/);
});

test('a timer given to a module, an optional port that nobody gives, and operators inside', (t) => {
  const folder = project(t, {
    'flow.yml': `nodes:
  - { id: m, module: m.yml, inputs: { tick: dora/timer/millis/10 } }
  - { id: sink, path: x, inputs: { a: m/o }, input_types: { a: ${text} } }
`,
    'm.yml': `module: { name: m, inputs: [tick], inputs_optional: [more], outputs: [o] }
nodes:
  - id: runtime
    operators:
      - id: op
        shared-library: x
        inputs: { tick: _mod/tick, more: _mod/more }
        input_types: { tick: ${f64}, more: ${f64} }
        outputs: [o]
        output_types: { o: ${f64} }
`,
  });
  const { diagnostics } = readProject(folder);
  t.deepEqual(lines(diagnostics), ['flow.yml:3:64 warning TYPE_MISMATCH', 'm.yml:8:30 warning TYPE_MISMATCH']);
  t.regex(diagnostics[0]!.message, /^"m\.runtime\/op\/o" sends/);
  t.regex(diagnostics[1]!.message, /^timers send .* the input "tick" of "m\.runtime\/op" takes/);
});

test('types of modules are those of the folder beside the dataflow, and mistakes of all files come in one run', (t) => {
  const folder = project(t, {
    'flow.yml': `nodes:
  - { id: m, module: parts/m.yml }
  - { id: sink, path: x, inputs: { a: m/o }, input_types: { a: robot/v1/Angel } }
`,
    'parts/m.yml': `module: { name: m, outputs: [o] }
nodes:
  - { id: a, path: x, outputs: [o], output_types: { o: robot/v1/Angle, p: ${f64} } }
`,
    'types/robot/v1.yml': 'types: { Angle: { arrow: Float64, fields: [] }, Odd: { arrow: Flot64 } }\n',
  });
  const { diagnostics } = readProject(folder);
  t.deepEqual(lines(diagnostics), [
    'flow.yml:3:64 warning UNKNOWN_TYPE',
    'parts/m.yml:3:72 error UNKNOWN_OUTPUT',
    'types/robot/v1.yml:1:63 error INVALID_VALUE',
  ]);
  t.regex(diagnostics[0]!.hint!, /Did you mean robot\/v1\/Angle\?/);
});

test('the result names the files on which it depends, also a module that is not there', (t) => {
  const folder = project(t, {
    'flow.yml': 'nodes: [{ id: a, module: sub/outer.yml }, { id: b, module: gone.yml }]\n',
    'sub/outer.yml': outer.replace('scaler.yml', 'none.yml'),
  });
  t.deepEqual(
    readProject(folder).files.map((file) => path.relative(folder, file)),
    ['flow.yml', 'sub/outer.yml', 'sub/none.yml', 'gone.yml'],
  );
});
