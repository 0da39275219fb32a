/**
 * Nodes that wait for each other by backpressure: the youngest send rejects within a second, the ring goes on, and the event loop never stands still
 * meanwhile.
 */
import test from 'ava';
import { startDataflow } from '../../helpers/dataflow.js';
import type { NodeSpec } from '../../helpers/dataflow.js';
import { lossless } from './programs.js';

test.beforeEach((t) => {
  t.timeout(90_000);
});

/**
 * Answers each message with two, so that a ring of such nodes fills up; reports what was rejected, after how long and how many turns of a timer of
 * 5 ms, and goes on until 6 came.
 */
const doubling = (id: string, from: string, first: number): NodeSpec => ({
  id,
  inputs: { in: lossless(from, 2) },
  outputs: ['out'],
  args: { first },
  main: async ({ node, args, report }) => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const send = async (text: string): Promise<void> => {
      const start = performance.now();
      ticks = 0;
      try {
        await node.send('out', text);
      } catch (error) {
        report({ ...(error as { toJSON(): object }).toJSON(), text, afterMs: performance.now() - start, ticks });
      }
    };
    for (let i = 0; i < (args as { first: number }).first; i++) await send(`first ${i}`);
    let received = 0;
    for await (const event of node) {
      if (event.type !== 'input') continue;
      if (++received === 6) break;
      await send(`a ${received}`);
      await send(`b ${received}`);
    }
    clearInterval(timer);
    report({ received });
  },
});

interface Rejected {
  code: string;
  message: string;
  hint: string;
  afterMs: number;
  ticks: number;
}

for (const count of [1, 2, 3]) {
  test(`a ring of ${count} that fills up is broken again and again, and goes on`, async (t) => {
    const ids = ['a', 'b', 'c'].slice(0, count);
    const flow = await startDataflow(
      ids.map((id, i) => doubling(id, `${ids[(i + count - 1) % count]!}/out`, i === 0 ? 1 : 0)),
    );
    await Promise.race(
      ids.map((id) => flow.reported(id, (report) => (report as { received?: number }).received === 6)),
    );
    flow.stop();
    const ends = await flow.ended();
    const rejected = ids
      .flatMap((id) => ends[id]!.reports)
      .filter((report): report is Rejected => {
        return typeof report === 'object' && report !== null && 'code' in report;
      });
    t.true(rejected.length > 0);
    // Of several, for the machine may be busy: what is promised is a second, and no machine makes a wait shorter than it is.
    const soonest = Math.min(...rejected.map(({ afterMs }) => afterMs));
    t.true(soonest <= 1000, `the soonest rejection came after ${soonest} ms`);
    for (const { code, message, hint, afterMs, ticks } of rejected) {
      t.true(ticks >= 3, `${ticks} turns of the loop in ${afterMs} ms`);
      t.is(code, 'BACKPRESSURE_CYCLE');
      for (const [i, id] of ids.entries())
        t.true(message.includes(`"${id}/out" for "${ids[(i + 1) % count]!}/in"`), message);
      t.regex(hint, /drop_oldest/);
    }
    for (const id of ids) t.is(ends[id]!.exitCode, 0, ends[id]!.stderr);
  });
}

test('sends that wait while their node takes are no ring, however slowly it takes', async (t) => {
  const slow = (id: string, from: string): NodeSpec => ({
    id,
    inputs: { in: lossless(from, 1) },
    outputs: ['out'],
    main: async ({ node, sleep, report }) => {
      // Sends without an end beside the loop: it is never the send that keeps the loop from taking.
      const sends = { on: true };
      const sending = (async () => {
        for (let i = 0; sends.on; i++) await node.send('out', String(i));
      })();
      let received = 0;
      for await (const event of node) {
        if (event.type === 'input') received++;
        if (received === 8) break;
        await sleep(300);
      }
      sends.on = false;
      report(received);
      for await (const event of node) if (event.type === 'end') break;
      await sending;
    },
  });
  const flow = await startDataflow([slow('a', 'b/out'), slow('b', 'a/out')]);
  await Promise.all([flow.reported('a'), flow.reported('b')]);
  flow.stop();
  const ends = await flow.ended();
  for (const id of ['a', 'b']) {
    t.is(ends[id]!.exitCode, 0, ends[id]!.stderr);
    t.deepEqual(ends[id]!.reports, [8]);
  }
});
