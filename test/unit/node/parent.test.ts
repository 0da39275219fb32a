/**
 * Node.connect({ parent }): worker threads that take over inputs and outputs of a node, and every way in which they end.
 *
 * The functions given to `worker` run in threads of the node's process; see test/helpers/dataflow.ts.
 */
import test from 'ava';
import { runDataflow, startDataflow } from '../../helpers/dataflow.js';
import type { DoraError, Sample } from '../../../lib/index.js';
import type { InputCounts } from '../../../lib/native/binding.js';
import { typecheck } from '../../helpers/typecheck.js';
import type { Dataflow, NodeSpec } from '../../helpers/dataflow.js';

test.beforeEach((t) => {
  t.timeout(120_000);
});

/** Sends `count` numbered messages of `sizeBytes`, as fast as there is room. */
const source = (count: number, sizeBytes = 8): NodeSpec => ({
  id: 'source',
  outputs: ['out'],
  args: { count, sizeBytes },
  main: async ({ node, args }) => {
    const { count, sizeBytes } = args as { count: number; sizeBytes: number };
    const data = new Uint8Array(sizeBytes);
    for (let i = 0; i < count; i++) {
      new DataView(data.buffer).setUint32(0, i, true);
      await node.send('out', data, { number: i });
    }
  },
});

/** Reports every number that comes, as one list. */
const sink = (from: string): NodeSpec => ({
  id: 'sink',
  inputs: { in: { from, policy: 'backpressure', queueSize: 2 } },
  main: async ({ node, report }) => {
    const numbers: unknown[] = [];
    for await (const e of node) if (e.type === 'input') numbers.push(e.metadata['number']);
    report(numbers);
  },
});

const numbers = (count: number): number[] => Array.from({ length: count }, (_value, index) => index);

/** Counts of the inputs of `node`, each of which must add up. */
function countsOf(flow: Dataflow, node: string): InputCounts[] {
  const { inputs } = flow.counts().find((counts) => counts.node === node)!;
  for (const { id, sent, received, dropped, inFlight, lost } of inputs) {
    if (sent !== received + dropped + inFlight + lost) throw new Error(`${node}/${id} does not add up`);
  }
  return inputs;
}

for (const release of ['0', '1']) {
  test(`a worker takes and sends while the main thread stands still (DORA_RELEASE=${release})`, async (t) => {
    const count = 400;
    const flow = await startDataflow([
      source(count, 2000),
      {
        id: 'middle',
        inputs: { in: { from: 'source/out', policy: 'backpressure', queueSize: 3 } },
        outputs: ['out'],
        env: { DORA_RELEASE: release },
        args: count,
        main: async ({ node, worker, report, args }) => {
          const done = new Int32Array(new SharedArrayBuffer(4));
          const share = node.share({ inputs: ['in'], outputs: ['out'] });
          const thread = worker(
            async ({ dora, parent, args: { done, count }, report }) => {
              const part = await dora.Node.connect({ parent });
              report([part.id, [...part.inputs.keys()], [...part.outputs.keys()]]);
              let taken = 0;
              for await (const e of part) {
                if (e.type !== 'input') continue;
                const loan = part.loan('out', e.sizeBytes);
                loan.data.set(e.data);
                await loan.send(e.metadata);
                if (++taken === count) {
                  Atomics.store(done, 0, 1);
                  Atomics.notify(done, 0);
                }
              }
              await part.close();
            },
            share,
            { done, count: args as number },
          );
          // No JavaScript runs here until the worker has sent everything on.
          report(Atomics.wait(done, 0, 0, 60_000));
          await new Promise((resolve) => thread.once('exit', resolve));
          for await (const e of node) report(e.type === 'stop' ? e.reason : e.type);
        },
      },
      sink('middle/out'),
    ]);
    const ends = await flow.ended();
    t.deepEqual(ends['sink']!.reports, [numbers(count)], ends['middle']!.stderr);
    t.deepEqual(ends['middle']!.reports, ['ok', ['middle', ['in'], ['out']], 'allInputsClosed']);
    t.is(ends['middle']!.exitCode, 0);
  });
}

test('a worker that is terminated gives back what it held: its publisher goes on, and takeBack() has the rest', async (t) => {
  const count = 200;
  const flow = await startDataflow([
    source(count, 5000),
    {
      id: 'middle',
      inputs: { in: { from: 'source/out', policy: 'backpressure', queueSize: 4 } },
      outputs: ['out'],
      main: async ({ node, worker, report }) => {
        const share = node.share({ inputs: ['in'], outputs: ['out'] });
        const thread = worker(async ({ dora, parent, report }) => {
          const part = await dora.Node.connect({ parent });
          const kept: unknown[] = [];
          for (;;) {
            // When it keeps all it may, nothing more comes.
            const e = await part.recv({ timeoutMs: kept.length >= 32 ? 3000 : 20_000 });
            if (e === null) break;
            if (e.type === 'input') kept.push(e.retain(), part.loan('out', 5000));
          }
          report(kept.length / 2);
          await part.recv({ only: [] });
        }, share);
        const held = await new Promise<number>((resolve) => thread.once('message', resolve));
        try {
          share.takeBack();
        } catch (error) {
          report((error as DoraError).code);
        }
        await thread.terminate();
        share.takeBack();
        const rest: unknown[] = [];
        for await (const e of node) if (e.type === 'input') rest.push(e.metadata['number']);
        report({ held, rest });
        // Its loans are back too: there are slots for as many again.
        for (let i = 0; i < 300; i++) node.trySend('out', new Uint8Array(5000));
        report(Number(node.outputs.get('out')!.sent));
      },
    },
  ]);
  const { middle, source: from } = await flow.ended();
  t.is(middle!.exitCode, 0, middle!.stderr);
  const [held, inUse, rest, sent] = middle!.reports as [number, string, { held: number; rest: number[] }, number];
  t.is(inUse, 'SHARE_IN_USE');
  t.true(held >= 16, String(held));
  t.deepEqual(rest.rest, numbers(count).slice(held));
  t.is(sent, 300);
  t.is(from!.exitCode, 0);
});

test('a handle serves one worker after the other, however each ends, and nothing is lost or seen twice', async (t) => {
  const count = 400;
  const flow = await startDataflow([
    source(count, 600),
    {
      id: 'middle',
      inputs: { in: { from: 'source/out', policy: 'backpressure', queueSize: 5 } },
      main: async ({ node, worker, report, sleep }) => {
        const share = node.share({ inputs: ['in'] });
        const all: number[] = [];
        const ends: unknown[] = [];
        for (const how of ['exit', 'throw', 'close', 'return', 'exit 3', 'loop', 'recvSync', 'busy', 'run', 'rest']) {
          const thread = worker(
            async ({ dora, parent, report, args: how }) => {
              const part = await dora.Node.connect({ parent });
              const take = async (most: number): Promise<void> => {
                for (let i = 0; i < most; i++) {
                  const e = await part.recv();
                  if (e?.type === 'input') report(e.metadata['number']);
                }
              };
              if (how !== 'rest') await take(20);
              if (how === 'exit') process.exit(0);
              if (how === 'exit 3') process.exit(3);
              if (how === 'throw') throw new Error('broken');
              if (how === 'close') return part.close();
              if (how === 'return') return;
              report(how);
              if (how === 'recvSync') for (;;) part.recvSync({ only: [] });
              if (how === 'busy') for (;;);
              if (how === 'run') return part.run({ input: { in: () => new Promise(() => undefined) } });
              if (how === 'loop') {
                for await (const e of part) if (e.type === 'input') await new Promise(() => undefined);
              }
              for await (const e of part) if (e.type === 'input') report(e.metadata['number']);
            },
            share,
            how,
          );
          thread.on('error', (error) => ends.push(error.message));
          const told = new Promise<void>((resolve) => {
            thread.on('message', (message) => {
              if (typeof message === 'number') all.push(message);
              else resolve();
            });
          });
          const over = new Promise((resolve) => thread.once('exit', resolve));
          if (['loop', 'recvSync', 'busy', 'run'].includes(how)) {
            await told;
            await sleep(50);
            await thread.terminate();
          }
          await over;
        }
        for await (const e of node) if (e.type === 'stop') ends.push(e.reason);
        report({ all, ends });
      },
    },
  ]);
  const { middle } = await flow.ended();
  t.is(middle!.exitCode, 0, middle!.stderr);
  const last = middle!.reports.at(-1) as { all: number[]; ends: unknown[] };
  t.deepEqual(last.ends, ['broken', 'allInputsClosed']);
  // Two were taken by those who were terminated with one in hand.
  t.is(new Set(last.all).size, last.all.length);
  t.deepEqual(
    last.all,
    [...last.all].sort((a, b) => a - b),
  );
  t.is(last.all.length, count - 2);
});

test('a worker that waits in sendSync() can be terminated, and a process can end over it', async (t) => {
  const flow = await startDataflow([
    {
      id: 'middle',
      outputs: ['out'],
      main: async ({ node, worker, report, sleep }) => {
        for (const last of [false, true]) {
          const share = node.share({ outputs: ['out'] });
          const thread = worker(async ({ dora, parent, report }) => {
            const part = await dora.Node.connect({ parent });
            report('sending');
            for (;;) part.sendSync('out', 'x');
          }, share);
          await new Promise((resolve) => thread.once('message', resolve));
          await sleep(300);
          if (last) process.exit(0);
          await thread.terminate();
          share.takeBack();
          report(node.trySend('out', 'y'));
        }
      },
    },
    {
      id: 'slow',
      inputs: { in: { from: 'middle/out', policy: 'backpressure', queueSize: 2 } },
      main: async ({ node, report }) => {
        // Takes nothing before the test says so.
        await new Promise((resolve) => process.once('message', resolve));
        for await (const e of node) if (e.type === 'inputClosed') report(e.reason);
      },
    },
  ]);
  flow.process('middle').once('exit', () => flow.process('slow').send('now'));
  const { middle, slow } = await flow.ended();
  t.deepEqual(middle!.reports, ['sending', false, 'sending']);
  t.is(middle!.exitCode, 0, middle!.stderr);
  t.deepEqual(slow!.reports, ['ended']);
});

test('when the main thread closes the node, its workers come to the end, and what they keep stays readable', async (t) => {
  const flow = await startDataflow([
    { ...source(2000, 5000) },
    {
      id: 'middle',
      inputs: { in: { from: 'source/out', policy: 'backpressure', queueSize: 4 } },
      outputs: ['out'],
      main: async ({ node, worker, report }) => {
        const share = node.share({ inputs: ['in'], outputs: ['out'] });
        const thread = worker(async ({ dora, parent, report, sleep }) => {
          const part = await dora.Node.connect({ parent });
          let kept: { sample: Sample; number: unknown } | undefined;
          for await (const e of part) {
            if (e.type !== 'input') continue;
            // The source must not be through before the node is closed.
            await sleep(20);
            if (kept !== undefined) continue;
            kept = { sample: e.retain(), number: e.metadata['number'] };
            report('kept');
          }
          report(new DataView(kept!.sample.copy().buffer).getUint32(0, true) === kept!.number);
          report(await part.send('out', 'late').catch((error: unknown) => (error as DoraError).code));
          kept!.sample.release();
          await part.close();
          report('closed');
        }, share);
        await new Promise((resolve) => thread.once('message', resolve));
        await node.close();
        const late = worker(async ({ dora, parent, report }) => {
          await dora.Node.connect({ parent }).catch((error: unknown) => {
            report((error as DoraError).code);
          });
        }, share);
        await Promise.all([thread, late].map((one) => new Promise((resolve) => one.once('exit', resolve))));
        share.takeBack();
        report('over');
      },
    },
  ]);
  const { middle } = await flow.ended();
  t.is(middle!.exitCode, 0, middle!.stderr);
  t.deepEqual([...middle!.reports].sort(), ['ENDED', 'PARENT_CLOSED', 'closed', 'kept', 'over', true].sort());
});

test('the node itself is over when its workers are through, and not before', async (t) => {
  const ends = await runDataflow([
    source(50),
    {
      id: 'middle',
      inputs: { in: { from: 'source/out', policy: 'backpressure', queueSize: 3 } },
      outputs: ['out'],
      main: async ({ node, worker, report }) => {
        worker(
          async ({ dora, parent, sleep }) => {
            const part = await dora.Node.connect({ parent });
            const jobs: Promise<void>[] = [];
            for await (const e of part) {
              if (e.type !== 'input') continue;
              const { number } = e.metadata;
              jobs.push(sleep(300).then(() => part.send('out', 'x', { number: number! })));
            }
            await Promise.all(jobs);
            await part.close();
          },
          node.share({ inputs: ['in'], outputs: ['out'] }),
        );
        for await (const e of node) report(e.type === 'stop' ? e.reason : e.type);
        await node.close();
      },
    },
    { ...sink('middle/out'), inputs: { in: { from: 'middle/out', queueSize: 100 } } },
  ]);
  t.deepEqual(ends['sink']!.reports, [numbers(50)]);
  t.deepEqual(ends['middle']!.reports, ['allInputsClosed']);
});

test('an exception that nobody takes ends worker and process, and peers see a crash', async (t) => {
  const flow = await startDataflow([
    {
      id: 'middle',
      outputs: ['out'],
      main: async ({ node, worker }) => {
        worker(
          async ({ dora, parent }) => {
            const part = await dora.Node.connect({ parent });
            await part.send('out', 'x');
            throw new Error('broken in the worker');
          },
          node.share({ outputs: ['out'] }),
        );
        await node.recv();
      },
    },
    {
      id: 'watcher',
      inputs: { in: 'middle/out' },
      main: async ({ node, report }) => {
        for await (const e of node) if (e.type === 'inputClosed') report(e.reason);
      },
    },
  ]);
  const { middle, watcher } = await flow.ended();
  t.is(middle!.exitCode, 1);
  t.regex(middle!.stderr, /broken in the worker/);
  t.deepEqual(watcher!.reports, ['crashed']);
});

test('timers tick and a stop arrives in a worker while the main thread stands still', async (t) => {
  const flow = await startDataflow([
    {
      id: 'middle',
      inputs: { tick: { everyMs: 5 }, other: { everyMs: 1000 } },
      main: async ({ node, worker, report }) => {
        const over = new Int32Array(new SharedArrayBuffer(4));
        worker(
          async ({ dora, parent, args: over }) => {
            const part = await dora.Node.connect({ parent });
            let ticks = 0;
            for await (const e of part) {
              if (e.type === 'input' && e.id === 'tick' && ++ticks === 20) part.requestStop();
              if (e.type === 'stop') Atomics.store(over, 0, 1);
            }
            Atomics.notify(over, 0);
          },
          node.share({ inputs: ['tick'] }),
          over,
        );
        report(Atomics.wait(over, 0, 0, 60_000));
        for await (const e of node) report(e.type === 'stop' ? e.reason : e.type);
      },
    },
  ]);
  const { middle } = await flow.ended();
  t.is(middle!.exitCode, 0, middle!.stderr);
  t.is(middle!.reports[0], 'ok');
  t.is(middle!.reports.at(-1), 'user');
});

test('what cannot be is refused with a code, or as a TypeError, that says what to do', async (t) => {
  const ends = await runDataflow([
    source(1),
    {
      id: 'middle',
      inputs: { in: 'source/out', also: 'source/out' },
      outputs: ['out'],
      main: async ({ node, worker, report, dora }) => {
        const attempt = (what: () => unknown): void => {
          try {
            what();
            report('nothing thrown');
          } catch (error) {
            const { code, message, hint } = error as { code?: string; message: string; hint?: string };
            report([code ?? (error as Error).name, message, hint !== undefined]);
          }
        };
        const share = node.share({ inputs: ['in'], outputs: ['out'] });
        attempt(() => node.share({ inputs: ['inn'] }));
        attempt(() => node.share({ inputs: ['in'] }));
        attempt(() => node.share({ inputs: ['also', 'also'] }));
        attempt(() => node.share({ outputs: ['out'] }));
        attempt(() => node.share({}));
        attempt(() => node.trySend('out', 'x'));
        attempt(() => node.tryRecv({ only: ['in'] }));
        const stream = node.readable('also');
        attempt(() => node.share({ inputs: ['also'] }));
        await stream.cancel();
        await dora.Node.connect({ parent: share }).catch((error: unknown) => {
          attempt(() => {
            throw error;
          });
        });
        const thread = worker(async ({ dora, parent, report }) => {
          const attempt = async (what: () => unknown): Promise<void> => {
            try {
              await what();
              report('nothing thrown');
            } catch (error) {
              const { code, message, hint } = error as { code?: string; message: string; hint?: string };
              report([code ?? (error as Error).name, message, hint !== undefined]);
            }
          };
          const connect = (handle: unknown) => (): unknown => dora.Node.connect({ parent: handle as typeof parent });
          await attempt(connect({ ...parent, key: 99 }));
          await attempt(connect({ ...parent, pid: 1 }));
          await attempt(connect('middle'));
          await attempt(connect({ share: () => undefined }));
          await attempt(() => dora.Node.connect());
          const part = await dora.Node.connect({ parent });
          await attempt(connect(parent));
          await attempt(() => part.share({ inputs: ['in'] }));
          await attempt(() => part.trySend('oout', 'x'));
          await attempt(() => part.tryRecv({ only: ['also'] }));
          report('in use');
          await part.recv({ only: [] });
        }, share);
        await new Promise<void>((resolve) => {
          thread.on('message', (message) => {
            if (message === 'in use') resolve();
          });
        });
        const second = worker(async ({ dora, parent, report }) => {
          await dora.Node.connect({ parent }).catch((error: unknown) => {
            const { code, message, hint } = error as DoraError;
            report([code, message, hint !== undefined]);
          });
        }, share);
        await new Promise((resolve) => second.once('exit', resolve));
        await thread.terminate();
        share.takeBack();
        share.takeBack();
        report(node.trySend('out', 'x'));
        const third = worker(async ({ dora, parent, report }) => {
          await dora.Node.connect({ parent }).catch((error: unknown) => {
            const { code, message, hint } = error as DoraError;
            report([code, message, hint !== undefined]);
          });
        }, share);
        await new Promise((resolve) => third.once('exit', resolve));
      },
    },
  ]);
  const reports = ends['middle']!.reports.map((value) => (Array.isArray(value) ? [value[0], value[2]] : value));
  t.deepEqual(reports, [
    ['TypeError', false],
    ['ALREADY_SHARED', true],
    ['ALREADY_SHARED', true],
    ['ALREADY_SHARED', true],
    ['TypeError', false],
    ['TypeError', false],
    ['TypeError', false],
    ['CONSUMER_BUSY', true],
    ['NOT_A_WORKER', true],
    ['PARENT_NOT_CONNECTED', true],
    ['PARENT_NOT_CONNECTED', true],
    ['TypeError', false],
    ['TypeError', false],
    ['ALREADY_CONNECTED', true],
    ['ALREADY_CONNECTED', true],
    ['TypeError', false],
    ['TypeError', false],
    ['TypeError', false],
    'in use',
    ['SHARE_IN_USE', true],
    true,
    ['PARENT_NOT_CONNECTED', true],
  ]);
  const words = ends['middle']!.reports.flatMap((value) => (Array.isArray(value) ? [String(value[1])] : []));
  t.regex(words[0]!, /has no input "inn"; it has .*Did you mean/);
  t.regex(words[1]!, /input "in" of node "middle" is shared already/);
  t.regex(words[5]!, /output "out" of node "middle" belongs to another thread; .*takeBack\(\)/);
  t.regex(words[17]!, /input "also" of node "middle" belongs to another thread/);
});

test('workers come and go at random while messages flow, and every message is counted', async (t) => {
  const flow = await startDataflow([
    {
      id: 'source',
      outputs: ['out'],
      main: async ({ node, sleep }) => {
        for (let i = 0; ; i++) {
          if ((await node.recv({ timeoutMs: 0 }))?.type === 'stop') return;
          await node.send('out', new Uint8Array(i % 3 === 0 ? 20_000 : 100), { number: i });
          if (i % 50 === 0) await sleep(1);
        }
      },
    },
    {
      id: 'middle',
      inputs: { a: { from: 'source/out', queueSize: 8 }, b: { from: 'source/out', queueSize: 8 } },
      outputs: ['x', 'y'],
      main: async ({ node, worker, sleep, report }) => {
        const shares = [node.share({ inputs: ['a'], outputs: ['x'] }), node.share({ inputs: ['b'], outputs: ['y'] })];
        const live = async (share: (typeof shares)[number], index: number): Promise<void> => {
          for (let round = 0; round < 12; round++) {
            const thread = worker(
              async ({ dora, parent, args: output, report }) => {
                const part = await dora.Node.connect({ parent });
                report('connected');
                for await (const e of part) {
                  if (e.type !== 'input') continue;
                  const kept = e.retain();
                  part.trySend(output, kept.data, e.metadata);
                  if (Math.random() < 0.8) kept.release();
                }
              },
              share,
              index === 0 ? 'x' : 'y',
            );
            thread.on('error', (error) => {
              report(error);
            });
            // Some end while they connect, some while they work.
            await new Promise((resolve) => thread.once(round % 3 === 0 ? 'online' : 'message', resolve));
            await sleep(Math.random() * 100);
            await thread.terminate();
          }
          share.takeBack();
        };
        await Promise.all(shares.map(live));
        node.requestStop();
        for await (const e of node) if (e.type === 'stop') break;
        report('over');
      },
    },
    { ...sink('middle/x'), inputs: { in: { from: 'middle/x', queueSize: 4 } } },
  ]);
  await flow.reported('middle', (value) => value === 'over');
  const counts = countsOf(flow, 'middle');
  countsOf(flow, 'sink');
  const { middle } = await flow.ended();
  t.is(middle!.exitCode, 0, middle!.stderr);
  t.deepEqual([...new Set(middle!.reports)].sort(), ['connected', 'over']);
  for (const { lost, received } of counts) {
    t.is(lost, 0n);
    t.true(received > 0n);
  }
});

test('a share carries the types of what it names', (t) => {
  const head = `
import { Node } from 'dora-ts';
interface CameraIo {
  inputs: { tick: Uint8Array; pose: { x: number } };
  outputs: { image: Uint8Array; count: number };
}
const node = await Node.connect<CameraIo>();
const share = node.share({ inputs: ['pose'], outputs: ['count'] });
`;
  const found = typecheck({
    'right.ts': `import { workerData } from 'node:worker_threads';
import type { NodeHandle } from 'dora-ts';
${head}
const part = await Node.connect({ parent: share });
for await (const e of part) if (e.type === 'input') await part.send('count', e.json().x);
export const handed: NodeHandle = share;
export const other = await Node.connect<CameraIo>({ parent: workerData });
share.takeBack();
`,
    'wrong-input.ts': `${head}
node.share({ inputs: ['posse'] });
export const part = await Node.connect({ parent: share });
part.tryRecv({ only: ['tick'] });
`,
    'wrong-output.ts': `${head}
export const part = await Node.connect({ parent: share });
await part.send('image', new Uint8Array(1));
await part.send('count', 'one');
`,
  });
  t.deepEqual(found['right.ts'], []);
  t.is(found['wrong-input.ts']!.length, 2, found['wrong-input.ts']!.join('\n'));
  t.is(found['wrong-output.ts']!.length, 2, found['wrong-output.ts']!.join('\n'));
});
