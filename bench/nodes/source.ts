/**
 * Publisher of the throughput rows in TypeScript: a stream of BENCH_SIZE bytes a message as fast as its subscriber takes
 * them. The message's number stands in its first 4 bytes, and in its metadata when the row asks for some. Each send is
 * awaited, as a program would: it waits while the subscriber's queue is full.
 */

import { Node } from 'dora-ts';
import { place, setting, withMetadata } from './bench-node.js';

interface SourceIo {
  inputs: Record<string, never>;
  outputs: { out: Uint8Array };
}

const total = setting('BENCH_WARMUP') + setting('BENCH_COUNT');
const payload = new Uint8Array(setting('BENCH_SIZE'));
const head = new Uint32Array(payload.buffer, 0, 1);

place('BENCH_SENDER_CORE');
await using node = await Node.connect<SourceIo>();
for (let number = 0; number < total; number++) {
  head[0] = number;
  await (withMetadata ? node.send('out', payload, { number }) : node.send('out', payload));
}
