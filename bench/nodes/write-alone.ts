/**
 * What writing a payload costs with nobody to send it to: fills BENCH_BUFFERS ordinary buffers of BENCH_SIZE bytes in turn, and writes
 * (nanoseconds, 0) of each fill. It joins no dataflow; it is started and placed as the senders are that are compared with it.
 */

import { nowNs, place, setting, writeResult } from './bench-node.js';

const size = setting('BENCH_SIZE');
const warmup = setting('BENCH_WARMUP');
const count = setting('BENCH_COUNT');
const buffers = Array.from({ length: setting('BENCH_BUFFERS') }, () => new Uint8Array(size));
const pairs = new BigUint64Array(2 * count);

place('BENCH_SENDER_CORE');
for (let number = 0; number < warmup + count; number++) {
  const began = nowNs();
  buffers[number % buffers.length]?.fill(number & 0xff);
  if (number >= warmup) pairs[2 * (number - warmup)] = nowNs() - began;
}
writeResult(pairs);
