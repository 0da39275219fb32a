/**
 * Subscriber of the throughput rows in TypeScript: takes every message by `for await`, checks its size and number (and
 * metadata, when the row asks for some), and times all but the first BENCH_WARMUP of them.
 */

import { Node } from 'dora-ts';
import type { InputEvent } from 'dora-ts';
import { nowNs, place, setting, withMetadata, writeResult } from './bench-node.js';

interface SinkIo {
  inputs: { in: Uint8Array };
  outputs: Record<string, never>;
}

const size = setting('BENCH_SIZE');
const warmup = setting('BENCH_WARMUP');
const count = setting('BENCH_COUNT');
let received = 0;
let beganNs = 0n;
let endedNs = 0n;

function check(event: InputEvent<SinkIo>): void {
  const { data } = event;
  const number = (data[0] ?? 0) | ((data[1] ?? 0) << 8) | ((data[2] ?? 0) << 16) | ((data[3] ?? 0) << 24);
  if (number === received && data.byteLength === size && event.dropped === 0) {
    if (!withMetadata || event.metadata['number'] === received) return;
  }
  throw new Error(`message ${received} is wrong or missing`);
}

place('BENCH_RECEIVER_CORE');
await using node = await Node.connect<SinkIo>();
for await (const event of node) {
  if (event.type !== 'input') continue;
  if (received === warmup) beganNs = nowNs();
  check(event);
  if (++received === warmup + count) endedNs = nowNs();
}
if (received !== warmup + count) throw new Error(`${received} of ${warmup + count} messages came`);
writeResult(BigUint64Array.of(BigInt(count), endedNs - beganNs));
