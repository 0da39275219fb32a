/**
 * A simulated distance sensor: something comes from 200 cm to 20 cm and goes away again, 10 cm a tick.
 */

import { Node } from 'dora-ts';

/** @typedef {{ inputs: { tick: Uint8Array }, outputs: { distance: Int32Array } }} RangefinderIo */

/** @type {Node<RangefinderIo>} */
const node = await Node.connect();
let step = 0;
for await (const event of node) {
  if (event.type !== 'input') continue;
  const centimetres = 20 + Math.abs(((step * 10) % 360) - 180);
  // Four bytes, as C reads an int32_t; for large payloads node.loan() writes into shared memory without a copy.
  await node.send('distance', Int32Array.of(centimetres));
  step += 1;
}
await node.close();
