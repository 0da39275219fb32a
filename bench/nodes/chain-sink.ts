/**
 * Last node of a chain: takes the time of what arrives, until all has come or nothing has for two seconds, and stops the dataflow.
 * What was dropped on the way is a figure here, not a failure: writes (nanoseconds through the whole chain, 0) of each message that
 * counts, then (messages that came, messages that were sent).
 */

import { Node } from 'dora-ts';
import { nowNs, setting, writeResult } from './bench-node.js';

const warmup = setting('BENCH_WARMUP');
const total = warmup + setting('BENCH_COUNT');
const pairs: bigint[] = [];
let came = 0;
let last = -1;

await using node = await Node.connect();
// The first message has to come through a chain whose programs have just been compiled.
for (let timeoutMs = 60_000; last < total - 1; timeoutMs = 2000) {
  const event = await node.recv({ timeoutMs });
  if (event === null || event.type === 'end') break;
  if (event.type !== 'input') continue;
  const { data } = event;
  const sent = new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0, true);
  const now = nowNs();
  const number = Number(event.metadata['number']);
  if (!(number > last)) throw new Error(`message ${number} came after message ${last}`);
  last = number;
  came++;
  if (number >= warmup) pairs.push(now - sent, 0n);
}
writeResult(BigUint64Array.of(...pairs, BigInt(came), BigInt(total)));
node.requestStop();
