/** The daemon with real processes and a broker that only writes down what it is told. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Daemon } from '../../../lib/daemon/daemon.js';
import { daemonProtocol } from '../../../lib/message/daemon-protocol.js';
import { linkInProcess } from '../../../lib/message/in-process.js';
import type { PlanNode } from '../../../lib/message/plan.js';
import type { NodeExit } from '../../../lib/message/report.js';
import { connect, RemoteError, type Session } from '../../../lib/message/session.js';
import type { BrokerEvent, BrokerNode, NativeBroker } from '../../../lib/native/binding.js';

class FakeBroker implements NativeBroker {
  readonly socketPath = '/nowhere/broker.sock';
  readonly said: string[] = [];
  nodes: BrokerNode[] = [];
  events: BrokerEvent[] = [];
  onEvents: () => void = () => undefined;

  addNodes(nodes: BrokerNode[]): string[] {
    this.nodes.push(...nodes);
    return nodes.map(({ node }) => `config-${node}`);
  }
  nodeEnded(_dataflow: string, node: string, final: boolean, crashed: boolean): void {
    this.said.push(`ended ${node} ${final} ${crashed}`);
  }
  stopNode(_dataflow: string, node: string, reason: string, graceMs: number): void {
    this.said.push(`stop ${node} ${reason} ${graceMs}`);
  }
  removeDataflow(dataflow: string): void {
    this.said.push(`remove ${dataflow}`);
  }
  nextEvents(): BrokerEvent[] {
    return this.events.splice(0);
  }
  counts(): [] {
    return [];
  }
  bridge(): never {
    throw new Error('a daemon asks for no bridge');
  }
  close(): void {
    this.said.push('close');
  }

  tell(kind: BrokerEvent['kind'], node: string): void {
    this.events.push({ kind, dataflow: 'd', node, text: '', pid: 1 });
    this.onEvents();
  }
}

class Bench {
  readonly broker = new FakeBroker();
  readonly lines: string[] = [];
  readonly exits: NodeExit[] = [];
  readonly others: string[] = [];
  readonly folder: string;
  readonly client: Session<(typeof daemonProtocol)['client'], (typeof daemonProtocol)['server']>;
  readonly ended: Promise<void>;
  takeLines: () => Promise<void> = async () => undefined;
  readonly #daemon: Daemon;

  constructor(t: ExecutionContext) {
    this.folder = mkdtempSync(path.join(tmpdir(), 'dora-daemon-'));
    this.#daemon = new Daemon({
      createBroker: ({ onEvents }) => {
        this.broker.onEvents = onEvents;
        return this.broker;
      },
      guardProgram: null,
      runtimeFolder: this.folder,
      graceMs: 100,
    });
    t.teardown(async () => {
      await this.#daemon.close();
      rmSync(this.folder, { recursive: true });
    });
    const [here, there] = linkInProcess();
    this.#daemon.serve(there);
    let end: () => void;
    this.ended = new Promise((resolve) => (end = resolve));
    const note =
      (name: string) =>
      (data: { dataflow: string; node?: string }): void => {
        this.others.push(`${name} ${data.node ?? ''}`.trim());
      };
    this.client = connect(daemonProtocol, here, {
      handlers: {
        output: async ({ node, lines }) => {
          await this.takeLines();
          this.lines.push(...lines.map((line) => `${node} ${line}`));
          return {};
        },
      },
      listeners: {
        nodeExited: (exit) => this.exits.push(exit),
        nodeAwaited: ({ node, config }) => this.others.push(`awaited ${node} ${config}`),
        nodeJoined: note('joined'),
        running: note('running'),
        stopRequested: note('stopRequested'),
        warning: ({ code }) => this.others.push(`warning ${code}`),
        dataflowEnded: () => {
          end();
        },
      },
    });
  }

  /** A node that is a shell script with this text. */
  node(id: string, script: string, more: Partial<PlanNode> = {}): PlanNode {
    writeFileSync(path.join(this.folder, `${id}.sh`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const program = { command: `${id}.sh`, args: [] };
    return { id, kind: 'program', program, env: {}, workingDirectory: this.folder, inputs: [], outputs: [], ...more };
  }

  async start(...nodes: PlanNode[]): Promise<void> {
    await this.client.call('prepare', { dataflow: 'd', folder: this.folder, release: false, nodes });
    await this.client.call('start', { dataflow: 'd' });
  }

  async printed(line: string): Promise<void> {
    while (!this.lines.includes(line)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  stop(stopTimeoutMs: number, killTimeoutMs: number): Promise<object> {
    return this.client.call('stop', { dataflow: 'd', reason: 'user', stopTimeoutMs, killTimeoutMs });
  }
}

const out = { outputs: [{ id: 'x', retain: 0 }] };

test('a process gets its configuration, and its end is told to broker and client with its last line', async (t) => {
  const bench = new Bench(t);
  await bench.start(bench.node('a', 'echo "$DORA_NODE_CONFIG $V"; printf last', { env: { V: 'v' } }));
  await bench.ended;
  t.deepEqual(bench.lines, ['a config-a v', 'a last']);
  t.deepEqual(bench.broker.said, ['ended a true false']);
  t.like(bench.exits[0], { node: 'a', end: 'finished', exitCode: 0, lastLines: ['config-a v', 'last'] });
});

test('a node whose end is seen before the news that it had joined has joined', async (t) => {
  const bench = new Bench(t);
  bench.broker.events.push({ kind: 'joined', dataflow: 'd', node: 'a', text: '', pid: 1 });
  await bench.start(bench.node('a', 'true', out));
  await bench.ended;
  t.deepEqual(bench.broker.said, ['ended a true false']);
  t.like(bench.exits[0], { node: 'a', end: 'finished', exitCode: 0 });
});

test('stopping is a stop event first, then SIGTERM, then SIGKILL', async (t) => {
  const bench = new Bench(t);
  const deaf = "trap 'echo got TERM' TERM; echo up; while :; do sleep 0.05; done";
  await bench.start(bench.node('a', deaf, out));
  await bench.printed('a up');
  bench.broker.tell('joined', 'a');
  const begin = performance.now();
  await bench.stop(150, 150);
  t.deepEqual(bench.broker.said, ['stop a user 150']);
  t.false(bench.lines.includes('a got TERM'));
  await bench.printed('a got TERM');
  t.true(performance.now() - begin >= 145);
  await bench.ended;
  t.true(performance.now() - begin >= 295);
  t.like(bench.exits[0], { end: 'killed', signal: 'SIGKILL' });
});

test('a node that follows the stop event gets no signal', async (t) => {
  const bench = new Bench(t);
  await bench.start(bench.node('a', "trap 'echo got TERM' TERM; echo up; while [ ! -e go ]; do sleep 0.02; done", out));
  await bench.printed('a up');
  bench.broker.tell('joined', 'a');
  await bench.stop(20_000, 20_000);
  writeFileSync(path.join(bench.folder, 'go'), '');
  await bench.ended;
  t.deepEqual(bench.lines, ['a up']);
  t.like(bench.exits[0], { end: 'stopped', exitCode: 0 });
});

test('a program that has not joined hears no event and gets SIGTERM at once', async (t) => {
  const bench = new Bench(t);
  await bench.start(bench.node('a', 'echo up; while :; do sleep 0.05; done', out));
  await bench.printed('a up');
  await bench.stop(30_000, 30_000);
  await bench.ended;
  t.like(bench.exits[0], { end: 'terminated' });
});

test('a pipe is read on only when its lines were taken', async (t) => {
  const bench = new Bench(t);
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  bench.takeLines = () => gate;
  await bench.start(bench.node('a', `yes ${'x'.repeat(99)} | head -c 4000000; echo end`));
  await new Promise((resolve) => setTimeout(resolve, 400));
  t.deepEqual(bench.exits, []);
  open();
  await bench.ended;
  t.is(bench.lines.length, 40_001);
  t.is(bench.lines.at(-1), 'a end');
});

test('all that is missing is reported before anything starts', async (t) => {
  const bench = new Bench(t);
  const missing = bench.node('b', '', { program: { command: 'nowhere.sh', args: [] } });
  const library = { id: 'op', library: 'edges', priority: 0, inputs: [], outputs: [] };
  const runtime = bench.node('c', '', { kind: 'runtime', operators: [library] });
  const error = await t.throwsAsync(bench.start(bench.node('a', 'touch ran'), missing, runtime), {
    instanceOf: RemoteError,
  });
  t.is(error.code, 'PROGRAM_NOT_FOUND');
  const details = error.details as { node: string; message: string }[];
  t.deepEqual(details.map(({ message }) => message).sort(), [
    'node "b": the program "nowhere.sh" is not there',
    'node "c/op": the library "edges" is not there',
  ]);
  t.deepEqual(bench.broker.nodes, []);
});

test('inputs become edges, timers and local links; only nodes with ports wait for each other', async (t) => {
  const bench = new Bench(t);
  const input = { queueSize: 3, queuePolicy: 'backpressure', priority: 1 } as const;
  const edge = {
    ...input,
    id: 'op/in',
    sourceText: 'a/x',
    source: { kind: 'output', node: 'a', output: 'x' },
  } as const;
  const local = {
    ...input,
    id: 'op2/in',
    sourceText: 'r/op/y',
    source: { kind: 'output', node: 'r', output: 'op/y' },
  } as const;
  const timer = {
    ...input,
    id: 'op/t',
    sourceText: 'dora/timer/nanos/7',
    source: { kind: 'timer', periodNs: '7' },
  } as const;
  const runtime = bench.node('r', ':', { kind: 'runtime', inputs: [edge, local, timer], ...out, memoryBytes: 5 });
  const dynamic: PlanNode = { id: 'dyn', kind: 'dynamic', env: {}, workingDirectory: bench.folder, inputs: [], ...out };
  await bench.start(runtime, bench.node('free', ':'), dynamic);
  const [r, free, dyn] = bench.broker.nodes;
  const common = { queueSize: 3, policy: 'backpressure', priority: 1 };
  t.deepEqual(r?.inputs, [
    { ...common, id: 'op/in', sourceText: 'a/x', kind: 'edge', sourceNode: 'a', sourceOutput: 'x' },
    { ...common, id: 'op2/in', sourceText: 'r/op/y', kind: 'local', sourceOutput: 'op/y' },
    { ...common, id: 'op/t', sourceText: 'dora/timer/nanos/7', kind: 'timer', periodNs: 7n },
  ]);
  t.deepEqual([r?.barrier, free?.barrier, dyn?.barrier], [true, false, false]);
  t.is(r?.memoryLimitBytes, 5);
  t.true(bench.others.includes('awaited dyn config-dyn'));
  await bench.ended;
  t.true(bench.broker.said.includes('stop dyn shutdown 0'));
});

test('what the broker sees becomes events', async (t) => {
  const bench = new Bench(t);
  await bench.start(bench.node('a', 'while [ ! -e go ]; do sleep 0.02; done', out));
  for (const kind of ['joined', 'started', 'requestStop', 'corrupt', 'exhausted', 'unlocked'] as const)
    bench.broker.tell(kind, 'a');
  while (bench.others.length < 6) await new Promise((resolve) => setTimeout(resolve, 5));
  t.deepEqual(bench.others, [
    'joined a',
    'running',
    'stopRequested a',
    'warning SHM_CORRUPT',
    'warning SHM_EXHAUSTED',
    'warning MEMORY_NOT_LOCKED',
  ]);
  writeFileSync(path.join(bench.folder, 'go'), '');
  await bench.ended;
  t.is(bench.exits[0]?.end, 'finished');
});
