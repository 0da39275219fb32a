/**
 * First node of a chain: sends its clock, 8 bytes, at each tick of its timer, BENCH_WARMUP + BENCH_COUNT times, and then stays: a
 * node that leaves would end the chain while messages are on their way.
 */

import { Node } from 'dora-ts';
import { fill, setting } from './bench-node.js';

const total = setting('BENCH_WARMUP') + setting('BENCH_COUNT');
const data = new Uint8Array(8);
let number = 0;

await using node = await Node.connect();
for await (const event of node) {
  if (event.type !== 'input' || number === total) continue;
  fill(data, number, 0n);
  await node.send('out', data, { number: number++ });
}
