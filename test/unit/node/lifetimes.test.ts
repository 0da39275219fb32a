/**
 * How long received data lives: each trap of lent, retained, small and large payloads, in a real subscriber process.
 */
import test from 'ava';
import { runDataflow, startDataflow } from '../../helpers/dataflow.js';
import type { NodeKit, NodeSpec } from '../../helpers/dataflow.js';

test.beforeEach((t) => {
  t.timeout(90_000);
});

/** Sends each size of args.sizes args.rounds times, filled with its round, and its size as metadata. */
const source: NodeSpec = {
  id: 'source',
  outputs: ['out'],
  args: { sizes: [8, 512, 513, 4096, 4097, 1_000_000], rounds: 2 },
  main: async ({ node, args }: NodeKit) => {
    const { sizes, rounds } = args as { sizes: number[]; rounds: number };
    for (let round = 1; round <= rounds; round++) {
      for (const size of sizes) await node.send('out', new Uint8Array(size).fill(round), { size, round });
    }
  },
};

const sink = (main: NodeSpec['main'], env: Record<string, string> = {}): NodeSpec => ({
  id: 'sink',
  inputs: { in: { from: 'source/out', policy: 'backpressure', queueSize: 4 } },
  env,
  main,
});

test('an event dies when the next one is asked for, small or large, with every view of it', async (t) => {
  const { sink: end } = await runDataflow([
    source,
    sink(async ({ node, assert, report }) => {
      const dead: { check: () => void; size: number }[] = [];
      for await (const e of node) {
        for (const { check } of dead.splice(0)) check();
        if (e.type !== 'input') continue;
        const size = e.metadata['size'] as number;
        const view = e.data;
        const part = view.subarray(1, 3);
        const words = e.as(Uint8Array);
        assert.equal(e.data, view, 'the same array each time');
        assert.equal(view.length, size);
        assert.equal(view[size - 1], e.metadata['round']);
        const text = e.copy();
        dead.push({
          size,
          check: () => {
            assert.ok(e.released);
            assert.throws(() => e.data, { name: 'TypeError', message: /input "in".*retain\(\)/ });
            for (const read of [
              () => e.text(),
              () => e.json(),
              () => e.copy(),
              () => e.as(Uint8Array),
              () => e.retain(),
            ]) {
              assert.throws(read, TypeError);
            }
            for (const gone of [view, part, words]) assert.equal(gone.length, 0);
            assert.equal(view[0], undefined);
            assert.equal(view.buffer.byteLength, 0);
            assert.equal(text.length, size, 'a copy survives');
            assert.equal(e.metadata['size'], size, 'metadata survives');
            assert.equal(e.sizeBytes, size);
            e.release();
            report(size);
          },
        });
      }
    }),
  ]);
  const sizes = [8, 512, 513, 4096, 4097, 1_000_000];
  t.deepEqual(end!.reports, [...sizes, ...sizes]);
});

test('metadata that was not looked at before release is there afterwards', async (t) => {
  const { sink: end } = await runDataflow([
    source,
    sink(async ({ node, report }) => {
      const events = [];
      for await (const e of node) if (e.type === 'input') events.push(e);
      report(events.map((e) => e.metadata['size']));
    }),
  ]);
  const sizes = [8, 512, 513, 4096, 4097, 1_000_000];
  t.deepEqual(end!.reports, [[...sizes, ...sizes]]);
});

test('a retained sample lives until it is released, as the same array, and dies then', async (t) => {
  const { sink: end } = await runDataflow([
    source,
    sink(async ({ node, assert, report }) => {
      const kept = [];
      for await (const e of node) {
        if (e.type !== 'input') continue;
        const before = e.data;
        const sample = e.retain();
        assert.equal(e.retain(), sample, 'a second call returns the same');
        assert.equal(sample.data, before, 'no copy');
        assert.equal(e.data, before);
        e.release();
        assert.throws(() => e.data, TypeError);
        kept.push({ sample, before, event: e });
      }
      for (const { sample, before, event } of kept) {
        const size = sample.metadata['size'] as number;
        assert.equal(before.length, size);
        assert.equal(sample.data, before);
        assert.ok(sample.data.every((byte) => byte === sample.metadata['round']));
        assert.equal(sample.sequence, event.sequence);
        sample.release();
        sample.release();
        assert.equal(sample.released, true);
        assert.equal(before.length, 0);
        assert.throws(() => sample.data, { name: 'TypeError', message: /released/ });
        report(size);
      }
    }),
  ]);
  t.is(end!.reports.length, 12);
});

test('samples of up to 4 KiB can be kept in any number: they hold no memory of their publisher', async (t) => {
  const { sink: end } = await runDataflow([
    { ...source, args: { sizes: [8, 513, 4096], rounds: 300 } },
    sink(async ({ node, assert, report }) => {
      const kept = [];
      for await (const e of node) if (e.type === 'input') kept.push(e.retain());
      for (const sample of kept) {
        assert.equal(sample.data.length, sample.metadata['size']);
        assert.ok(sample.data.every((byte) => byte === (sample.metadata['round'] as number) % 256));
        const view = sample.data;
        sample.release();
        assert.equal(view.length, 0);
      }
      report(kept.length);
    }),
  ]);
  t.deepEqual(end!.reports, [900]);
});

test('an event whose retained sample was released is dead, also inside its turn', async (t) => {
  await runDataflow([
    source,
    sink(async ({ node, assert }) => {
      for await (const e of node) {
        if (e.type !== 'input') continue;
        e.retain().release();
        assert.throws(() => e.data, TypeError);
      }
    }),
  ]);
  t.pass();
});

test('structuredClone and postMessage copy received data, and cannot take it away', async (t) => {
  await runDataflow([
    source,
    sink(async ({ node, assert, workerThreads }) => {
      const { port1, port2 } = new workerThreads.MessageChannel();
      const thief = new workerThreads.MessageChannel();
      for await (const e of node) {
        if (e.type !== 'input') continue;
        const size = e.sizeBytes;
        assert.deepEqual(structuredClone(e.data), e.copy());
        for (const take of [
          () => structuredClone(e.data, { transfer: [e.data.buffer as ArrayBuffer] }),
          () => {
            thief.port1.postMessage(e.data, [e.data.buffer as ArrayBuffer]);
          },
        ]) {
          // Node.js 20 copies in silence, newer ones throw.
          try {
            take();
          } catch (error) {
            assert.equal((error as Error).name, 'DataCloneError');
          }
          assert.equal(e.data.length, size);
        }
        port1.postMessage(e.data);
        const { message } = workerThreads.receiveMessageOnPort(port2) as { message: Uint8Array };
        assert.equal(message.length, size);
      }
      port1.close();
      thief.port1.close();
    }),
  ]);
  t.pass();
});

test('small payloads share no buffer with a neighbour', async (t) => {
  await runDataflow([
    { ...source, args: { sizes: [8, 8, 64, 65, 512], rounds: 20 } },
    sink(async ({ node, assert }) => {
      const kept = [];
      for await (const batch of node.batches({ max: 16 })) {
        const buffers = new Set();
        for (const e of batch) {
          if (e.type !== 'input') continue;
          assert.equal(e.data.byteOffset, 0);
          assert.equal(e.data.buffer.byteLength, e.sizeBytes, 'data.buffer shows nothing else');
          assert.ok(!buffers.has(e.data.buffer));
          buffers.add(e.data.buffer);
          e.data.fill(99);
          kept.push(e.retain());
        }
      }
      for (const [index, sample] of kept.entries()) {
        assert.ok(sample.data.every((byte) => byte === 99));
        if (index % 2 === 0) sample.release();
      }
      assert.ok(kept.filter((_, index) => index % 2 === 1).every((sample) => sample.data.length === sample.sizeBytes));
      assert.equal(kept.length, 100);
    }),
  ]);
  t.pass();
});

test('DORA_RELEASE=1 leaves small copies alone, and nothing else', async (t) => {
  await runDataflow([
    source,
    sink(
      async ({ node, assert }) => {
        let last: { view: Uint8Array; size: number; get: () => Uint8Array } | undefined;
        for await (const e of node) {
          if (last !== undefined) {
            assert.equal(last.view.length, last.size <= 512 ? last.size : 0);
            assert.throws(last.get, TypeError);
          }
          last = e.type === 'input' ? { view: e.data, size: e.sizeBytes, get: () => e.data } : undefined;
        }
      },
      { DORA_RELEASE: '1' },
    ),
  ]);
  t.pass();
});

test('close() detaches what is still held', async (t) => {
  await runDataflow([
    source,
    sink(async ({ node, assert }) => {
      const views: Uint8Array[] = [];
      const samples = [];
      for await (const e of node) {
        if (e.type !== 'input') continue;
        views.push(e.data);
        samples.push(e.retain());
        if (views.length === 4) break;
      }
      const lent = await node.recv();
      assert.equal(lent?.type, 'input');
      if (lent?.type === 'input') views.push(lent.data);
      await node.close();
      await node.close();
      for (const view of views) assert.equal(view.length, 0);
      for (const sample of samples) {
        assert.ok(sample.released);
        sample.release();
        assert.throws(() => sample.data, TypeError);
      }
    }),
  ]);
  t.pass();
});

test('a store into received memory ends the process with words that name input and node, and copy()', async (t) => {
  const flow = await startDataflow([
    source,
    sink(async ({ node, report }) => {
      for await (const e of node) {
        if (e.type !== 'input' || e.sizeBytes < 100_000) continue;
        report('storing');
        e.data[17] = 1;
        report('stored');
      }
    }),
  ]);
  const { sink: end } = await flow.ended();
  t.is(end!.signal, 'SIGSEGV');
  t.deepEqual(end!.reports, ['storing']);
  t.regex(end!.stderr, /store into received data.*"in".*"sink"/);
  t.regex(end!.stderr, /copy\(\)/);
});

test('any other bad access is not blamed on received data', async (t) => {
  const flow = await startDataflow([
    { id: 'alone', outputs: ['out'], main: () => void process.kill(process.pid, 'SIGSEGV') },
  ]);
  const { alone } = await flow.ended();
  t.is(alone!.signal, 'SIGSEGV');
  t.notRegex(alone!.stderr, /received data/);
});

test('a leaked retain() gives its slot back when it is collected, and warns once', async (t) => {
  const { sink: end } = await runDataflow([
    { ...source, args: { sizes: [100_000], rounds: 60 } },
    sink(async ({ node, assert, report, gc, sleep }) => {
      const warnings: string[] = [];
      process.on('warning', (warning) => warnings.push(`${warning.name}: ${warning.message}`));
      let seen = 0;
      const views: Uint8Array[] = [];
      for await (const e of node) {
        if (e.type !== 'input') continue;
        const sample = e.retain();
        // Of one only the view is kept: the net must not take it away.
        if (seen === 0) views.push(sample.data);
        seen++;
        gc();
        await sleep(1);
      }
      assert.equal(seen, 60);
      for (let i = 0; i < 50 && warnings.length === 0; i++) {
        gc();
        await sleep(10);
      }
      assert.equal(views[0]!.length, 100_000);
      assert.equal(views[0]![0], 1);
      report(warnings);
    }),
  ]);
  const [warnings] = end!.reports as [string[]];
  t.is(warnings.length, 1);
  t.regex(warnings[0]!, /DoraWarning: .*"in".*release\(\)/);
});

test('text and json: decoded from a copy, and what cannot be is DECODE_FAILED', async (t) => {
  await runDataflow([
    {
      id: 'source',
      outputs: ['out'],
      main: async ({ node }) => {
        for (const pad of ['', 'x'.repeat(5000)]) {
          await node.send('out', `grüße${pad}`);
          await node.send('out', { deep: [1, null, `ä${pad}`] });
          await node.send('out', new Uint8Array([0xff, 0xfe, ...Buffer.from(pad)]));
          await node.send('out', `{"cut": ${pad}`);
          await node.send('out', '');
        }
      },
    },
    sink(async ({ node, assert }) => {
      for (const pad of ['', 'x'.repeat(5000)]) {
        const next = async () => {
          const e = await node.recv();
          assert.equal(e?.type, 'input');
          return e as Extract<typeof e, { type: 'input' }>;
        };
        let e = await next();
        assert.deepEqual([e.encoding, e.text()], ['utf8', `grüße${pad}`]);
        e = await next();
        assert.deepEqual([e.encoding, e.json()], ['json', { deep: [1, null, `ä${pad}`] }]);
        assert.equal(e.data[0], '{'.charCodeAt(0));
        assert.equal(e.text()[0], '{');
        e = await next();
        assert.equal(e.encoding, 'raw');
        assert.throws(() => e.text(), { name: 'DoraError', code: 'DECODE_FAILED' });
        e = await next();
        assert.throws(() => e.json(), { code: 'DECODE_FAILED', message: /"in".*not JSON/ });
        e = await next();
        assert.deepEqual([e.text(), e.data.length, e.copy().length], ['', 0, 0]);
      }
    }),
  ]);
  t.pass();
});

test('as(): typed views of the data, and RangeError when it does not divide', async (t) => {
  await runDataflow([
    {
      id: 'source',
      outputs: ['out'],
      main: async ({ node }) => {
        for (const length of [4, 1000])
          await node.send(
            'out',
            Float64Array.from({ length }, (_, index) => index / 2),
          );
        for (const length of [13, 10_001]) await node.send('out', new Uint8Array(length));
      },
    },
    sink(async ({ node, assert }) => {
      for await (const e of node) {
        if (e.type !== 'input') continue;
        if (e.sizeBytes % 8 !== 0) {
          assert.throws(() => e.as(Float64Array), { name: 'RangeError', message: /multiple of 8 \(Float64Array\)/ });
          assert.equal(e.as(Uint8Array).length, e.sizeBytes);
          continue;
        }
        const values = e.as(Float64Array);
        assert.equal(values.length, e.sizeBytes / 8);
        assert.equal(values[3], 1.5);
        assert.equal(values.buffer, e.data.buffer);
      }
    }),
  ]);
  t.pass();
});
