/**
 * Sender of the latency rows in TypeScript: a message of BENCH_SIZE bytes, with metadata, whenever the answer to the last one
 * came.
 *
 * 8 bytes go by send(), which copies. Larger ones are written whole into a loan: the second stamp is taken before the first
 * byte is written, the first one as the last thing before the send call.
 */

import { Node } from 'dora-ts';
import { nowNs, place, setting } from './bench-node.js';

interface PingIo {
  inputs: { pong: Uint8Array };
  outputs: { ping: Uint8Array };
}

const size = setting('BENCH_SIZE');
const total = setting('BENCH_WARMUP') + setting('BENCH_COUNT');
const small = new BigUint64Array(1);

place('BENCH_SENDER_CORE');
await using node = await Node.connect<PingIo>();

function sendSmall(number: number): Promise<void> {
  small[0] = nowNs();
  return node.send('ping', small, { number });
}

function sendLoan(number: number): Promise<void> {
  const began = nowNs();
  const loan = node.loan('ping', size);
  const { data } = loan;
  data.fill(number & 0xff);
  const stamps = new BigUint64Array(data.buffer, data.byteOffset, 2);
  stamps[1] = began;
  stamps[0] = nowNs();
  return loan.send({ number });
}

const sendOne = size === small.byteLength ? sendSmall : sendLoan;
let answers = 0;
await sendOne(0);
for await (const event of node) {
  if (event.type !== 'input') continue;
  if (++answers === total) break;
  await sendOne(answers);
}
if (answers !== total) throw new Error(`the stream ended after ${answers} of ${total} answers`);
