/**
 * Writes when each tick of its timer arrived, and which number it has: (CLOCK_MONOTONIC ns, number from 1), BENCH_WARMUP +
 * BENCH_COUNT of them.
 */

import { Node } from 'dora-ts';
import { nowNs, place, setting, writeResult } from './bench-node.js';

const total = setting('BENCH_WARMUP') + setting('BENCH_COUNT');
const pairs = new BigUint64Array(2 * total);
let ticks = 0;

place('BENCH_RECEIVER_CORE');
await using node = await Node.connect();
for await (const event of node) {
  const now = nowNs();
  if (event.type !== 'input') continue;
  pairs[2 * ticks] = now;
  pairs[2 * ticks + 1] = event.sequence;
  if (++ticks === total) break;
}
if (ticks !== total) throw new Error(`${ticks} of ${total} ticks came`);
writeResult(pairs);
