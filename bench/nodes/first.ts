/** The start-up row's publisher: one message as soon as it has joined. */

import { Node } from 'dora-ts';

await using node = await Node.connect();
await node.send('out', Uint8Array.of(1));
