/**
 * Sender of the latency rows in TypeScript: a message of BENCH_SIZE bytes, with metadata, whenever all answers to the last one
 * came. Where it has several outputs they take turns.
 *
 * 8 bytes go by send(), which copies. Larger ones are written whole into a loan: the second stamp is taken before the first
 * byte is written, the first one as the last thing before the send call. BENCH_MODE says how it waits for the answer: '' in `for await`,
 * `spin` the same with spinUs, `sync` in recvSync(), `sync-spin` in recvSync() with spinUs.
 */

import { Node } from 'dora-ts';
import { SPIN_US } from './spin.js';
import { fill, mode, nowNs, pause, place, setting, withPauses } from './bench-node.js';

const size = setting('BENCH_SIZE');
const total = setting('BENCH_WARMUP') + setting('BENCH_COUNT');
const small = new Uint8Array(8);

place('BENCH_SENDER_CORE');
await using node = await Node.connect(mode.endsWith('spin') ? { spinUs: SPIN_US } : {});
const outputs = [...node.outputs.keys()];
const answersExpected = node.inputs.size;

function outputFor(number: number): string {
  return outputs[number % outputs.length] ?? '';
}

function sendOne(number: number): Promise<void> {
  const output = outputFor(number);
  if (size === small.byteLength) {
    fill(small, number, 0n);
    return node.send(output, small, { number });
  }
  const began = nowNs();
  const loan = node.loan(output, size);
  fill(loan.data, number, began);
  return loan.send({ number });
}

function sendOneSync(number: number): boolean {
  const output = outputFor(number);
  if (size === small.byteLength) {
    fill(small, number, 0n);
    return node.trySend(output, small, { number });
  }
  const began = nowNs();
  const loan = node.loan(output, size);
  fill(loan.data, number, began);
  return loan.trySend({ number });
}

function expectAll(sent: number): void {
  if (sent !== total) throw new Error(`the stream ended after ${sent} of ${total} messages`);
}

async function loop(): Promise<void> {
  let answers = 0;
  let sent = 1;
  await sendOne(0);
  for await (const event of node) {
    if (event.type !== 'input' || ++answers < answersExpected) continue;
    if (sent === total) break;
    answers = 0;
    if (withPauses) await pause();
    await sendOne(sent++);
  }
  expectAll(sent);
}

function loopSync(): void {
  for (let number = 0; number < total; number++) {
    if (!sendOneSync(number)) throw new Error('the receiver has answered and has no room');
    for (let answers = 0; answers < answersExpected;) {
      const event = node.recvSync();
      if (event === null || event.type === 'end')
        throw new Error(`the stream ended after ${number} of ${total} messages`);
      if (event.type === 'input') answers++;
    }
  }
}

if (mode.startsWith('sync')) loopSync();
else await loop();
