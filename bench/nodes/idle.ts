/**
 * A node with nothing to do: says which process it is, and waits.
 */

import { Node } from 'dora-ts';
import { writeResult } from './bench-node.js';

await using node = await Node.connect();
writeResult(BigUint64Array.of(BigInt(process.pid), 0n));
for await (const event of node) if (event.type === 'input') throw new Error('nobody sends anything here');
