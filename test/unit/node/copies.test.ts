/**
 * Nodes where memory that is not V8's may not become an ArrayBuffer, as in Electron: DORA_COPY_BUFFERS=1 makes them so here. Loans are written back
 * before they are sent, received data is the receiver's own, and lifetimes are as ever.
 */
import test from 'ava';
import { runDataflow } from '../../helpers/dataflow.js';
import type { NodeSpec } from '../../helpers/dataflow.js';
import { lossless } from './programs.js';

test.beforeEach((t) => {
  t.timeout(90_000);
});

const env = { DORA_COPY_BUFFERS: '1' };
const sizes = [0, 8, 512, 513, 4096, 4097, 1024 * 1024];

/** Receives one message at a time; the first call of recv() waits args.waitMs, so that the publisher meets a full queue. */
const checkingSink = (waitMs: number): NodeSpec => ({
  id: 'sink',
  env,
  inputs: { in: lossless('source/out', 1) },
  args: { waitMs },
  main: async ({ node, args, assert, report, sleep }) => {
    await sleep((args as { waitMs: number }).waitMs);
    let last: Uint8Array | undefined;
    for await (const event of node) {
      if (last !== undefined) assert.equal(last.length, 0, 'a view dies with its event');
      last = undefined;
      if (event.type !== 'input') continue;
      const { data } = event;
      const first = event.metadata['first'] as number;
      for (let i = 0; i < data.length; i++) {
        if (data[i] !== (first + i * 7) % 251) assert.fail(`byte ${i} of ${data.length} is ${String(data[i])}`);
      }
      report([event.sizeBytes, data.length]);
      if (data.length === 0) continue;
      // Into shared memory this store would end the process.
      data.fill(255);
      last = data;
    }
  },
});

test('loans arrive byte for byte, and what is received may be written to: both are copies', async (t) => {
  const { sink } = await runDataflow([
    {
      id: 'source',
      env,
      outputs: ['out'],
      args: sizes,
      main: async ({ node, args, assert }) => {
        for (const [first, size] of (args as number[]).entries()) {
          const loan = node.loan('out', size);
          const view = loan.data;
          for (let i = 0; i < size; i++) view[i] = (first + i * 7) % 251;
          await loan.send({ first });
          assert.equal(view.length, 0);
          assert.throws(() => loan.data, { name: 'TypeError', message: /sent/ });
          const bytes = Uint8Array.from({ length: size }, (_, i) => (first + i * 7) % 251);
          await node.send('out', bytes, { first });
        }
      },
    },
    checkingSink(0),
  ]);
  t.deepEqual(
    sink!.reports,
    sizes.flatMap((size) => [
      [size, size],
      [size, size],
    ]),
  );
});

test('a loan that had to wait, was refused by trySend(), or became smaller arrives as it was written', async (t) => {
  const { sink } = await runDataflow([
    {
      id: 'source',
      env,
      outputs: ['out'],
      main: async ({ node, assert }) => {
        const write = (view: Uint8Array, first: number): void => {
          for (let i = 0; i < view.length; i++) view[i] = (first + i * 7) % 251;
        };
        await node.send('out', new Uint8Array([1]), { first: 1 });
        const refused = node.loan('out', 100_000);
        write(refused.data, 2);
        assert.equal(refused.trySend({ first: 2 }), false);
        assert.equal(refused.data[99_999], (2 + 99_999 * 7) % 251);
        write(refused.data, 3);
        const waits = refused.send({ first: 3 });
        assert.throws(() => refused.data, TypeError);
        await waits;
        const shorter = node.loan('out', 100_000);
        write(shorter.data, 4);
        shorter.resize(5000);
        await shorter.send({ first: 4 });
      },
    },
    checkingSink(300),
  ]);
  t.deepEqual(
    sink!.reports,
    [1, 100_000, 5000].map((size) => [size, size]),
  );
});

test('a retained copy holds its bytes until it is released, and its slot is given back', async (t) => {
  const { sink } = await runDataflow([
    {
      id: 'source',
      env,
      outputs: ['out'],
      memoryLimitBytes: 8 * 1024 * 1024,
      main: async ({ node }) => {
        for (let i = 0; i < 30; i++) await node.send('out', new Uint8Array(1024 * 1024).fill(i));
      },
    },
    {
      id: 'sink',
      env,
      inputs: { in: lossless('source/out', 2) },
      main: async ({ node, assert, report }) => {
        let number = 0;
        for await (const event of node) {
          if (event.type !== 'input') continue;
          const sample = event.retain();
          event.release();
          assert.ok(sample.data.every((byte) => byte === number));
          number++;
          const view = sample.data;
          sample.release();
          assert.equal(view.length, 0);
        }
        report(number);
      },
    },
  ]);
  t.deepEqual(sink!.reports, [30]);
});
