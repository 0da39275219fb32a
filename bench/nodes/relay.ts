/**
 * One step of a chain: sends on what comes, payload and metadata.
 */

import { Node } from 'dora-ts';

await using node = await Node.connect();
for await (const event of node) {
  if (event.type === 'input') await node.send('out', event.data, event.metadata);
}
