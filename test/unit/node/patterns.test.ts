/**
 * Other forms of taking than one event a wait: batches(), run() and readable().
 */
import test from 'ava';
import { runDataflow } from '../../helpers/dataflow.js';
import { lossless, sink, source } from './programs.js';

test.beforeEach((t) => {
  t.timeout(90_000);
});

test('batches: 1 to max events, in order, alive until the next batch', async (t) => {
  const { sink: end } = await runDataflow([
    source(3000),
    sink(
      async ({ node, assert, report }) => {
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
      },
      { in: lossless('source/out', 200) },
    ),
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
      setTimeout(() => {
        abort.abort(new Error('enough'));
      }, 30);
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
      assert.deepEqual(
        seen,
        Array.from({ length: 60 }, (_, index) => String(index)),
      );
    }),
  ]);
  t.pass();
});

test('batches: by count when there are many, by time when there are few', async (t) => {
  const { sink: end } = await runDataflow([
    source(150, 4),
    sink(
      async ({ node, assert, report }) => {
        const lengths: number[] = [];
        let next = 0;
        let begin = performance.now();
        for await (const batch of node.batches({ max: 1000, maxWaitMs: 60 })) {
          for (const e of batch) if (e.type === 'input') assert.equal(Number(e.text()), next++);
          lengths.push(batch.length);
          // The first event of a batch may come late; from then on it collects for so long, but at the end of the stream.
          if (next < 150) assert.ok(performance.now() - begin >= 55, `after ${performance.now() - begin} ms`);
          begin = performance.now();
        }
        report({ next, lengths });
      },
      { in: lossless('source/out', 1000) },
    ),
  ]);
  const { next, lengths } = end!.reports[0] as { next: number; lengths: number[] };
  t.is(next, 150);
  // 600 ms and more, in pieces of 60.
  t.true(lengths.length >= 3 && lengths.some((length) => length > 1), lengths.join());
  t.true(
    lengths.every((length) => length < 150),
    lengths.join(),
  );
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
    sink(
      async ({ node, assert }) => {
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
      },
      { in: lossless('source/out', 400) },
    ),
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
        assert.deepEqual(
          started,
          Array.from({ length: 200 }, (_, index) => index),
        );
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
      assert.throws(() => node.run({ input: { inn: () => {} } }), {
        name: 'TypeError',
        message: /"inn".*Did you mean "in"/,
      });
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
      await assert.rejects(node.run({ input }, { signal: abort.signal }), (error: unknown) => error === reason);
      assert.equal(seen.length, 20);
      await node.run({ input });
      assert.deepEqual(
        seen,
        Array.from({ length: 50 }, (_, index) => String(index)),
      );
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

test('readable() beside run(): a handler gets its own message, whatever the stream takes in between', async (t) => {
  const { sink: end } = await runDataflow([
    source(20_000),
    sink(
      async ({ node, assert, report }) => {
        const stream = node.readable('in');
        const reading = (async () => {
          let next = 0;
          for await (const { data } of stream) assert.equal(Buffer.from(data).toString(), String(next++));
          return next;
        })();
        let others = 0;
        await node.run({
          input: {
            other: (e) => {
              assert.equal(e.text(), String(10 * others++));
            },
          },
        });
        report(others);
        report(await reading);
      },
      { in: lossless('source/out', 5), other: lossless('source/other', 5) },
    ),
  ]);
  t.deepEqual(end!.reports, [2000, 20_000]);
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
      assert.deepEqual(
        seen,
        Array.from({ length: 30 }, (_, index) => String(index)),
      );
    }),
  ]);
  t.pass();
});
