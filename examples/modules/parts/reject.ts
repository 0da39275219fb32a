/**
 * The first node of the module: passes on readings up to the one that the argument gives, the farthest that can be.
 * The others are gone, and counted nowhere.
 */

import { Node } from 'dora-ts';

interface RejectIo {
  inputs: { reading: { cm: number } };
  outputs: { reading: { cm: number } };
}

const max = Number(process.argv[2]);

await using node = await Node.connect<RejectIo>();
for await (const event of node) {
  if (event.type !== 'input') continue;
  const reading = event.json();
  if (reading.cm <= max) await node.send('reading', reading);
}
