// Sends 200 numbers to each of its outputs.

import { Node } from 'dora-ts';

const node = await Node.connect();
for (let i = 1; i <= 200; i++) {
  await node.send('low', 1_000_000 + i);
  await node.send('high', 1_000_000_000 + i);
}
await node.close();
