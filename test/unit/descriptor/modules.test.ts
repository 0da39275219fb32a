/** Nodes that are modules: their files become nodes of the dataflow, wired as if they had been written out. */
import path from 'node:path';
import test from 'ava';
import { toMermaid, type DataflowNode } from '../../../lib/descriptor/index.js';
import { codes, errorsOf, nodeOf, project, readProject } from './helpers.js';

const filter = `module:
  name: filter
  inputs: [raw]
  inputs_optional: [config]
  outputs: [clean]
build: make -j2
nodes:
  - id: scale
    path: scale.py
    args: --factor \${_param.factor} --mode "$PARAM_MODE" --limit \${_param.limit:-9}
    inputs:
      raw: _mod/raw
      config: { source: _mod/config, queue_size: 3 }
    outputs: [scaled]
  - id: check
    path: ./bin/check
    working-directory: bin
    env: { PARAM_MODE: ignored, OWN: "$OUTER", DEPTH: inner }
    inputs: { scaled: scale/scaled }
    outputs: [clean]
`;

const flow = `env: { ROOT: root }
nodes:
  - id: camera
    path: camera.py
    inputs: { tick: dora/timer/millis/10 }
    outputs: [image]
  - id: left
    module: parts/filter.yml
    env: { OUTER: "$ROOT!", DEPTH: outer }
    build: pip install x
    inputs: { raw: { source: camera/image, queue_size: 2, queue_policy: backpressure, priority: 5 } }
    params: { factor: 2.50, Mode: "a b" }
  - id: sink
    path: sink.py
    inputs: { clean: left/clean }
`;

const sourceOf = (node: DataflowNode, input: string): string => {
  const found = node.inputs.find(({ id }) => id === input)?.source;
  if (found === undefined) return 'none';
  if (found.kind === 'timer') return `timer ${found.periodNs}`;
  return [found.node, ...(found.operator === undefined ? [] : [found.operator]), found.output].join('/');
};

test('the nodes of a module stand in its place, with ids, sources, parameters and paths of their own', (t) => {
  const folder = project(t, { 'flow.yml': flow, 'parts/filter.yml': filter });
  const { dataflow, diagnostics } = readProject(folder, { purpose: 'run' });
  t.deepEqual(codes(diagnostics), []);
  t.deepEqual(
    dataflow!.nodes.map(({ id }) => id),
    ['camera', 'left.scale', 'left.check', 'sink'],
  );
  const scale = nodeOf(dataflow!, 'left.scale');
  t.deepEqual(scale.program, {
    command: 'scale.py',
    args: ['--factor', '2.50', '--mode', 'a b', '--limit', '9'],
  });
  t.is(scale.folder, path.join(folder, 'parts'));
  t.is(scale.workingDirectory, path.join(folder, 'parts'));
  t.deepEqual(scale.env, { ROOT: 'root', OUTER: 'root!', DEPTH: 'outer', PARAM_FACTOR: '2.50', PARAM_MODE: 'a b' });
  // The optional input is not given, so it is not there.
  t.deepEqual(scale.inputs, [
    {
      id: 'raw',
      queueSize: 2,
      queuePolicy: 'backpressure',
      priority: 5,
      source: { kind: 'output', node: 'camera', output: 'image' },
    },
  ]);
  const check = nodeOf(dataflow!, 'left.check');
  t.is(check.workingDirectory, path.join(folder, 'parts/bin'));
  t.like(check.env, { PARAM_MODE: 'a b', OWN: 'root!', DEPTH: 'inner' });
  t.is(sourceOf(check, 'scaled'), 'left.scale/scaled');
  t.is(sourceOf(nodeOf(dataflow!, 'sink'), 'clean'), 'left.check/clean');
  t.deepEqual(dataflow!.modules, [
    {
      id: 'left',
      name: 'filter',
      file: path.join(folder, 'parts/filter.yml'),
      builds: [
        { lines: ['pip install x'], folder },
        { lines: ['make -j2'], folder: path.join(folder, 'parts') },
      ],
      env: { ROOT: 'root', OUTER: 'root!', DEPTH: 'outer', PARAM_FACTOR: '2.50', PARAM_MODE: 'a b' },
    },
  ]);
  t.regex(toMermaid(dataflow!), /left\.check/);
});

test("an input's own queue settings win over those of the module's node, and those over the defaults", (t) => {
  const folder = project(t, {
    'flow.yml': `nodes:
  - { id: a, path: x, outputs: [o] }
  - { id: m, module: m.yml, inputs: { p: { source: a/o, queue_size: 7, queue_policy: backpressure }, q: a/o } }
`,
    'm.yml': `module: { name: m, inputs: [p, q] }
nodes:
  - id: n
    path: x
    inputs:
      own: { source: _mod/p, queue_size: 2, queue_policy: drop_oldest }
      part: { source: _mod/p, priority: 9 }
      plain: { source: _mod/q, queue_size: 3 }
      none: _mod/q
`,
  });
  const { inputs } = nodeOf(readProject(folder).dataflow!, 'm.n');
  t.deepEqual(
    inputs.map(({ id, queueSize, queuePolicy, priority }) => [id, queueSize, queuePolicy, priority]),
    [
      ['own', 2, 'drop_oldest', 0],
      ['part', 7, 'backpressure', 9],
      ['plain', 3, 'drop_oldest', 0],
      ['none', 10, 'drop_oldest', 0],
    ],
  );
});

test('modules inside modules, operators, timers through ports, and a module used twice', (t) => {
  const folder = project(t, {
    'flow.yml': `nodes:
  - { id: src, path: x, outputs: [o] }
  - { id: one, module: outer.yml, inputs: { in: src/o, tick: dora/timer/hz/10 }, params: { k: 1 } }
  - { id: two, module: outer.yml, inputs: { in: one/out, tick: one/ticks }, params: { k: 2 } }
  - { id: end, path: x, inputs: { a: two/out, b: two/ticks } }
`,
    'outer.yml': `module: { name: outer, inputs: [in, tick], outputs: [out, ticks] }
nodes:
  - { id: deep, module: sub/inner.yml, inputs: { in: _mod/in, tick: _mod/tick }, params: { speed: "\${_param.k}0" } }
  - id: rt
    operators:
      - { id: op, shared-library: op, inputs: { in: deep/raw }, outputs: [out] }
      - { id: other, shared-library: op, inputs: { t: _mod/tick }, outputs: [ticks] }
`,
    'sub/inner.yml': `module: { name: inner, inputs: [in, tick], outputs: [raw] }
nodes:
  - { id: last, path: ../bin/x, args: "\${_param.speed} $PARAM_K", inputs: { in: _mod/in, t: _mod/tick }, outputs: [raw] }
`,
  });
  const { dataflow, diagnostics } = readProject(folder, { purpose: 'run' });
  t.deepEqual(codes(diagnostics), []);
  const node = (id: string): DataflowNode => nodeOf(dataflow!, id);
  t.deepEqual(
    dataflow!.nodes.map(({ id }) => id),
    ['src', 'one.deep.last', 'one.rt', 'two.deep.last', 'two.rt', 'end'],
  );
  t.is(sourceOf(node('one.deep.last'), 'in'), 'src/o');
  t.is(sourceOf(node('one.deep.last'), 't'), 'timer 100000000');
  t.is(sourceOf(node('one.rt'), 'op/in'), 'one.deep.last/raw');
  t.is(sourceOf(node('two.deep.last'), 'in'), 'one.rt/op/out');
  t.is(sourceOf(node('two.rt'), 'other/t'), 'one.rt/other/ticks');
  t.is(sourceOf(node('end'), 'a'), 'two.rt/op/out');
  t.deepEqual(node('two.deep.last').program!.args, ['20', '2']);
  t.is(node('two.deep.last').folder, path.join(folder, 'sub'));
  t.deepEqual(
    dataflow!.modules.map(({ id, name }) => `${id} ${name}`),
    ['one outer', 'one.deep inner', 'two outer', 'two.deep inner'],
  );
});

test('a circle of backpressure inputs through a module is found', (t) => {
  const folder = project(t, {
    'flow.yml': `nodes:
  - { id: a, path: x, inputs: { i: { source: m/o, queue_policy: backpressure } }, outputs: [o] }
  - { id: m, module: m.yml, inputs: { i: { source: a/o, queue_policy: backpressure } } }
`,
    'm.yml':
      'module: { name: m, inputs: [i], outputs: [o] }\nnodes: [{ id: b, path: x, inputs: { i: _mod/i }, outputs: [o] }]\n',
  });
  const { diagnostics } = readProject(folder);
  t.deepEqual(codes(diagnostics), ['2:46 warning BACKPRESSURE_CYCLE']);
  t.regex(diagnostics[0]!.message, /"m\.b"/);
});

test('mistakes inside a module name its file and who includes it, and are told once for all uses', (t) => {
  const folder = project(t, {
    'flow.yml': `nodes:
  - { id: a, module: lib/m.yml }
  - { id: b, module: lib/m.yml }
  - { id: c, path: x, inputs: { i: b/o, j: a/nothing } }
`,
    'lib/m.yml': `module: { name: m, outputs: [o, missing] }
nodes:
  - { id: n, path: x, outputs: [o], inptus: { a: n/o } }
  - { id: n2, path: x, inputs: { a: n/oo, b: _mod/zzz } }
`,
  });
  const result = readProject(folder);
  t.deepEqual(errorsOf(result), [
    'flow.yml:4:44 UNKNOWN_SOURCE',
    'lib/m.yml:1:33 MODULE_OUTPUT',
    'lib/m.yml:3:37 UNKNOWN_KEY',
    'lib/m.yml:4:37 UNKNOWN_SOURCE',
    'lib/m.yml:4:46 UNKNOWN_SOURCE',
  ]);
  const inside = result.diagnostics.find(({ code }) => code === 'UNKNOWN_KEY')!;
  t.is(inside.lineText, '  - { id: n, path: x, outputs: [o], inptus: { a: n/o } }');
  t.regex(inside.hint!, /Included by flow\.yml:2\./);
});

test('what a node gives to a module is compared with what the module takes', (t) => {
  const folder = project(t, {
    'flow.yml': `nodes:
  - { id: s, path: x, outputs: [o] }
  - { id: a, module: m.yml, inputs: { imgae: s/o } }
  - { id: b, module: m.yml, inputs: { image: s/o }, params: { a-b: 1, x: 1, X: 2, __proto__: 3 } }
  - { id: c, module: m.yml, path: x }
  - { id: d, module: m.yml, inputs: { image: s/o }, outputs: [o], args: a, restart_policy: never, working-directory: x }
  - { id: e, path: x, params: { a: 1 } }
`,
    'm.yml': `module: { name: m, inputs: [image], inputs_optional: [config, image], outputs: [] }
nodes: [{ id: n, path: x, inputs: { i: _mod/image, c: _mod/config } }]
`,
  });
  const result = readProject(folder);
  t.deepEqual(errorsOf(result), [
    'flow.yml:3:22 MISSING_INPUT',
    'flow.yml:3:39 UNKNOWN_INPUT',
    'flow.yml:4:63 INVALID_NAME',
    'flow.yml:4:77 DUPLICATE_KEY',
    'flow.yml:5:14 TWO_SOURCES',
    'flow.yml:6:53 MISPLACED_KEY',
    'flow.yml:6:67 MISPLACED_KEY',
    'flow.yml:6:76 MISPLACED_KEY',
    'flow.yml:6:99 MISPLACED_KEY',
    'flow.yml:7:23 MISPLACED_KEY',
    'm.yml:1:63 DUPLICATE_INPUT',
  ]);
  t.regex(result.diagnostics[1]!.hint!, /Did you mean "image"\?/);
});

test('an output of a module is made by exactly one of its nodes', (t) => {
  const folder = project(t, {
    'flow.yml': 'nodes: [{ id: a, module: m.yml }]\n',
    'm.yml': `module: { name: m, outputs: [o, p, o] }
nodes:
  - { id: n1, path: x, outputs: [o] }
  - { id: n2, operators: [{ id: op, shared-library: x, outputs: [o, p] }] }
`,
  });
  const result = readProject(folder);
  t.deepEqual(errorsOf(result), ['m.yml:1:30 MODULE_OUTPUT', 'm.yml:1:36 DUPLICATE_OUTPUT']);
  t.regex(result.diagnostics[0]!.message, /n1\/o, n2\/op\/o/);
});

test('parameters: unknown ones, those of another module, and outside a module are mistakes', (t) => {
  const folder = project(t, {
    'flow.yml': `nodes:
  - { id: a, path: x, args: "\${_param.speed}" }
  - { id: b, module: m.yml, params: { speed: 1 } }
`,
    'm.yml': `module: { name: m }
nodes:
  - { id: n, path: x, args: "\${_param.speed} \${_param.spede} $PARAM_SPEDE" }
  - { id: d, module: d.yml }
`,
    'd.yml': 'module: { name: d }\nnodes: [{ id: n, path: x, args: "${_param.speed} $PARAM_SPEED" }]\n',
  });
  const result = readProject(folder, { purpose: 'run' });
  t.deepEqual(errorsOf(result), [
    'flow.yml:2:29 UNDEFINED_VARIABLE',
    'm.yml:3:29 UNDEFINED_VARIABLE',
    'm.yml:3:29 UNDEFINED_VARIABLE',
    'd.yml:2:33 UNDEFINED_VARIABLE',
  ]);
  t.regex(result.diagnostics[1]!.hint!, /Did you mean "speed"\? .*params/);
});

test('a module is checked by itself, also with modules inside; any parameter may be given', (t) => {
  const folder = project(t, {
    'parts/m.yml': `module: { name: m, inputs: [in], outputs: [out] }
nodes:
  - { id: n, path: x, args: "\${_param.speed} $PARAM_SPEED", inputs: { i: _mod/in }, outputs: [mid] }
  - { id: d, module: ../shared/d.yml, inputs: { in: n/mid } }
`,
    'shared/d.yml': `module: { name: d, inputs: [in], outputs: [out] }
nodes: [{ id: n, path: x, inputs: { i: _mod/in }, outputs: [out, lost] }]
`,
  });
  const { kind, diagnostics } = readProject(folder, {}, 'parts/m.yml');
  t.is(kind, 'module');
  t.deepEqual(codes(diagnostics), ['2:66 warning UNREAD_OUTPUT']);
  t.is(diagnostics[0]!.file, 'shared/d.yml');
});

test('ids with a dot may be written out, and clash with those of a module', (t) => {
  const folder = project(t, {
    'flow.yml': 'nodes: [{ id: m, module: m.yml }, { id: m.n, path: x }, { id: m.o, path: x }]\n',
    'm.yml': 'module: { name: m }\nnodes: [{ id: n, path: x }]\n',
  });
  t.deepEqual(errorsOf(readProject(folder)), ['flow.yml:1:41 DUPLICATE_ID']);
});
