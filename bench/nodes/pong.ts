/**
 * Receiver of the latency rows in TypeScript: takes the time as soon as it has read the stamps out of the payload, checks the
 * message (size, last byte, number in its metadata), and answers with 8 bytes. It waits as BENCH_MODE says (ping.ts).
 */

import { Node } from 'dora-ts';
import type { Event } from 'dora-ts';
import { Receiver, mode, place } from './bench-node.js';
import { SPIN_US } from './spin.js';

const answer = new Uint8Array(8);
const receiver = new Receiver();

/** Whether the event was a message, which wants an answer. */
function take(event: Event): boolean {
  if (event.type !== 'input') return false;
  receiver.take(event.data);
  if (event.metadata['number'] !== receiver.received - 1) throw new Error('a message has the wrong number');
  event.release();
  return true;
}

place('BENCH_RECEIVER_CORE');
await using node = await Node.connect(mode.endsWith('spin') ? { spinUs: SPIN_US } : {});
if (mode.startsWith('sync')) {
  for (let event = node.recvSync(); event !== null && event.type !== 'end'; event = node.recvSync()) {
    if (take(event) && !node.trySend('pong', answer)) throw new Error('the sender has no room for an answer');
  }
} else {
  for await (const event of node) {
    if (take(event)) await node.send('pong', answer);
  }
}
receiver.finish();
