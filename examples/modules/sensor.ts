/**
 * A distance sensor that is not there: 100 readings in centimetres, which tremble by 2 around the argument, and each tenth is nonsense,
 * as when an echo is lost.
 */

import { Node } from 'dora-ts';

interface SensorIo {
  inputs: { tick: Uint8Array };
  outputs: { distance: { cm: number } };
}

const distance = Number(process.argv[2]);

await using node = await Node.connect<SensorIo>();
let count = 0;
for await (const event of node) {
  if (event.type !== 'input') continue;
  count += 1;
  await node.send('distance', { cm: count % 10 === 0 ? 9999 : distance + (count % 5) - 2 });
  if (count === 100) break;
}
