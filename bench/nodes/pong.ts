/**
 * Receiver of the latency rows in TypeScript: sleeps in `for await`, takes the time as soon as it has read the stamps out of
 * the payload, checks the message (size, last byte, number in its metadata), and answers with 8 bytes.
 */

import { Node } from 'dora-ts';
import type { InputEvent } from 'dora-ts';
import { nowNs, place, setting, writeResult } from './bench-node.js';

interface PongIo {
  inputs: { ping: Uint8Array };
  outputs: { pong: Uint8Array };
}

const size = setting('BENCH_SIZE');
const warmup = setting('BENCH_WARMUP');
const count = setting('BENCH_COUNT');
const pairs = new BigUint64Array(2 * count);
const answer = new Uint8Array(8);
let received = 0;

/** Nanoseconds from both stamps until now. */
function measure(event: InputEvent<PongIo>, at: number): void {
  const { data } = event;
  const stamps = new BigUint64Array(data.buffer, data.byteOffset, size === 8 ? 1 : 2);
  const sent = stamps[0] ?? 0n;
  const now = nowNs();
  if (at < 0) return;
  pairs[at] = now - sent;
  pairs[at + 1] = now - (stamps[1] ?? sent);
}

function check(event: InputEvent<PongIo>): void {
  const { data, metadata } = event;
  const lastByte = size === 8 ? undefined : data[size - 1];
  const right = data.byteLength === size && (lastByte === undefined || lastByte === (received & 0xff));
  if (right && metadata['number'] === received) return;
  throw new Error(`message ${received} is wrong or missing`);
}

place('BENCH_RECEIVER_CORE');
await using node = await Node.connect<PongIo>();
for await (const event of node) {
  if (event.type !== 'input') continue;
  measure(event, received < warmup ? -1 : 2 * (received - warmup));
  check(event);
  received++;
  event.release();
  await node.send('pong', answer);
}
if (received !== warmup + count) throw new Error(`${received} of ${warmup + count} messages came`);
writeResult(pairs);
