/** A subscriber that never gives anything back hurts only itself: the others get all, and its publisher never stands still. */
import test from 'ava';
import { runDataflow } from '../../helpers/dataflow.js';
import type { NodeSpec } from '../../helpers/dataflow.js';
import { lossless } from './programs.js';

test.beforeEach((t) => {
  t.timeout(90_000);
});

const COUNT = 3000;

const publisher: NodeSpec = {
  id: 'source',
  outputs: ['out'],
  args: COUNT,
  main: async ({ node, args, report, sleep }) => {
    for (let i = 0; i < (args as number); i++) {
      const loan = node.loan('out', 8192);
      new DataView(loan.data.buffer).setUint32(0, i);
      await loan.send();
      // The hoarder gets the time to take what it can, and so runs into its limit.
      if (i < 100) await sleep(1);
    }
    report('sent');
  },
};

const reader: NodeSpec = {
  id: 'reader',
  inputs: { in: lossless('source/out', 16) },
  main: async ({ node, report }) => {
    let next = 0;
    let wrong = 0;
    for await (const event of node) {
      if (event.type !== 'input') continue;
      const { data } = event;
      if (new DataView(data.buffer, data.byteOffset).getUint32(0) !== next++ || event.dropped !== 0) wrong++;
    }
    report({ next, wrong });
  },
};

const hoarder: NodeSpec = {
  id: 'hoarder',
  inputs: { in: { from: 'source/out', queueSize: 4 } },
  main: async ({ node, report }) => {
    const kept = [];
    let wrong = 0;
    for await (const event of node) if (event.type === 'input') kept.push(event.retain());
    let last = -1;
    for (const { data } of kept) {
      const number = new DataView(data.buffer, data.byteOffset).getUint32(0);
      if (number <= last) wrong++;
      last = number;
    }
    report({ kept: kept.length, wrong });
  },
};

test('who keeps every sample loses its own new messages; a lossless reader beside it gets each, in order', async (t) => {
  const { source, reader: read, hoarder: kept } = await runDataflow([publisher, reader, hoarder]);
  t.deepEqual(source!.reports, ['sent']);
  t.deepEqual(read!.reports, [{ next: COUNT, wrong: 0 }]);
  const [held] = kept!.reports as { kept: number; wrong: number }[];
  t.is(held!.wrong, 0, 'what it keeps stays as it was');
  t.true(held!.kept > 0 && held!.kept < COUNT / 2, `it keeps ${held!.kept} of ${COUNT}`);
});
