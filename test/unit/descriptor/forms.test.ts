/** Both forms of the format become the same model, with every default filled in. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { sourceOutputId, toMermaid } from '../../../lib/descriptor/index.js';
import { codes, dataflowOf, nodeOf, oneNode, parse } from './helpers.js';

const fixtures = path.resolve('test/fixtures/descriptor');
const good = (name: string): string => readFileSync(path.join(fixtures, 'good', name), 'utf8');

test("the first draft's own example is a program, a runtime node and a sink", (t) => {
  const result = parse(good('seed-example.yml'), { purpose: 'run' });
  t.deepEqual(result.diagnostics, []);
  const [node, runtime, sink] = result.dataflow!.nodes;
  t.like(node, {
    id: 'rust-node',
    kind: 'program',
    build: ['cargo build -p rust-dataflow-example-node'],
    program: { command: '../../target/debug/rust-dataflow-example-node', args: [] },
    workingDirectory: '/robot',
    outputs: [{ id: 'random', retain: 0 }],
  });
  t.deepEqual(node!.inputs, [
    {
      id: 'tick',
      queueSize: 10,
      queuePolicy: 'drop_oldest',
      priority: 0,
      source: { kind: 'timer', periodNs: 10_000_000n },
      type: { name: 'std/core/v1/UInt64', base: 'std/core/v1/UInt64', params: {} },
    },
  ]);
  t.is(runtime!.kind, 'runtime');
  t.deepEqual(
    runtime!.inputs.map(({ id }) => id),
    ['rust-operator/tick', 'rust-operator/random'],
  );
  t.deepEqual(runtime!.outputs, [{ id: 'rust-operator/status', retain: 0 }]);
  t.like(runtime!.operators![0], {
    id: 'rust-operator',
    language: 'library',
    library: '../../target/debug/rust_dataflow_example_operator',
    outputs: [{ id: 'status', retain: 0 }],
  });
  const [message] = sink!.inputs;
  t.deepEqual(message!.source, { kind: 'output', node: 'runtime-node', operator: 'rust-operator', output: 'status' });
});

test('run, args, an env list, a folder, a single operator and short sources of the first draft', (t) => {
  const dataflow = dataflowOf(good('seed-forms.yml'), { purpose: 'run' });
  const custom = nodeOf(dataflow, 'custom-node');
  t.deepEqual(custom.program, {
    command: 'python3',
    args: ['timestamp.py', '--name', 'two words', '--rate', '1.0'],
  });
  t.deepEqual(custom.env, { ENVIRONMENT_VARIABLE_1: 'true', SECOND: '2.50' });
  t.is(custom.workingDirectory, '/robot/some/path');
  t.deepEqual(custom.inputs[1]!.source, { kind: 'output', node: 'single', operator: 'single', output: 'output_1' });
  const [first, second] = nodeOf(dataflow, 'some-unique-id').operators!;
  t.is(first!.name, 'Human-Readable Operator Name');
  t.is(second!.priority, 7);
  t.deepEqual(first!.inputs[0]!.source, {
    kind: 'output',
    node: 'some-unique-id',
    operator: 'operator-2',
    output: 'output_4',
  });
});

test('the form of dora 1.x: program, environment, build lines, ports and memory', (t) => {
  const result = parse(good('camera.yml'), { purpose: 'run' });
  t.deepEqual(codes(result.diagnostics), []);
  const camera = nodeOf(result.dataflow!, 'camera');
  t.deepEqual(camera.program, {
    command: 'camera.py',
    args: ['--device', '/dev/video0', '--title', 'front left', '--home', '/home/robot'],
  });
  t.deepEqual(camera.build, ['pip install numpy', 'pip install opencv-python', 'make']);
  t.deepEqual(camera.env, {
    LOG: 'debug',
    WIDTH: '640',
    HEIGHT: '480',
    VERBOSE: 'true',
    GAIN: '1.50',
    CALIBRATION: '/home/robot/calibration.yml',
    PRICE: '5$',
    MISSING: 'fallback',
    HOST_HOME: '/home/robot',
  });
  t.deepEqual(
    camera.inputs.map(({ source }) => source.kind === 'timer' && source.periodNs),
    [20_000_000n, 3_000_000_000n, 250_000n, 900n, 2_000_000_000n],
  );
  t.deepEqual(camera.outputs, [
    { id: 'image', retain: 0 },
    { id: 'calibration', retain: 1 },
  ]);
  t.is(camera.memoryBytes, 8 * 1024 * 1024);
  const detector = nodeOf(result.dataflow!, 'detector');
  t.like(detector.inputs[0], { queueSize: 2, queuePolicy: 'backpressure', priority: 200 });
  t.is(detector.memoryBytes, 1_048_576);
  t.like(nodeOf(result.dataflow!, 'plot'), { kind: 'dynamic', outputs: [], env: { LOG: 'debug', WIDTH: '320' } });
});

test('an input timeout is seconds, and nothing without it', (t) => {
  const of = (seconds: string): unknown =>
    dataflowOf(
      `nodes: [{ id: a, path: a.ts, inputs: { i: { source: dora/timer/secs/1, input_timeout: ${seconds} } } }]`,
    ).nodes[0]!.inputs[0]!.timeoutNs;
  t.is(of('0.5'), 500_000_000n);
  t.is(of('3'), 3_000_000_000n);
  t.is(of('1.0e-12'), 1n);
  t.is(of('1.0e+300'), 2n ** 63n - 1n);
  t.is(of('null'), undefined);
});

test('what does not run yet is a warning to check and an error to run', (t) => {
  const text = good('checked-not-run.yml');
  const checked = parse(text);
  t.truthy(checked.dataflow);
  t.true(checked.diagnostics.every(({ severity }) => severity === 'warning'));
  const run = parse(text, { purpose: 'run' });
  t.is(run.dataflow, undefined);
  const errors = run.diagnostics.filter(({ severity }) => severity === 'error');
  t.deepEqual([...new Set(errors.map(({ code }) => code))], ['NOT_SUPPORTED_YET']);
  // ros2, hub, dora/logs, and four operators.
  t.is(errors.length, 7);
  t.is(nodeOf(checked.dataflow!, 'bridge').kind, 'unsupported');
});

test('cores and real-time scheduling: defaults, at the node and inside custom, and not for what is started by hand', (t) => {
  const { dataflow, diagnostics } = parse(`nodes:
  - { id: a, path: x, cpu_affinity: [3, 1, 3], realtime: {} }
  - { id: b, custom: { source: x, cpu-affinity: [0], realtime: { policy: rr, priority: 9, lock-memory: true } } }
  - { id: c, path: x, cpu_affinity: [] }
`);
  t.deepEqual(diagnostics, []);
  const of = (id: string) => {
    const { cpuAffinity, realtime } = nodeOf(dataflow!, id);
    return { cpuAffinity, realtime };
  };
  t.deepEqual(of('a'), { cpuAffinity: [1, 3], realtime: { policy: 'fifo', priority: 1, lockMemory: false } });
  t.deepEqual(of('b'), { cpuAffinity: [0], realtime: { policy: 'rr', priority: 9, lockMemory: true } });
  t.deepEqual(of('c'), { cpuAffinity: undefined, realtime: undefined });
  const byHand = parse('nodes:\n  - { id: d, path: dynamic, cpu_affinity: [0], realtime: {} }\n');
  t.deepEqual(codes(byHand.diagnostics), ['2:29 error MISPLACED_KEY', '2:48 error MISPLACED_KEY']);
});

test('a key without effect is one warning, however often it is used', (t) => {
  const text = `nodes:
  - { id: a, path: x, restart_policy: never }
  - { id: b, path: x, restart-policy: always }
  - { id: c, path: x, replicas: 2 }
`;
  const { diagnostics, dataflow } = parse(text, { purpose: 'run' });
  t.truthy(dataflow);
  t.deepEqual(codes(diagnostics), ['2:23 warning NO_EFFECT_YET', '4:23 warning NO_EFFECT_YET']);
  t.regex(diagnostics[0]!.message, /"restart_policy".*line 3/);
});

test('modules and single nodes are told from dataflows, checked, and refused to run', (t) => {
  for (const [name, kind] of [
    ['module.yml', 'module'],
    ['single-node.yml', 'node'],
  ] as const) {
    const checked = parse(good(name));
    t.is(checked.kind, kind);
    t.deepEqual(codes(checked.diagnostics), []);
    t.deepEqual(codes(parse(good(name), { purpose: 'run' }).diagnostics), ['1:1 error NOT_A_DATAFLOW']);
  }
});

test('kebab-case and snake_case spell the same key, but names of the user stay as they are', (t) => {
  const text = oneNode('path: x', 'working_directory: w', 'env: { A-B: 1, A_B: 2 }', 'outputs: [o-p, o_p]');
  const node = nodeOf(dataflowOf(text), 'a');
  t.is(node.workingDirectory, '/robot/w');
  t.deepEqual(node.env, { 'A-B': '1', A_B: '2' });
  t.deepEqual(
    node.outputs.map(({ id }) => id),
    ['o-p', 'o_p'],
  );
});

test('env: the root, then the caller, then the node; a node sees what the root set', (t) => {
  const text = `env: { A: root, B: root, C: root }
nodes:
  - id: a
    path: $C/run
    args: [$A, "$B and $D", $$A]
    env: { C: node, D: "\${B}!" }
`;
  const node = nodeOf(dataflowOf(text, { env: { B: 'option', C: 'option' } }), 'a');
  t.deepEqual(node.env, { A: 'root', B: 'option', C: 'node', D: 'option!' });
  t.deepEqual(node.program, { command: 'node/run', args: ['root', 'option and option!', '$A'] });
});

test('memory sizes count by 1024', (t) => {
  const sizes = { '8MB': 8388608, 1: 1, '1GiB': 1073741824, '2 k': 2048, '1.5kb': 1536, '"7"': 7 };
  for (const [written, bytes] of Object.entries(sizes)) {
    t.is(nodeOf(dataflowOf(oneNode('path: x', `shared_memory_pool_size: ${written}`)), 'a').memoryBytes, bytes);
  }
});

test('the id of an output among its node is the operator and the output', (t) => {
  t.is(sourceOutputId({ kind: 'output', node: 'n', output: 'o' }), 'o');
  t.is(sourceOutputId({ kind: 'output', node: 'n', operator: 'p', output: 'o' }), 'p/o');
});

test('a graph shows nodes, operators, timers and waiting edges', (t) => {
  const dataflow = dataflowOf(`nodes:
  - id: src
    name: A "source" <b>
    path: x
    inputs: { tick: dora/timer/millis/100 }
    outputs: [o]
  - id: rt
    operators:
      - { id: op, shared-library: l, inputs: { o: { source: src/o, queue_policy: backpressure } }, outputs: [p] }
  - id: end
    path: dynamic
    inputs: { in: op/p }
`);
  t.is(
    toMermaid(dataflow),
    `flowchart LR
  n4(["every 100 ms"])
  n0["A &quot;source&quot; &lt;b&gt;<br/>src"]
  subgraph n2["rt"]
    n1("op")
  end
  n3[/"end"/]
  n4 -->|"tick"| n0
  n0 ==>|"o"| n1
  n1 -->|"p → in"| n3
`,
  );
});

test('no name in a Mermaid flowchart is a directive, Markdown or HTML', (t) => {
  const name = '`%%{init: {"theme": "dark"}}%%` #35; <b>';
  const text = toMermaid(dataflowOf(`nodes:\n  - { id: a, path: x, name: ${JSON.stringify(name)} }\n`));
  t.is(
    text,
    'flowchart LR\n  n0["#96;#37;#37;{init: {&quot;theme&quot;: &quot;dark&quot;}}#37;#37;#96; &num;35; &lt;b&gt;<br/>a"]\n',
  );
});
