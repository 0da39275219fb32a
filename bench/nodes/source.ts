/**
 * Publisher of the throughput rows in TypeScript: a stream of BENCH_SIZE bytes a message as fast as its subscriber takes
 * them. The message's number stands in its first 4 bytes, and in its metadata when the row asks for some. Each send is
 * awaited, as a program would: it waits while the subscriber's queue is full. From 4 KiB on each payload is written whole into a loan;
 * smaller ones are copied out of one buffer.
 *
 * Writes how many page faults and major collections it saw while the messages after the first BENCH_WARMUP passed.
 */

import { Node } from 'dora-ts';
import { place, setting, withMetadata, writeResult } from './bench-node.js';
import { Stretch } from './stretch.js';

const size = setting('BENCH_SIZE');
const payload = new Uint8Array(size);
const stretch = new Stretch();

function stamp(data: Uint8Array, number: number): void {
  data[0] = number & 0xff;
  data[1] = (number >> 8) & 0xff;
  data[2] = (number >> 16) & 0xff;
  data[3] = (number >> 24) & 0xff;
}

place('BENCH_SENDER_CORE');
await using node = await Node.connect();

function sendCopy(number: number): Promise<void> {
  stamp(payload, number);
  return withMetadata ? node.send('out', payload, { number }) : node.send('out', payload);
}

function sendLoan(number: number): Promise<void> {
  const loan = node.loan('out', size);
  loan.data.fill(number & 0xff);
  stamp(loan.data, number);
  return withMetadata ? loan.send({ number }) : loan.send();
}

const sendOne = size < 4096 ? sendCopy : sendLoan;
for (let number = 0; number < stretch.total; number++) {
  await sendOne(number);
  stretch.after(number + 1);
}
const { faults, collections } = await stretch.end();
writeResult(BigUint64Array.of(faults, collections));
