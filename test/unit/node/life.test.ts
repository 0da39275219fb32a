/**
 * A node's life in its process: joining, the start barrier, ends of every kind as the broker and the peers see them.
 */
import { spawnSync } from 'node:child_process';
import test from 'ava';
import { Node } from '../../../lib/index.js';
import { runDataflow, startDataflow } from '../../helpers/dataflow.js';
import type { NodeSpec } from '../../helpers/dataflow.js';

test.beforeEach((t) => {
  t.timeout(90_000);
});

/** Reports how its input closed. */
const watcher = (from = 'source/out'): NodeSpec => ({
  id: 'watcher',
  inputs: { in: from },
  main: async ({ node, report }) => {
    for await (const e of node) {
      if (e.type === 'inputClosed') report(e.reason);
      if (e.type === 'stop') report(e);
    }
  },
});

const ends: [string, NodeSpec['main'], number | NodeJS.Signals, string][] = [
  ['returns', async ({ node }) => node.send('out', 'x'), 0, 'ended'],
  ['closes', async ({ node }) => (await node.send('out', 'x'), node.close()), 0, 'ended'],
  ['calls process.exit(0)', () => process.exit(0), 0, 'ended'],
  [
    'leaves its loop',
    async ({ node }) => {
      for await (const e of node) if (e.type === 'stop') break;
    },
    0,
    'ended',
  ],
  [
    'throws',
    () => {
      throw new Error('broken');
    },
    1,
    'crashed',
  ],
  ['rejects', async () => Promise.reject(new Error('broken')), 1, 'crashed'],
  ['calls process.exit(3)', () => process.exit(3), 3, 'crashed'],
  [
    'sets an exit code',
    () => {
      process.exitCode = 4;
    },
    4,
    'crashed',
  ],
  ['is killed', () => void process.kill(process.pid, 'SIGKILL'), 'SIGKILL', 'crashed'],
];
for (const [how, main, exit, reason] of ends) {
  test(`a node that ${how} has ${reason} for its peers`, async (t) => {
    const flow = await startDataflow([{ id: 'source', outputs: ['out'], main }, watcher()]);
    if (how === 'leaves its loop')
      setTimeout(() => {
        flow.stop();
      }, 1500);
    const { source, watcher: end } = await flow.ended();
    t.is(source!.exitCode ?? source!.signal, exit, source!.stderr);
    if (how !== 'leaves its loop') t.is(end!.reports[0], reason);
    const said = flow.events.filter((event) => event.node === 'source').map((event) => event.kind);
    t.deepEqual(said, ['joined', reason === 'ended' ? 'left' : 'lost']);
    t.is(end!.exitCode, 0, end!.stderr);
  });
}

test('no first message is lost: a node starts when all have joined', async (t) => {
  const { sink } = await runDataflow([
    { id: 'source', outputs: ['out'], main: async ({ node }) => node.send('out', 'first') },
    {
      id: 'sink',
      inputs: { in: 'source/out' },
      env: {
        NODE_OPTIONS: '--import "data:text/javascript,Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0,700)"',
      },
      main: async ({ node, report }) => {
        for await (const e of node) if (e.type === 'input') report(e.text());
      },
    },
  ]);
  t.deepEqual(sink!.reports, ['first']);
});

test('stop comes with reason and grace, sends still work, and the stream goes on until close()', async (t) => {
  const flow = await startDataflow([
    {
      id: 'source',
      outputs: ['out'],
      inputs: { tick: { everyMs: 20 } },
      main: async ({ node, report }) => {
        let afterStop = 0;
        for await (const e of node) {
          if (e.type === 'stop') {
            report(e);
            await node.send('out', 'goodbye');
          }
          if (e.type === 'input' && ++afterStop === 3) report('ticking');
        }
      },
    },
    {
      id: 'sink',
      inputs: { in: 'source/out' },
      main: async ({ node, report }) => {
        for await (const e of node) if (e.type === 'input') report(e.text());
      },
    },
  ]);
  await flow.reported('source', (report) => report === 'ticking');
  flow.stop('user');
  const { source, sink } = await flow.ended();
  t.deepEqual(source!.reports.at(-1), { type: 'stop', reason: 'user', graceMs: 1500 });
  t.is(source!.exitCode, 0, source!.stderr);
  t.is(sink!.exitCode, 0, sink!.stderr);
});

test('requestStop() stops the whole dataflow, this node too', async (t) => {
  const flow = await startDataflow([
    {
      id: 'source',
      inputs: { tick: { everyMs: 50 } },
      outputs: ['out'],
      main: async ({ node, report }) => {
        for await (const e of node) {
          if (e.type === 'input') node.requestStop();
          if (e.type === 'stop') {
            report(e.reason);
            break;
          }
        }
      },
    },
    watcher(),
  ]);
  const { source, watcher: end } = await flow.ended();
  t.deepEqual(source!.reports, ['user']);
  t.is(end!.exitCode, 0, end!.stderr);
});

test('in recvSync() a first SIGTERM shows as stop, a second one ends the process', async (t) => {
  const flow = await startDataflow([
    {
      id: 'source',
      outputs: ['out'],
      main: ({ node, report }) => {
        for (;;) {
          report('waiting');
          report(node.recvSync({ timeoutMs: 60_000 }));
        }
      },
    },
  ]);
  await flow.reported('source');
  setTimeout(() => flow.process('source').kill('SIGTERM'), 100);
  t.deepEqual(await flow.reported('source', (report) => report !== 'waiting'), {
    type: 'stop',
    reason: 'user',
    graceMs: 0,
  });
  flow.process('source').kill('SIGTERM');
  const { source } = await flow.ended();
  t.is(source!.signal, 'SIGTERM');
});

test('a node whose daemon dies gets stop(shutdown)', async (t) => {
  const flow = await startDataflow(
    [
      {
        id: 'source',
        inputs: { tick: { everyMs: 20 } },
        main: async ({ node, report }) => {
          report('up');
          for await (const e of node) if (e.type === 'stop') report(e.reason);
        },
      },
    ],
    500,
  );
  await flow.reported('source');
  flow.loseBroker();
  t.is(await flow.reported('source', (value) => value !== 'up'), 'shutdown');
  flow.process('source').kill('SIGKILL');
  await flow.ended();
});

test('a second connect() in a process is ALREADY_CONNECTED', async (t) => {
  await runDataflow([
    {
      id: 'source',
      main: async ({ node, dora, assert }) => {
        await assert.rejects(dora.Node.connect(), {
          name: 'DoraError',
          code: 'ALREADY_CONNECTED',
          message: /"source"/,
        });
        await node.close();
        await assert.rejects(dora.Node.connect(), { code: 'JOIN_REFUSED' });
      },
    },
  ]);
  t.pass();
});

test('outside of a dataflow: NOT_IN_DATAFLOW, with what to do', async (t) => {
  const error = await t.throwsAsync(Node.connect(), { code: 'NOT_IN_DATAFLOW' });
  t.regex((error as { hint?: string }).hint!, /dora run/);
  await t.throwsAsync(Node.connect({ signal: AbortSignal.abort(new Error('own reason')) }), { message: 'own reason' });
  await t.throwsAsync(Node.connect({ spinUs: -1 }), { instanceOf: RangeError });
});

test('who and where a node is', async (t) => {
  const { watcher: end } = await runDataflow([
    { id: 'source', outputs: ['out'], main: async ({ node }) => node.send('out', '') },
    {
      ...watcher(),
      outputs: ['a', 'b'],
      main: async ({ node, assert, report, sleep }) => {
        assert.equal(node.id, 'watcher');
        assert.equal(node.restartCount, 0);
        assert.deepEqual([...node.inputs.keys()], ['in']);
        assert.deepEqual([...node.outputs.keys()], ['a', 'b']);
        assert.equal(node.inputs.get('in')!.source, 'source/out');
        assert.equal(node.outputs.get('a')!.subscribers, 0);
        const before = node.clock.nowNs();
        const begin = performance.now();
        await node.clock.sleep(20);
        assert.ok(performance.now() - begin >= 19);
        assert.ok(node.clock.nowNs() > before);
        assert.ok(Math.abs(Number(node.clock.nowNs() / 1_000_000n) - Date.now()) < 5000);
        const abort = new AbortController();
        const sleeping = node.clock.sleep(60_000, { signal: abort.signal });
        abort.abort('why');
        await assert.rejects(sleeping, (error: unknown) => error === 'why');
        await assert.rejects(node.clock.sleep(1, { signal: abort.signal }), (error: unknown) => error === 'why');
        await sleep(1);
        report('done');
      },
    },
  ]);
  t.deepEqual(end!.reports, ['done']);
});

test('importing dora-ts loads no native code', (t) => {
  const script = `await import(${JSON.stringify(new URL('../../../lib/index.ts', import.meta.url).href)});
    if (process.report.getReport().sharedObjects.some((file) => file.includes('dora_native'))) process.exit(9);`;
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  t.is(status, 0, stderr);
});

interface Seen {
  n: number;
  what: string;
}
const seen =
  (what: string, from = 0) =>
  (report: unknown): boolean =>
    (report as Seen).what === what && (report as Seen).n >= from;

test('a sender that is stopped closes its input after the timeout, and one that goes on, or comes back, recovers it', async (t) => {
  const flow = await startDataflow([
    {
      id: 'source',
      outputs: ['out'],
      inputs: { tick: { everyMs: 20 } },
      main: async ({ node }) => {
        for await (const e of node) if (e.type === 'input') await node.send('out', 'x');
      },
    },
    {
      id: 'watcher',
      inputs: { in: { from: 'source/out', timeoutMs: 400 } },
      main: async ({ node, report }) => {
        let last = '';
        let n = 0;
        for await (const e of node) {
          const now = e.type === 'inputClosed' || e.type === 'inputRecovered' ? `${e.type} ${e.reason}` : e.type;
          const what = now === 'input' ? `input ${String(node.inputs.get('in')?.open)}` : now;
          if (now !== last) report({ n: n++, what });
          last = now;
        }
      },
    },
  ]);
  await flow.reported('watcher', seen('input true'));
  flow.process('source').kill('SIGSTOP');
  await flow.reported('watcher', seen('inputClosed timeout'));
  flow.process('source').kill('SIGCONT');
  const { n } = (await flow.reported('watcher', seen('inputRecovered timeout'))) as Seen;
  flow.process('source').kill('SIGSTOP');
  await flow.reported('watcher', seen('inputClosed timeout', n));
  await flow.restart('source');
  await flow.reported('watcher', seen('inputRecovered crashed'));
  await flow.reported('watcher', seen('input true', n + 3));
  flow.stop();
  const { watcher: end } = await flow.ended();
  const kinds = end!.reports.map((report) => (report as Seen).what);
  const at = kinds.indexOf('inputClosed timeout');
  t.deepEqual(kinds.slice(at - 1, at + 3), [
    'input true',
    'inputClosed timeout',
    'inputRecovered timeout',
    'input true',
  ]);
  // Stopped for too long, then killed: closed twice, for what was suspected and for what is so. Its successor recovers it.
  const crash = kinds.indexOf('inputClosed crashed');
  t.deepEqual(kinds.slice(crash - 1, crash + 3), [
    'inputClosed timeout',
    'inputClosed crashed',
    'inputRecovered crashed',
    'input true',
  ]);
});
