// Multiplies the factors again and says how many numbers came from each side, and their sum.

import { Node } from 'dora-ts';

const sides = { low: { count: 0, sum: 0 }, high: { count: 0, sum: 0 } };
const node = await Node.connect();
for await (const event of node) {
  if (event.type !== 'input') continue;
  sides[event.id].count += 1;
  sides[event.id].sum += event.json().reduce((product, factor) => product * factor, 1);
}
for (const [side, { count, sum }] of Object.entries(sides)) console.log(`${side}: ${count} numbers, ${sum} in all`);
await node.close();
