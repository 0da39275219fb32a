/**
 * Subscriber of the throughput rows in TypeScript: takes every message, checks its size and number (and metadata, when the row
 * asks for some), and times all but the first BENCH_WARMUP of them. BENCH_MODE says how it takes them: `await` by `for await`,
 * `run` by handlers, `batches` by batches().
 *
 * Writes (messages, nanoseconds), then how many page faults and major collections it saw.
 */

import { Node } from 'dora-ts';
import type { Event, InputEvent } from 'dora-ts';
import { mode, place, setting, withMetadata, writeResult } from './bench-node.js';
import { Stretch } from './stretch.js';

const size = setting('BENCH_SIZE');
const stretch = new Stretch({ rests: true });
let received = 0;

function check(event: InputEvent): void {
  const { data } = event;
  const number = (data[0] ?? 0) | ((data[1] ?? 0) << 8) | ((data[2] ?? 0) << 16) | ((data[3] ?? 0) << 24);
  if (number === received && data.byteLength === size && event.dropped === 0) {
    if (!withMetadata || event.metadata['number'] === received) return;
  }
  throw new Error(`message ${received} is wrong or missing`);
}

function take(event: Event): void {
  if (event.type !== 'input') return;
  check(event);
  stretch.after(++received);
}

place('BENCH_RECEIVER_CORE');
await using node = await Node.connect();
if (mode === 'await') {
  for await (const event of node) take(event);
} else if (mode === 'run') {
  await node.run({ input: { in: take } });
} else if (mode === 'batches') {
  for await (const batch of node.batches()) for (const event of batch) take(event);
} else {
  throw new Error(`there is no way "${mode}" of taking messages`);
}
if (received !== stretch.total) throw new Error(`${received} of ${stretch.total} messages came`);
const { ns, faults, collections } = await stretch.end();
writeResult(BigUint64Array.of(BigInt(stretch.count), ns, faults, collections));
