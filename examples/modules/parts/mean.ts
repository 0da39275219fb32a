/**
 * The second node of the module: for each reading the mean of the last ones; the argument says of how many. The first
 * means are of fewer.
 */

import { Node } from 'dora-ts';

interface MeanIo {
  inputs: { reading: { cm: number } };
  outputs: { distance: { cm: number } };
}

const window = Number(process.argv[2]);

await using node = await Node.connect<MeanIo>();
const last: number[] = [];
for await (const event of node) {
  if (event.type !== 'input') continue;
  last.push(event.json().cm);
  if (last.length > window) last.shift();
  await node.send('distance', { cm: last.reduce((sum, cm) => sum + cm, 0) / last.length });
}
