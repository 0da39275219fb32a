/**
 * Publishing: what a send promises, backpressure, order, loans and their traps, closed outputs, limits.
 */
import test from 'ava';
import { runDataflow, startDataflow } from '../../helpers/dataflow.js';
import type { NodeSpec } from '../../helpers/dataflow.js';

test.beforeEach((t) => {
  t.timeout(90_000);
});

const source = (main: NodeSpec['main'], more: Partial<NodeSpec> = {}): NodeSpec => ({
  id: 'source',
  outputs: ['out', 'image'],
  main,
  ...more,
});

/** Reports [encoding, text, metadata] of every message, after args.waitMs. */
const sink = (queueSize: number, waitMs = 0): NodeSpec => ({
  id: 'sink',
  inputs: { in: { from: 'source/out', policy: 'backpressure', queueSize } },
  args: { waitMs },
  main: async ({ node, report, sleep, args }) => {
    await sleep((args as { waitMs: number }).waitMs);
    for await (const e of node) {
      if (e.type === 'input')
        report([e.encoding, Buffer.from(e.copy()).toString('latin1').slice(0, 40), e.sizeBytes, { ...e.metadata }]);
    }
  },
});

test('bytes, strings and other values', async (t) => {
  const { sink: end } = await runDataflow([
    source(async ({ node, assert }) => {
      await node.send('out', new Uint8Array([65, 66]), { flag: true, n: 2n ** 60n, list: [1, 2] });
      await node.send('out', Buffer.from('CD'));
      await node.send('out', new Uint16Array([0x4645]).buffer);
      await node.send('out', new DataView(new Uint8Array([71, 72, 73]).buffer, 1, 1));
      const shared = new SharedArrayBuffer(1);
      new Uint8Array(shared)[0] = 74;
      await node.send('out', shared);
      await node.send('out', 'text');
      await node.send('out', '');
      await node.send('out', 'x'.repeat(5000));
      await node.send('out', { a: [1, null] });
      await node.send('out', 7);
      await node.send('out', null);
      for (const value of [undefined, () => 1, Symbol('s')]) assert.throws(() => node.send('out', value), TypeError);
      assert.throws(() => node.send('out', 5n), TypeError);
      assert.throws(() => node.send('out', 'x', { bad: undefined as unknown as number }), {
        name: 'TypeError',
        message: /"bad"/,
      });
      await assert.rejects(node.send('out', 'x', { big: 'x'.repeat(70_000) }), {
        name: 'DoraError',
        code: 'TOO_LARGE',
      });
    }),
    sink(100),
  ]);
  t.deepEqual(end!.reports, [
    ['raw', 'AB', 2, { flag: true, n: 2n ** 60n, list: [1, 2] }],
    ['raw', 'CD', 2, {}],
    ['raw', 'EF', 2, {}],
    ['raw', 'H', 1, {}],
    ['raw', 'J', 1, {}],
    ['utf8', 'text', 4, {}],
    ['utf8', '', 0, {}],
    ['utf8', 'x'.repeat(40), 5000, {}],
    ['json', '{"a":[1,null]}', 14, {}],
    ['json', '7', 1, {}],
    ['json', 'null', 4, {}],
  ]);
});

test('a send waits for room, keeps its own copy and its place', async (t) => {
  const { sink: end } = await runDataflow([
    source(async ({ node, assert }) => {
      const small = Buffer.from('0');
      const large = Buffer.alloc(10_000);
      for (let i = 0; i < 20; i++) {
        const payload = i % 2 === 0 ? small : large;
        payload.write(String(i).padStart(2, '0'));
        const metadata = { i };
        const sent = node.send('out', payload, metadata);
        payload.fill(0);
        metadata.i = -1;
        // Others use the scratch memory meanwhile.
        node.trySend('image', 'something else', { other: 'x'.repeat(100) });
        if (i < 3) assert.ok(node.outputs.get('out')!.sent === BigInt(i + 1), 'accepted at once');
        await sent;
      }
    }),
    sink(3, 300),
  ]);
  t.deepEqual(
    end!.reports.map((report) => (report as unknown[])[3]),
    Array.from({ length: 20 }, (_, i) => ({ i })),
  );
  t.deepEqual(
    end!.reports.map((report) => ((report as unknown[])[1] as string).slice(0, 1)),
    Array.from({ length: 20 }, (_, i) => String(i).padStart(2, '0').slice(0, 1)),
  );
});

test('a second send while one waits is SEND_PENDING; trySend is false then', async (t) => {
  await runDataflow([
    source(async ({ node, assert }) => {
      await node.send('out', '0');
      await node.send('out', '1');
      assert.equal(node.trySend('out', 'refused'), false);
      assert.equal(node.sendSync('out', 'refused', undefined, { timeoutMs: 20 }), false);
      const waits = node.send('out', '2');
      await assert.rejects(node.send('out', 'refused'), { name: 'DoraError', code: 'SEND_PENDING', message: /"out"/ });
      assert.throws(() => node.sendSync('out', 'refused'), { code: 'SEND_PENDING' });
      assert.equal(node.trySend('out', 'refused'), false);
      const loan = node.loan('out', 10);
      await assert.rejects(loan.send(), { code: 'SEND_PENDING' });
      assert.equal(loan.trySend(), false);
      assert.equal(loan.data.length, 10, 'still ours');
      loan.discard();
      await node.send('image', 'another output does not wait');
      await waits;
      assert.equal(node.outputs.get('out')!.sent, 3n);
    }),
    sink(2, 500),
  ]);
  t.pass();
});

test('while sends wait for a slow subscriber the event loop turns as ever, and the wait costs nothing', async (t) => {
  const { source: end } = await runDataflow([
    source(async ({ node, report }) => {
      let ticks = 0;
      const timer = setInterval(() => ticks++, 2);
      let waited = 0;
      let waitedMs = 0;
      let fewest = Infinity;
      const cpu = process.cpuUsage();
      for (let i = 0; i < 12; i++) {
        const begin = performance.now();
        ticks = 0;
        await node.send('out', String(i));
        const ms = performance.now() - begin;
        if (ms < 50) continue;
        waited++;
        waitedMs += ms;
        fewest = Math.min(fewest, ticks);
      }
      const { user, system } = process.cpuUsage(cpu);
      clearInterval(timer);
      report({ waited, waitedMs, fewest, cpuMs: (user + system) / 1000 });
    }),
    {
      ...sink(1),
      main: async ({ node, sleep }) => {
        for await (const e of node) if (e.type === 'input') await sleep(100);
      },
    },
  ]);
  const figures = end!.reports[0] as { waited: number; waitedMs: number; fewest: number; cpuMs: number };
  t.true(figures.waited >= 8, JSON.stringify(figures));
  t.true(figures.fewest >= 3, JSON.stringify(figures));
  t.true(figures.cpuMs < figures.waitedMs / 2, JSON.stringify(figures));
});

test('sendSync blocks until there is room', async (t) => {
  const { sink: end } = await runDataflow([
    source(({ node, assert }) => {
      for (let i = 0; i < 50; i++) assert.equal(node.sendSync('out', String(i)), true);
    }),
    sink(2, 200),
  ]);
  t.deepEqual(
    end!.reports.map((report) => (report as unknown[])[1]),
    Array.from({ length: 50 }, (_, i) => String(i)),
  );
});

test('a waiting send is made when only recvSync turns the wheel', async (t) => {
  const { sink: end } = await runDataflow([
    source(
      async ({ node }) => {
        const sent = [node.send('out', '0'), node.send('out', '1'), node.send('out', '2')];
        for (let i = 0; i < 10; i++) node.recvSync({ timeoutMs: 100 });
        await Promise.all(sent);
      },
      { inputs: { tick: { everyMs: 50 } } },
    ),
    sink(2, 300),
  ]);
  t.is(end!.reports.length, 3);
});

test('a loan is written in place, sent once, and its views die before anyone reads', async (t) => {
  const { sink: end } = await runDataflow([
    source(async ({ node, assert }) => {
      for (const size of [8, 4096, 100_000]) {
        const loan = node.loan('out', size);
        const view = loan.data;
        assert.equal(view.length, size);
        view.fill(65);
        const part = view.subarray(0, 4);
        await loan.send({ size });
        for (const gone of [view, part]) assert.equal(gone.length, 0);
        view[0] = 66;
        assert.throws(() => loan.data, { name: 'TypeError', message: /sent/ });
        assert.throws(() => loan.send(), TypeError);
        assert.throws(() => loan.trySend(), TypeError);
        assert.throws(() => {
          loan.resize(1);
        }, TypeError);
        loan.discard();
      }
      const shorter = node.loan('out', 100_000);
      shorter.data.fill(67);
      shorter.resize(5000);
      assert.equal(shorter.sizeBytes, 5000);
      assert.equal(shorter.data.length, 5000);
      assert.throws(() => {
        shorter.resize(100_001);
      }, RangeError);
      assert.throws(() => {
        shorter.resize(-1);
      }, RangeError);
      assert.equal(shorter.trySend(), true);
      const empty = node.loan('out', 0);
      assert.equal(empty.data.length, 0);
      await empty.send();
      const discarded = node.loan('out', 5000);
      const kept = discarded.data;
      discarded.discard();
      assert.equal(kept.length, 0);
      assert.throws(() => discarded.data, { name: 'TypeError', message: /discarded/ });
      const disposed = node.loan('out', 1);
      disposed[Symbol.dispose]();
      assert.throws(() => disposed.data, TypeError);
      for (const size of [-1, 1.5, NaN, 2 ** 32]) assert.throws(() => node.loan('out', size), RangeError);
    }),
    sink(100),
  ]);
  t.deepEqual(
    end!.reports.map((report) => [(report as unknown[])[1], (report as unknown[])[2]]),
    [
      ['A'.repeat(8), 8],
      ['A'.repeat(40), 4096],
      ['A'.repeat(40), 100_000],
      ['C'.repeat(40), 5000],
      ['', 0],
    ],
  );
});

test('a loan cannot be taken away by a transfer', async (t) => {
  await runDataflow([
    source(async ({ node, assert }) => {
      const loan = node.loan('out', 64);
      try {
        structuredClone(loan.data, { transfer: [loan.data.buffer as ArrayBuffer] });
      } catch (error) {
        assert.equal((error as Error).name, 'DataCloneError');
      }
      assert.equal(loan.data.length, 64);
      await loan.send();
    }),
    sink(10),
  ]);
  t.pass();
});

test('a loan waits for room like a send; after trySend() was false it is as it was', async (t) => {
  const { sink: end } = await runDataflow([
    source(async ({ node, assert }) => {
      await node.send('out', '0');
      const loan = node.loan('out', 6000);
      loan.data.fill(49);
      const view = loan.data;
      assert.equal(loan.trySend(), false);
      assert.equal(loan.data, view);
      assert.equal(view[5999], 49);
      const waits = loan.send({ last: true });
      assert.equal(view.length, 0);
      assert.throws(() => loan.data, TypeError);
      await waits;
    }),
    sink(1, 300),
  ]);
  t.deepEqual(end!.reports.at(-1), ['raw', '1'.repeat(40), 6000, { last: true }]);
});

test('a loan that is neither sent nor discarded is given back when it is collected, with a warning', async (t) => {
  const { source: end } = await runDataflow([
    source(
      async ({ node, report, gc, sleep }) => {
        process.on('warning', (warning) => {
          report(warning.message);
        });
        for (let i = 0; i < 2000; i++) {
          node.loan('out', 1_000_000);
          if (i % 50 === 0) {
            gc();
            await sleep(2);
          }
        }
        for (let i = 0; i < 20; i++) {
          gc();
          await sleep(5);
        }
      },
      { memoryLimitBytes: 400_000_000 },
    ),
    sink(1),
  ]);
  t.is(end!.reports.length, 1);
  t.regex(end!.reports[0] as string, /neither sent nor discarded/);
});

test('unknown ids are TypeErrors that offer what was meant', async (t) => {
  await runDataflow([
    source(({ node, assert }) => {
      const unknown = {
        name: 'TypeError',
        message: /node "source" has no output "imagee"; it has out, image. Did you mean "image"\?/,
      };
      assert.throws(() => node.send('imagee', ''), unknown);
      assert.throws(() => node.trySend('imagee', ''), unknown);
      assert.throws(() => node.sendSync('imagee', ''), unknown);
      assert.throws(() => node.loan('imagee', 1), unknown);
      assert.throws(() => {
        node.closeOutput('imagee');
      }, unknown);
      assert.throws(() => node.readable('x'), { name: 'TypeError', message: /declares no inputs/ });
    }),
    sink(1),
  ]);
  t.pass();
});

test('closeOutput() ends the input of its subscribers when they have read all; sends are ENDED', async (t) => {
  const { sink: end } = await runDataflow([
    source(async ({ node, assert, sleep }) => {
      await node.send('out', 'last');
      node.closeOutput('out');
      node.closeOutput('out');
      await assert.rejects(node.send('out', 'late'), { name: 'DoraError', code: 'ENDED' });
      assert.throws(() => node.trySend('out', 'late'), { code: 'ENDED' });
      await node.send('image', 'the other is open');
      await sleep(300);
    }),
    {
      id: 'sink',
      inputs: { in: 'source/out', image: 'source/image' },
      main: async ({ node, report }) => {
        for await (const e of node)
          report(e.type === 'input' ? `${e.id}: ${e.text()}` : 'id' in e ? `${e.id} ${e.type}` : e.type);
      },
    },
  ]);
  t.deepEqual(
    end!.reports.filter((report) => !(report as string).startsWith('image')),
    ['in: last', 'in inputClosed', 'stop'],
  );
});

test('a closed node refuses with TypeErrors, and its figures stay', async (t) => {
  await runDataflow([
    source(async ({ node, assert }) => {
      await node.send('out', 'x');
      const loan = node.loan('out', 10);
      const view = loan.data;
      await node.close();
      assert.equal(view.length, 0);
      assert.throws(() => loan.data, TypeError);
      loan.discard();
      for (const use of [
        () => node.send('out', ''),
        () => node.trySend('out', ''),
        () => node.sendSync('out', ''),
        () => node.loan('out', 1),
        () => node.recv(),
        () => node.tryRecv(),
        () => node.recvSync(),
        () => node.run({}),
        () => node.batches(),
        () => {
          node.requestStop();
        },
      ]) {
        assert.throws(use, { name: 'TypeError', message: 'node "source" is closed' });
      }
      for await (const e of node) throw new Error(e.type);
      assert.equal(node.outputs.get('out')!.sent, 1n);
      await node[Symbol.asyncDispose]();
    }),
    sink(1),
  ]);
  t.pass();
});

test('close() waits for what is being sent', async (t) => {
  const { sink: end } = await runDataflow([
    source(async ({ node }) => {
      void node.send('out', '0');
      void node.send('out', '1');
      await node.close();
    }),
    sink(1, 300),
  ]);
  t.is(end!.reports.length, 2);
});

test('a program that ends while a send waits ends only when it was accepted', async (t) => {
  const { sink: end } = await runDataflow([
    source(({ node }) => {
      void node.send('out', '0');
      void node.send('out', '1');
    }),
    sink(1, 300),
  ]);
  t.is(end!.reports.length, 2);
});

/** Sends 10 MB until there is no memory, then as often as it is asked to; reports how many it could, and what it was told. */
const filler = (id: string, more: Partial<NodeSpec> = {}): NodeSpec => ({
  id,
  outputs: ['out'],
  inputs: { again: { from: 'keeper/again' } },
  main: async ({ node, report, assert }) => {
    const payload = new Uint8Array(10_000_000);
    for (;;) {
      let sent = 0;
      let message = '';
      while (message === '') {
        try {
          await node.send('out', payload);
          sent++;
        } catch (error) {
          const { code, message: words } = error as { code: string; message: string };
          assert.equal(code, 'SHM_EXHAUSTED');
          message = words;
        }
      }
      assert.throws(() => node.loan('out', 10_000_000), { name: 'DoraError', code: 'SHM_EXHAUSTED', message });
      await node.send('out', 'small ones still go');
      report({ sent, message });
      for (;;) {
        const e = await node.recv();
        if (e?.type === 'end') return;
        if (e?.type === 'input') break;
      }
    }
  },
  ...more,
});

/** Keeps what it gets until the filler has no memory left; then gives all back and asks for more, `times` times, and stops the dataflow unless `stays`. */
const keeper = (inputs: Record<string, string>, args: { times: number; stays?: boolean }): NodeSpec => ({
  id: 'keeper',
  outputs: ['again'],
  inputs: Object.fromEntries(Object.entries(inputs).map(([id, from]) => [id, { from, queueSize: 20 }])),
  args,
  main: async ({ node, args, report }) => {
    const { times, stays } = args as { times: number; stays?: boolean };
    for (let round = 0; round < times; round++) {
      const kept: { release: () => void }[] = [];
      for (;;) {
        const e = await node.recv();
        if (e?.type !== 'input') continue;
        if (e.sizeBytes < 1000) break; // the filler has no memory left
        kept.push(e.retain());
      }
      report(kept.length);
      for (const sample of kept) sample.release();
      await node.send('again', '');
    }
    if (stays !== true) node.requestStop();
    else while ((await node.recv())?.type !== 'stop');
  },
});

interface Filled {
  sent: number;
  message: string;
}

test('memory of a node that its subscriber keeps is missed at the next send, with figures, and is there again when it is released', async (t) => {
  const flow = await startDataflow([
    filler('source', { memoryLimitBytes: 50_000_000 }),
    keeper({ in: 'source/out' }, { times: 3 }),
  ]);
  const { source, keeper: kept } = await flow.ended();
  t.is(source!.exitCode, 0, source!.stderr);
  const reports = source!.reports as Filled[];
  const sent = reports[0]!.sent;
  t.true(sent >= 3 && sent <= 4);
  t.true(reports.length >= 3);
  for (const report of reports.slice(0, 3)) {
    t.is(report.sent, sent, 'all of it is there again');
    t.regex(report.message, new RegExp(`"out".* bytes are used of its limit of 50003968; "keeper/in" has ${sent}$`));
  }
  t.deepEqual(kept!.reports, [sent, sent, sent]);
});

test('memory of a dataflow that one node has is missed by the others, with figures, and comes back with its end', async (t) => {
  const flow = await startDataflow(
    [
      filler('source'),
      keeper({ in: 'source/out' }, { times: 2, stays: true }),
      {
        id: 'other',
        outputs: ['out'],
        inputs: { again: 'keeper/again' },
        main: async ({ node, report, sleep }) => {
          const payload = new Uint8Array(10_000_000);
          await node.recv();
          // What the source's subscriber has released is still the source's.
          try {
            await node.send('out', payload);
          } catch (error) {
            report((error as { toJSON(): object }).toJSON());
          }
          await node.send('out', 'small ones still go');
          // This node stops the dataflow, so that it cannot be over before it has tried.
          await node.recv();
          node.requestStop();
          while ((await node.recv())?.type !== 'stop');
          for (;;) {
            try {
              await node.send('out', payload);
              break;
            } catch {
              await sleep(20);
            }
          }
          report('sent');
        },
      },
    ],
    2000,
    60_000_000,
  );
  const { source, other } = await flow.ended();
  t.is(source!.exitCode, 0, source!.stderr);
  t.is(other!.exitCode, 0, other!.stderr);
  const reports = source!.reports as Filled[];
  t.is(reports[0]!.sent, 5);
  t.is(reports[1]!.sent, 5);
  const [refused, later] = other!.reports as [{ code: string; message: string }, string];
  t.is(refused.code, 'SHM_EXHAUSTED');
  t.regex(
    refused.message,
    /needs \d+ more: the node has \d+ of its limit of 60000000 bytes, all nodes of this machine \d+ of 60000000$/,
  );
  t.is(later, 'sent');
});

test('over the memory budget: SHM_EXHAUSTED, with figures, and the node goes on', async (t) => {
  const flow = await startDataflow([
    source(
      async ({ node, assert }) => {
        assert.throws(() => node.loan('out', 500_000_000), { name: 'DoraError', code: 'TOO_LARGE', message: /\d/ });
        await assert.rejects(node.send('out', new Uint8Array(500_000_000)), { code: 'TOO_LARGE' });
        const loans: { discard: () => void }[] = [];
        const exhausted = { name: 'DoraError', code: 'SHM_EXHAUSTED', message: /\d/ };
        assert.throws(() => {
          for (let i = 0; i < 10; i++) loans.push(node.loan('out', 10_000_000));
        }, exhausted);
        assert.ok(loans.length >= 2);
        await assert.rejects(node.send('out', new Uint8Array(10_000_000)), exhausted);
        assert.throws(() => node.trySend('out', new Uint8Array(10_000_000)), exhausted);
        for (const loan of loans) loan.discard();
        await node.send('out', new Uint8Array(10_000_000));
        await node.send('out', 'small');
      },
      { memoryLimitBytes: 50_000_000 },
    ),
    sink(10),
  ]);
  const ends = await flow.ended();
  t.is(ends['source']!.exitCode, 0, ends['source']!.stderr);
  t.is(ends['sink']!.reports.length, 2);
  t.true(flow.events.some((event) => event.kind === 'exhausted'));
});
