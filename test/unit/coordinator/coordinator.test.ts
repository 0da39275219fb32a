/** The coordinator against a daemon that only writes down what it is asked and says what the test wants. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Coordinator } from '../../../lib/coordinator/coordinator.js';
import { DoraError } from '../../../lib/errors.js';
import { coordinatorProtocol, type StartRequest } from '../../../lib/message/coordinator-protocol.js';
import { daemonProtocol } from '../../../lib/message/daemon-protocol.js';
import { linkInProcess } from '../../../lib/message/in-process.js';
import type { DataflowPlan } from '../../../lib/message/plan.js';
import type { DataflowSummary, NodeExit } from '../../../lib/message/report.js';
import { connect, RemoteError, serve, type Session } from '../../../lib/message/session.js';

type DaemonSession = Session<(typeof daemonProtocol)['server'], (typeof daemonProtocol)['client']>;
type ClientSession = Session<(typeof coordinatorProtocol)['client'], (typeof coordinatorProtocol)['server']>;

const counts = [
  { node: 'a', inputs: [], outputs: [{ id: 'out', sent: 7, bytes: 70 }] },
  {
    node: 'b',
    inputs: [{ id: 'in', source: 'a/out', sent: 7, received: 5, dropped: 1, inFlight: 1, lost: 0 }],
    outputs: [],
  },
];

class Bench {
  readonly asked: string[] = [];
  readonly heard: string[] = [];
  plan: DataflowPlan | undefined;
  fail: Record<string, DoraError> = {};
  /** What a build waits for. */
  built: Promise<void> = Promise.resolve();
  readonly daemon: DaemonSession;
  readonly client: ClientSession;
  readonly finished: Promise<DataflowSummary>;
  readonly request: StartRequest;
  #onAsked: (() => void)[] = [];

  constructor(t: ExecutionContext, text?: string) {
    const folder = mkdtempSync(path.join(tmpdir(), 'dora-coordinator-'));
    writeFileSync(path.join(folder, 'p.py'), '');
    t.teardown(() => {
      rmSync(folder, { recursive: true });
    });
    const yaml =
      text ??
      'nodes:\n- {id: a, path: p.py, outputs: [out], build: make it}\n- {id: b, path: p.py, inputs: {in: a/out, t: dora/timer/hz/10}}\n';
    this.request = {
      file: path.join(folder, 'my flow.yml'),
      shownFile: 'my flow.yml',
      text: yaml,
      build: true,
      release: false,
      env: {},
      stopTimeoutMs: 11,
      killTimeoutMs: 22,
    };
    const [daemonEnd, toDaemon] = linkInProcess();
    this.daemon = serve(daemonProtocol, daemonEnd, {
      handlers: {
        fetch: async ({ steps }) => {
          this.#ask('fetch', steps.map(({ source }) => source.url).join());
          return { fetched: steps.map(({ owner }) => ({ owner, path: '/fetched', pinned: 'commit 1' })) };
        },
        build: async ({ steps }) => {
          await this.built;
          return this.#ask('build', steps.map(({ lines }) => lines.join()).join());
        },
        prepare: async (plan) => {
          this.plan = plan;
          return this.#ask('prepare');
        },
        start: async () => this.#ask('start'),
        stop: async ({ reason, stopTimeoutMs, killTimeoutMs }) =>
          this.#ask('stop', `${reason} ${stopTimeoutMs} ${killTimeoutMs}`),
        kill: async () => this.#ask('kill'),
        counts: async () => {
          this.#ask('counts');
          return { nodes: counts };
        },
        remove: async () => this.#ask('remove'),
      },
    });
    const coordinator = new Coordinator(toDaemon);
    const [coordinatorEnd, clientEnd] = linkInProcess();
    coordinator.serve(coordinatorEnd);
    let settle: (summary: DataflowSummary) => void;
    this.finished = new Promise((resolve) => (settle = resolve));
    const hear =
      (name: string) =>
      (data: { node?: string; reason?: string }): void => {
        this.heard.push([name, data.reason, data.node].filter((part) => part !== undefined).join(' '));
      };
    this.client = connect(coordinatorProtocol, clientEnd, {
      handlers: { output: async () => ({}) },
      listeners: {
        stopping: hear('stopping'),
        failed: ({ failure }) => {
          this.heard.push(`failed ${failure.node ?? '-'} ${failure.code}`);
        },
        nodeExited: hear('exited'),
        finished: (summary) => {
          settle(summary);
        },
      },
    });
  }

  async start(): Promise<string> {
    return (await this.client.call('start', this.request)).dataflow;
  }

  /** Waits until the daemon was asked this. */
  async until(call: string): Promise<void> {
    while (!this.asked.some((one) => one.startsWith(call)))
      await new Promise<void>((resolve) => this.#onAsked.push(resolve));
  }

  exit(dataflow: string, node: string, end: NodeExit['end'], exitCode: number): void {
    const error = end === 'failed' ? { error: { code: 'NODE_FAILED', message: `${node} failed` } } : {};
    const lastLines = [`bye from ${node}`];
    this.daemon.emit('nodeExited', { dataflow, node, end, exitCode, signal: null, durationMs: 5, lastLines, ...error });
  }

  #ask(call: string, more = ''): Record<string, never> {
    this.asked.push(`${call} ${more}`.trim());
    for (const resolve of this.#onAsked.splice(0)) resolve();
    const error = this.fail[call];
    if (error !== undefined) throw error;
    return {};
  }
}

test('a dataflow is built, prepared, started, and summed up when its nodes have ended', async (t) => {
  const bench = new Bench(t);
  const dataflow = await bench.start();
  t.regex(dataflow, /^my-flow-[0-9a-f]{6}$/);
  await bench.until('start');
  t.deepEqual(
    (await bench.client.call('list', {})).dataflows.map((one) => one.state),
    ['starting'],
  );
  bench.daemon.emit('running', { dataflow });
  bench.exit(dataflow, 'a', 'finished', 0);
  bench.exit(dataflow, 'b', 'finished', 0);
  bench.daemon.emit('dataflowEnded', { dataflow });
  const summary = await bench.finished;
  t.deepEqual(bench.asked, ['build make it', 'prepare', 'start', 'counts', 'remove']);
  t.like(summary, { dataflow, ok: true, reason: 'finished', failure: undefined });
  t.like(summary.nodes[0], { node: 'a', end: 'finished', messagesIn: 0, messagesOut: 7, dropped: 0 });
  t.like(summary.nodes[1], { node: 'b', messagesIn: 5, messagesOut: 0, dropped: 1 });
  t.deepEqual((await bench.client.call('list', {})).dataflows, []);
});

test('the plan has every reference resolved and times as digits', async (t) => {
  const bench = new Bench(t);
  await bench.start();
  await bench.until('start');
  t.deepEqual(
    bench.plan?.nodes[1]?.inputs.map(({ id, sourceText, source }) => ({ id, sourceText, source })),
    [
      { id: 'in', sourceText: 'a/out', source: { kind: 'output', node: 'a', output: 'out' } },
      { id: 't', sourceText: 'dora/timer/millis/100', source: { kind: 'timer', periodNs: '100000000' } },
    ],
  );
});

test('the first node that fails is the failure, and the others are stopped once', async (t) => {
  const bench = new Bench(t);
  const dataflow = await bench.start();
  await bench.until('start');
  bench.exit(dataflow, 'b', 'failed', 3);
  bench.exit(dataflow, 'a', 'failed', 4);
  bench.daemon.emit('dataflowEnded', { dataflow });
  const summary = await bench.finished;
  t.deepEqual(bench.heard, ['exited b', 'failed b NODE_FAILED', 'stopping failure b', 'exited a']);
  t.deepEqual(
    bench.asked.filter((call) => call.startsWith('stop')),
    ['stop failure 11 22'],
  );
  t.like(summary, { ok: false, reason: 'failed' });
  t.like(summary.failure, { node: 'b', exitCode: 3, lastLines: ['bye from b'] });
});

test('a node that asks for the end stops all, and that is no failure', async (t) => {
  const bench = new Bench(t);
  const dataflow = await bench.start();
  await bench.until('start');
  bench.daemon.emit('stopRequested', { dataflow, node: 'b' });
  bench.daemon.emit('stopRequested', { dataflow, node: 'b' });
  await bench.until('stop');
  bench.daemon.emit('dataflowEnded', { dataflow });
  t.like(await bench.finished, { ok: true, reason: 'stopped' });
  t.deepEqual(bench.heard, ['stopping request b']);
  t.deepEqual(
    bench.asked.filter((call) => call.startsWith('stop')),
    ['stop user 11 22'],
  );
});

for (const step of ['build', 'prepare', 'start']) {
  test(`a ${step} that fails ends the dataflow with its reason`, async (t) => {
    const bench = new Bench(t);
    const details = [{ node: 'b', exitCode: 9, signal: null, lastLines: ['why'] }];
    bench.fail[step] = Object.assign(new DoraError('BUILD_FAILED', 'no', { hint: 'do' }), { details });
    await bench.start();
    const summary = await bench.finished;
    t.like(summary, { ok: false, reason: 'failed' });
    t.like(summary.failure, { code: 'BUILD_FAILED', message: 'no', hint: 'do', node: 'b', exitCode: 9 });
    t.deepEqual(
      summary.nodes.map((node) => node.end),
      ['notStarted', 'notStarted'],
    );
  });
}

test('a stop during the build starts nothing, and is no failure', async (t) => {
  const bench = new Bench(t);
  bench.fail['build'] = new DoraError('BUILD_FAILED', 'stopped');
  bench.built = bench.until('stop');
  const dataflow = await bench.start();
  await bench.client.call('stop', { dataflow });
  t.like(await bench.finished, { ok: true, reason: 'stopped' });
  t.false(bench.asked.includes('start'));
});

test('a daemon that goes away ends its dataflows with a failure', async (t) => {
  const bench = new Bench(t);
  await bench.start();
  await bench.until('start');
  bench.daemon.close();
  const summary = await bench.finished;
  t.is(summary.failure?.code, 'DAEMON_GONE');
  t.false(summary.ok);
});

test('a file with mistakes is refused with all of them, in the name that the client gave', async (t) => {
  const bench = new Bench(t, 'nodes:\n- {id: a, path: p.py, inputs: {x: nobody/out}}\n- {id: a, path: p.py}\n');
  const error = await t.throwsAsync(bench.start(), { instanceOf: RemoteError });
  t.is(error.code, 'DESCRIPTOR_INVALID');
  const details = error.details as { code: string; file: string }[];
  t.deepEqual(details.map(({ code }) => code).sort(), ['DUPLICATE_ID', 'UNKNOWN_SOURCE']);
  t.true(details.every(({ file }) => file === 'my flow.yml'));
  t.deepEqual(bench.asked, []);
});

test('a stop of what does not run is an error', async (t) => {
  const bench = new Bench(t);
  const error = await t.throwsAsync(bench.client.call('stop', { dataflow: 'x' }), { instanceOf: RemoteError });
  t.is(error.code, 'UNKNOWN_DATAFLOW');
});
