/**
 * The ways of taking events: who may, what a wait takes, what ends it, what else goes on meanwhile.
 */
import test from 'ava';
import { runDataflow, startDataflow } from '../../helpers/dataflow.js';
import type { NodeKit, NodeSpec } from '../../helpers/dataflow.js';

test.beforeEach((t) => {
  t.timeout(90_000);
});

/** Sends args.count numbered messages on `out`, the next as soon as there is room. */
const source = (count: number, pauseMs = 0): NodeSpec => ({
  id: 'source',
  outputs: ['out', 'other'],
  args: { count, pauseMs },
  main: async ({ node, args, sleep }: NodeKit) => {
    const { count, pauseMs } = args as { count: number; pauseMs: number };
    for (let i = 0; i < count; i++) {
      await node.send('out', String(i));
      if (i % 10 === 0) await node.send('other', String(i));
      if (pauseMs > 0) await sleep(pauseMs);
    }
  },
});

const lossless = (from: string, queueSize = 10): { from: string; policy: 'backpressure'; queueSize: number } => ({
  from,
  policy: 'backpressure',
  queueSize,
});

const sink = (main: NodeSpec['main'], inputs: NodeSpec['inputs'] = { in: lossless('source/out') }): NodeSpec => ({
  id: 'sink',
  inputs,
  main,
});

test('the loop gives every event in order, then the loop ends', async (t) => {
  const { sink: end } = await runDataflow([
    source(5000),
    sink(async ({ node, assert, report }) => {
      let next = 0;
      const others: string[] = [];
      for await (const e of node) {
        if (e.type !== 'input') others.push(e.type);
        else assert.equal(e.text(), String(next++));
      }
      report([next, others]);
      for await (const e of node) throw new Error(`after the end: ${e.type}`);
      assert.deepEqual(await node.recv(), { type: 'end' });
      assert.deepEqual(node.tryRecv(), { type: 'end' });
      assert.deepEqual(node.recvSync(), { type: 'end' });
      const figures = node.inputs.get('in')!;
      assert.deepEqual([figures.received, figures.dropped, figures.open, figures.source], [5000n, 0n, false, 'source/out']);
    }),
  ]);
  t.deepEqual(end!.reports, [[5000, ['inputClosed', 'stop']]]);
});

test('leaving the loop releases its event, and the next loop goes on with the next one', async (t) => {
  await runDataflow([
    source(40),
    sink(async ({ node, assert }) => {
      const seen: string[] = [];
      let last: { data: Uint8Array } | undefined;
      for await (const e of node) {
        if (e.type !== 'input') continue;
        seen.push(e.text());
        last = e;
        if (seen.length === 10) break;
      }
      assert.throws(() => last!.data, TypeError);
      await assert.rejects(
        async () => {
          for await (const e of node) {
            if (e.type === 'input') seen.push(e.text());
            throw new Error('out of the loop');
          }
        },
        { message: 'out of the loop' },
      );
      for await (const batch of node.batches({ max: 3 })) {
        for (const e of batch) if (e.type === 'input') seen.push(e.text());
        break;
      }
      const one = await node.recv();
      if (one?.type === 'input') seen.push(one.text());
      for await (const e of node) if (e.type === 'input') seen.push(e.text());
      assert.deepEqual(seen, Array.from({ length: 40 }, (_, index) => String(index)));
    }),
  ]);
  t.pass();
});

test('a second consumer is CONSUMER_BUSY, whatever its kind', async (t) => {
  await runDataflow([
    source(20),
    sink(async ({ node, assert }) => {
      const busy = { name: 'DoraError', code: 'CONSUMER_BUSY' };
      for await (const e of node) {
        if (e.type === 'end') break;
        await assert.rejects(node.recv(), busy);
        await assert.rejects(node.run({}), busy);
        await assert.rejects(node[Symbol.asyncIterator]().next(), busy);
        await assert.rejects(node.batches()[Symbol.asyncIterator]().next(), busy);
        assert.throws(() => node.tryRecv(), busy);
        assert.throws(() => node.recvSync(), busy);
        break;
      }
      const first = node.recv({ timeoutMs: 200, only: ['never'] });
      await assert.rejects(node.recv(), busy);
      assert.throws(() => node.tryRecv(), busy);
      await first;
      const loop = node[Symbol.asyncIterator]();
      while (!(await loop.next()).done);
    }, { in: lossless('source/out'), never: 'stopper/never' }),
    { id: 'stopper', outputs: ['never'], main: async ({ node, sleep }) => (await sleep(1500), node.requestStop()) },
  ]);
  t.pass();
});

test('asking for the next event before the last request was answered is CONSUMER_BUSY', async (t) => {
  await runDataflow([
    { id: 'source', outputs: ['out'], main: async ({ node, sleep }) => (await sleep(500), node.requestStop()) },
    sink(async ({ node, assert }) => {
      const loop = node[Symbol.asyncIterator]();
      const waits = loop.next();
      await assert.rejects(loop.next(), { code: 'CONSUMER_BUSY', message: /still waits/ });
      const { value } = await waits;
      assert.ok(value?.type === 'stop' || value?.type === 'inputClosed');
    }),
  ]);
  t.pass();
});

test('an aborted or timed-out wait has taken nothing', async (t) => {
  await runDataflow([
    source(300, 2),
    sink(async ({ node, assert }) => {
      const seen: number[] = [];
      const reason = { own: 'reason' };
      for (let turn = 0; ; turn++) {
        const abort = new AbortController();
        const timer = setTimeout(() => abort.abort(reason), turn % 4);
        try {
          const e = await node.recv(turn % 3 === 0 ? { timeoutMs: 1 } : { signal: abort.signal });
          if (e === null) assert.equal(turn % 3, 0);
          else if (e.type === 'input') seen.push(Number(e.text()));
          else if (e.type === 'end') break;
        } catch (error) {
          assert.equal(error, reason, 'rejects with the very reason');
        }
        clearTimeout(timer);
      }
      assert.deepEqual(seen, Array.from({ length: 300 }, (_, index) => index));
      await assert.rejects(node.recv({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
      assert.equal(node.inputs.get('in')!.received, 300n);
    }),
  ]);
  t.pass();
});

test('a signal that lives long keeps no listener of waits that are over', async (t) => {
  await runDataflow([
    source(200, 1),
    sink(async ({ node, assert }) => {
      const { signal } = new AbortController();
      let listeners = 0;
      let most = 0;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        most = Math.max(most, ++listeners);
        add(...args);
      };
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        listeners--;
        remove(...args);
      };
      for (let i = 0; i < 50; i++) {
        await node.recv({ signal, timeoutMs: i % 2 });
        await node.clock.sleep(0, { signal });
      }
      const loop = node.batches({ signal, max: 1 })[Symbol.asyncIterator]();
      for (let i = 0; i < 50; i++) await loop.next();
      await loop.return?.();
      await node.run({ input: { in: () => {} } }, { signal });
      assert.equal(listeners, 0);
      assert.equal(most, 1);
    }),
  ]);
  t.pass();
});

test('`only` leaves other inputs in their queues', async (t) => {
  await runDataflow([
    source(100),
    sink(
      async ({ node, assert }) => {
        const others: string[] = [];
        while (others.length < 10) {
          const e = await node.recv({ only: ['other'] });
          assert.equal(e?.type === 'input' && e.id, 'other');
          if (e?.type === 'input') others.push(e.text());
        }
        assert.notEqual(node.tryRecv({ only: ['other'] })?.type, 'input');
        const seen: string[] = [];
        for await (const e of node) if (e.type === 'input') seen.push(e.text());
        assert.deepEqual(seen, Array.from({ length: 100 }, (_, index) => String(index)));
        assert.throws(() => node.recv({ only: ['othr'] }), { name: 'TypeError', message: /no input "othr".*Did you mean "other"\?/ });
      },
      { in: lossless('source/out', 1000), other: lossless('source/other', 100) },
    ),
  ]);
  t.pass();
});

test('recv, tryRecv and recvSync: a look, a timeout, an event', async (t) => {
  await runDataflow([
    { id: 'source', outputs: ['out'], main: async ({ node, sleep }) => (await sleep(1000), node.send('out', 'late')) },
    sink(async ({ node, assert }) => {
      assert.equal(await node.recv({ timeoutMs: 0 }), null);
      assert.equal(node.tryRecv(), null);
      assert.equal(node.recvSync({ timeoutMs: 0 }), null);
      let begin = performance.now();
      assert.equal(await node.recv({ timeoutMs: 30 }), null);
      assert.ok(performance.now() - begin >= 28);
      begin = performance.now();
      assert.equal(node.recvSync({ timeoutMs: 30 }), null);
      assert.ok(performance.now() - begin >= 29);
      begin = performance.now();
      assert.equal(node.recvSync({ timeoutMs: 20, spinUs: 5000 }), null);
      assert.ok(performance.now() - begin >= 19);
      const e = node.recvSync({ spinUs: 50 });
      assert.equal(e?.type === 'input' && e.text(), 'late');
      assert.equal(node.recvSync()?.type, 'inputClosed');
      assert.equal(node.recvSync()?.type, 'stop');
      assert.equal(node.recvSync()?.type, 'end');
      for (const timeoutMs of [-1, NaN]) assert.throws(() => node.recv({ timeoutMs }), RangeError);
      assert.throws(() => node.recvSync({ timeoutMs: '5' as unknown as number }), TypeError);
      assert.throws(() => node.batches({ max: 0 }), RangeError);
      assert.throws(() => node.batches({ max: 1025 }), RangeError);
    }),
  ]);
  t.pass();
});

test('batches: 1 to max events, in order, alive until the next batch', async (t) => {
  const { sink: end } = await runDataflow([
    source(3000),
    sink(async ({ node, assert, report }) => {
      let next = 0;
      let most = 0;
      let lastBatch: readonly { released?: boolean; type: string }[] = [];
      for await (const batch of node.batches({ max: 64, maxWaitMs: 5 })) {
        assert.ok(batch.length >= 1 && batch.length <= 64);
        most = Math.max(most, batch.length);
        for (const e of lastBatch) if (e.type === 'input') assert.ok(e.released);
        for (const e of batch) if (e.type === 'input') assert.equal(Number(e.text()), next++);
        lastBatch = batch;
      }
      assert.ok(most > 1);
      report(next);
    }, { in: lossless('source/out', 200) }),
  ]);
  t.deepEqual(end!.reports, [3000]);
});

test('batches: maxWaitMs collects, an abort loses nothing, timeoutMs gives an empty array', async (t) => {
  await runDataflow([
    source(60, 5),
    sink(async ({ node, assert }) => {
      const seen: string[] = [];
      const collect = (batch: readonly { type: string; text?: () => string }[]): void => {
        for (const e of batch) if (e.type === 'input') seen.push(e.text!());
      };
      const patient = node.batches({ max: 4, maxWaitMs: 60_000 })[Symbol.asyncIterator]();
      for (let i = 0; i < 3; i++) {
        const { value } = (await patient.next()) as { value: readonly { type: string }[] };
        assert.equal(value.length, 4);
        collect(value);
      }
      await patient.return?.();
      const abort = new AbortController();
      setTimeout(() => abort.abort(new Error('enough')), 30);
      await assert.rejects(
        async () => {
          for await (const batch of node.batches({ max: 100, maxWaitMs: 60_000, signal: abort.signal })) {
            collect(batch);
            abort.abort(new Error('enough'));
          }
        },
        { message: 'enough' },
      );
      let empty = 0;
      for await (const batch of node.batches({ timeoutMs: 1 })) {
        if (batch.length === 0) empty++;
        collect(batch);
      }
      assert.ok(empty > 0);
      assert.deepEqual(seen, Array.from({ length: 60 }, (_, index) => String(index)));
    }),
  ]);
  t.pass();
});

test('a batch of large and small payloads, more than the slab holds', async (t) => {
  await runDataflow([
    {
      id: 'source',
      outputs: ['out'],
      main: async ({ node }) => {
        for (let i = 0; i < 900; i++) await node.send('out', new Uint8Array(i % 9 === 0 ? 5000 : 4096).fill(i), { i });
      },
    },
    sink(async ({ node, assert }) => {
      let next = 0;
      for await (const batch of node.batches({ max: 1024, maxWaitMs: 20 })) {
        for (const e of batch) {
          if (e.type !== 'input') continue;
          assert.equal(e.metadata['i'], next);
          assert.ok(e.data.every((byte) => byte === (next & 255)));
          next++;
        }
      }
      assert.equal(next, 900);
    }, { in: lossless('source/out', 400) }),
  ]);
  t.pass();
});

test('timers and I/O go on while events come without end', async (t) => {
  await runDataflow([
    source(200_000),
    sink(async ({ node, assert }) => {
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      let seen = 0;
      let longest = 0;
      let last = 0;
      for await (const e of node) {
        if (e.type !== 'input') continue;
        seen++;
        longest = Math.max(longest, ticks === last ? longest : 0);
        last = ticks;
      }
      clearInterval(timer);
      assert.equal(seen, 200_000);
      assert.ok(ticks > 5, `only ${ticks} ticks`);
    }, { in: lossless('source/out', 1000) }),
  ]);
  t.pass();
});

test('run(): handlers by input, in order, with at most `concurrency` at work', async (t) => {
  const { sink: end } = await runDataflow([
    source(200),
    sink(
      async ({ node, assert, report, sleep }) => {
        let atWork = 0;
        let most = 0;
        const started: number[] = [];
        const others: string[] = [];
        const controls: string[] = [];
        await node.run(
          {
            input: {
              in: async (e) => {
                started.push(Number(e.text()));
                most = Math.max(most, ++atWork);
                const before = e.data;
                await sleep(Math.random() * 3);
                assert.equal(e.data, before, 'alive until the handler is done');
                assert.equal(Number(e.text()), Number(Buffer.from(before).toString()));
                atWork--;
              },
              other: (e) => void others.push(e.text()),
            },
            inputClosed: (e) => void controls.push(e.type),
            stop: (e) => void controls.push(e.reason),
          },
          { concurrency: 4 },
        );
        assert.equal(atWork, 0);
        assert.deepEqual(started, Array.from({ length: 200 }, (_, index) => index));
        report([most, others.length, controls]);
      },
      { in: lossless('source/out', 50), other: lossless('source/other', 50) },
    ),
  ]);
  t.deepEqual(end!.reports, [[4, 20, ['inputClosed', 'inputClosed', 'allInputsClosed']]]);
});

test('run(): what a handler throws ends it, unless onError takes it', async (t) => {
  await runDataflow([
    source(100),
    sink(async ({ node, assert, sleep }) => {
      let calls = 0;
      let finished = 0;
      const failing = node.run(
        {
          input: {
            in: async () => {
              const call = ++calls;
              await sleep(call === 2 ? 1 : 20);
              finished++;
              if (call === 2) throw new Error('second');
            },
          },
        },
        { concurrency: 3 },
      );
      await assert.rejects(failing, { message: 'second' });
      assert.equal(finished, calls, 'those at work were waited for');
      assert.ok(calls < 10);
      await assert.rejects(node.run({ input: { in: () => assert.fail('sync') } }), { message: 'sync' });

      const errors: string[] = [];
      await node.run({
        input: {
          in: (e) => {
            if (Number(e.text()) % 10 === 0) throw new Error(e.text());
          },
        },
        onError: (error, e) => errors.push(`${e.type} ${(error as Error).message}`),
      });
      assert.equal(errors.at(-1), 'input 90');
      assert.throws(() => node.run({ input: { inn: () => {} } as object }), { name: 'TypeError', message: /"inn".*Did you mean "in"/ });
      assert.throws(() => node.run({}, { concurrency: 0 }), RangeError);
    }),
  ]);
  t.pass();
});

test('run(): an abort rejects with its reason and loses nothing', async (t) => {
  await runDataflow([
    source(50, 1),
    sink(async ({ node, assert }) => {
      const seen: string[] = [];
      const abort = new AbortController();
      const reason = new Error('own');
      const input = {
        in: (e: { text: () => string }) => {
          seen.push(e.text());
          if (seen.length === 20) abort.abort(reason);
        },
      };
      await assert.rejects(node.run({ input }, { signal: abort.signal }), (error) => error === reason);
      assert.equal(seen.length, 20);
      await node.run({ input });
      assert.deepEqual(seen, Array.from({ length: 50 }, (_, index) => String(index)));
    }),
  ]);
  t.pass();
});

test('readable(): copies of one input beside a loop over the others', async (t) => {
  await runDataflow([
    source(500),
    sink(
      async ({ node, assert }) => {
        const stream = node.readable('in');
        assert.throws(() => node.readable('in'), { code: 'CONSUMER_BUSY' });
        const copies: Uint8Array[] = [];
        const reading = (async () => {
          for await (const { data } of stream) copies.push(data);
        })();
        const others: string[] = [];
        for await (const e of node) {
          if (e.type !== 'input') continue;
          assert.equal(e.id, 'other');
          const { data } = e;
          await new Promise((resolve) => setTimeout(resolve, 1));
          assert.equal(Buffer.from(data).toString(), String(others.length * 10), 'lent memory is not written over');
          others.push(e.text());
        }
        await reading;
        assert.deepEqual(
          copies.map((copy) => Buffer.from(copy).toString()),
          Array.from({ length: 500 }, (_, index) => String(index)),
        );
        assert.equal(others.length, 50);
      },
      { in: lossless('source/out', 5), other: lossless('source/other', 5) },
    ),
  ]);
  t.pass();
});

test('readable(): cancel gives the input back to the loop', async (t) => {
  await runDataflow([
    source(30, 2),
    sink(async ({ node, assert }) => {
      const reader = node.readable('in').getReader();
      const seen: string[] = [];
      for (let i = 0; i < 5; i++) seen.push(Buffer.from((await reader.read()).value!.data).toString());
      await reader.cancel();
      for await (const e of node) if (e.type === 'input') seen.push(e.text());
      assert.deepEqual(seen, Array.from({ length: 30 }, (_, index) => String(index)));
    }),
  ]);
  t.pass();
});

test('drop_oldest keeps the newest and counts the rest', async (t) => {
  const { sink: end } = await runDataflow([
    {
      id: 'source',
      outputs: ['out'],
      main: async ({ node }) => {
        for (let i = 0; i < 1000; i++) await node.send('out', String(i));
      },
    },
    {
      id: 'sink',
      inputs: { in: { from: 'source/out', queueSize: 3 } },
      main: async ({ node, assert, report, sleep }) => {
        await sleep(800);
        let dropped = 0;
        const seen: string[] = [];
        for await (const e of node) {
          if (e.type !== 'input') continue;
          dropped += e.dropped;
          seen.push(e.text());
          assert.equal(Number(e.sequence), Number(e.text()) + 1);
        }
        assert.equal(seen.length + dropped, 1000);
        assert.equal(node.inputs.get('in')!.dropped, BigInt(dropped));
        report(seen.slice(-3));
      },
    },
  ]);
  t.deepEqual(end!.reports, [['997', '998', '999']]);
});

test('a timer ticks, and says how many ticks were missed', async (t) => {
  const flow = await startDataflow([
    {
      id: 'ticker',
      inputs: { tick: { everyMs: 20 } },
      main: async ({ node, assert, report, sleep }) => {
        let ticks = 0;
        let missed = 0;
        for await (const e of node) {
          if (e.type === 'stop') break;
          if (e.type !== 'input') continue;
          assert.equal(e.data.length, 0);
          missed += e.dropped;
          if (++ticks === 3) await sleep(150);
          if (ticks === 6) node.requestStop();
        }
        report(missed);
      },
    },
  ]);
  const { ticker } = await flow.ended();
  t.is(ticker!.exitCode, 0, ticker!.stderr);
  t.true((ticker!.reports[0] as number) >= 5);
});
