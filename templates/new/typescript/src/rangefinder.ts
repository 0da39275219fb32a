/**
 * A simulated distance sensor: something comes from 200 cm to 20 cm and goes away again, 10 cm a tick.
 */

import { Node } from 'dora-ts';

interface RangefinderIo {
  inputs: { tick: Uint8Array };
  outputs: { distance: { centimetres: number } };
}

await using node = await Node.connect<RangefinderIo>();
let step = 0;
for await (const event of node) {
  if (event.type !== 'input') continue;
  const centimetres = 20 + Math.abs(((step * 10) % 360) - 180);
  // Objects are sent as JSON; bytes go as they are, without a copy by node.loan().
  await node.send('distance', { centimetres });
  step += 1;
}
