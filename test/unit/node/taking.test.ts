/**
 * The ways of taking events: who may, what a wait takes, what ends it, what else goes on meanwhile.
 */
import test from 'ava';
import { runDataflow, startDataflow } from '../../helpers/dataflow.js';
import { lossless, sink, source } from './programs.js';

test.beforeEach((t) => {
  t.timeout(90_000);
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
      assert.deepEqual(
        [figures.received, figures.dropped, figures.open, figures.source],
        [5000n, 0n, false, 'source/out'],
      );
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
      assert.deepEqual(
        seen,
        Array.from({ length: 40 }, (_, index) => String(index)),
      );
    }),
  ]);
  t.pass();
});

test('a second consumer is CONSUMER_BUSY, whatever its kind', async (t) => {
  await runDataflow([
    source(20),
    sink(
      async ({ node, assert }) => {
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
      },
      { in: lossless('source/out'), never: 'stopper/never' },
    ),
    {
      id: 'stopper',
      outputs: ['never'],
      main: async ({ node, sleep }) => {
        await sleep(1500);
        node.requestStop();
      },
    },
  ]);
  t.pass();
});

test('asking for the next event before the last request was answered is CONSUMER_BUSY', async (t) => {
  await runDataflow([
    {
      id: 'source',
      outputs: ['out'],
      main: async ({ node, sleep }) => {
        await sleep(500);
        node.requestStop();
      },
    },
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
        const timer = setTimeout(() => {
          abort.abort(reason);
        }, turn % 4);
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
      assert.deepEqual(
        seen,
        Array.from({ length: 300 }, (_, index) => index),
      );
      await assert.rejects(node.recv({ signal: AbortSignal.abort(reason) }), (error: unknown) => error === reason);
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
        assert.deepEqual(
          seen,
          Array.from({ length: 100 }, (_, index) => String(index)),
        );
        assert.throws(() => node.recv({ only: ['othr'] }), {
          name: 'TypeError',
          message: /no input "othr".*Did you mean "other"\?/,
        });
      },
      { in: lossless('source/out', 1000), other: lossless('source/other', 100) },
    ),
  ]);
  t.pass();
});

test('`only` in every way of taking: nothing else wakes the wait or costs it anything, and what waits meanwhile keeps its own policy', async (t) => {
  await runDataflow([
    {
      id: 'source',
      outputs: ['out', 'other'],
      inputs: { tick: { everyMs: 5 } },
      main: async ({ node }) => {
        let n = 0;
        for await (const e of node) {
          if (e.type === 'input') await node.send('out', String(n++));
          if (n === 300) break;
        }
        await node.send('other', 'at last');
      },
    },
    sink(
      async ({ node, assert, sleep }) => {
        const only = ['other'];
        await sleep(100);
        for (const wait of [
          () => node.recv({ only, timeoutMs: 300 }),
          () => node.recvSync({ only, timeoutMs: 300 }),
          async () => {
            for await (const batch of node.batches({ only, timeoutMs: 300 })) return batch;
            throw new Error('it ended');
          },
        ]) {
          const begin = performance.now();
          const cpu = process.cpuUsage();
          const got = await wait();
          const { user, system } = process.cpuUsage(cpu);
          assert.ok(got === null || (Array.isArray(got) && got.length === 0), JSON.stringify(got));
          assert.ok(performance.now() - begin >= 290);
          // `in` is pending all the time: a wait that looked at it again and again would need a core.
          assert.ok(user + system < 150_000, `${user + system} us of CPU time in a wait of 300 ms`);
        }
        assert.equal(node.tryRecv({ only }), null);
        const e = await node.recv({ only });
        assert.equal(e?.type === 'input' && e.text(), 'at last');
        const seen: number[] = [];
        let dropped = 0;
        for await (const next of node) {
          if (next.type !== 'input') continue;
          seen.push(Number(next.text()));
          dropped += next.dropped;
        }
        // drop_oldest went on: the newest five are there, the others are counted.
        assert.deepEqual(seen, [295, 296, 297, 298, 299]);
        assert.equal(dropped, 295);
      },
      { in: { from: 'source/out', queueSize: 5 }, other: lossless('source/other') },
    ),
  ]);
  t.pass();
});

test('inputs of a higher priority come first, whatever their age, and the others as soon as those are empty', async (t) => {
  const { sink: end } = await runDataflow([
    {
      id: 'source',
      outputs: ['low', 'high', 'highest', 'done'],
      main: async ({ node }) => {
        for (const output of ['low', 'high', 'highest'])
          for (let i = 0; i < 100; i++) await node.send(output, `${output} ${i}`);
        await node.send('done', '');
      },
    },
    sink(
      async ({ node, report, assert }) => {
        assert.notEqual(await node.recv({ only: ['done'] }), null);
        const seen: string[] = [];
        for await (const batch of node.batches({ max: 64 }))
          for (const e of batch) if (e.type === 'input') seen.push(e.text());
        report(seen);
      },
      {
        low: lossless('source/low', 100),
        highest: { ...lossless('source/highest', 100), priority: 255 },
        high: { ...lossless('source/high', 100), priority: 1 },
        done: 'source/done',
      },
    ),
  ]);
  const seen = end!.reports[0] as string[];
  t.is(seen.length, 300);
  // At most 64 in a row from one input while others wait: then one of the next best.
  const first = { highest: 0, high: 0, low: 0 };
  const order: string[] = [];
  for (const text of seen) {
    const [output, n] = text.split(' ') as [keyof typeof first, string];
    t.is(Number(n), first[output]++, 'in order within an input');
    if (order.at(-1)?.split(' ')[0] === output) order.push(`${output} ${Number(order.pop()!.split(' ')[1]) + 1}`);
    else order.push(`${output} 1`);
  }
  t.deepEqual(order, ['highest 64', 'high 1', 'highest 36', 'high 64', 'low 1', 'high 35', 'low 99']);
});

for (const queueSize of [1, 65_536]) {
  test(`a queue of ${queueSize} takes exactly so many messages, under both policies`, async (t) => {
    const { sink: end } = await runDataflow([
      {
        id: 'source',
        outputs: ['paced', 'newest', 'done'],
        args: queueSize,
        main: async ({ node, args, assert }) => {
          const size = args as number;
          let sent = 0;
          while (node.trySend('paced', String(sent))) sent++;
          assert.equal(sent, size);
          for (let i = 0; i < size + 3; i++) await node.send('newest', String(i));
          await node.send('done', '');
        },
      },
      sink(
        async ({ node, assert, report }) => {
          assert.notEqual(await node.recv({ only: ['done'] }), null);
          for (const [id, first] of [
            ['newest', 3],
            ['paced', 0],
          ] as const) {
            let next: number = first;
            let dropped = 0;
            for (let e = node.tryRecv({ only: [id] }); e?.type === 'input'; e = node.tryRecv({ only: [id] })) {
              assert.equal(Number(e.text()), next++);
              dropped += e.dropped;
            }
            report([id, next - first, dropped]);
          }
        },
        {
          paced: lossless('source/paced', queueSize),
          newest: { from: 'source/newest', queueSize },
          done: 'source/done',
        },
      ),
    ]);
    t.deepEqual(end!.reports, [
      ['newest', queueSize, 3],
      ['paced', queueSize, 0],
    ]);
  });
}

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

test('timers and I/O go on while events come without end', async (t) => {
  await runDataflow([
    source(200_000),
    sink(
      async ({ node, assert }) => {
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
      },
      { in: lossless('source/out', 1000) },
    ),
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
