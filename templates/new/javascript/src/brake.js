/**
 * Brakes when something is nearer than 100 cm, and drives on when it is farther away than 120 cm.
 */

import { Node } from 'dora-ts';

/** @typedef {{ inputs: { distance: { centimetres: number } }, outputs: Record<string, never> }} BrakeIo */

/** @type {Node<BrakeIo>} */
const node = await Node.connect();
let braking = false;
for await (const event of node) {
  // 'stop' needs no answer here: the loop ends by itself.
  if (event.type !== 'input') continue;
  // What json(), text() and copy() give lasts; event.data is valid until the next event, or after event.retain().
  const { centimetres } = event.json();
  if (centimetres < 100) braking = true;
  if (centimetres > 120) braking = false;
  console.log(`${centimetres} cm: ${braking ? 'brake' : 'drive'}`);
}
await node.close();
