/** The start-up row's subscriber: writes when its first message came, (CLOCK_MONOTONIC ns, 0), and stops the dataflow. */

import { Node } from 'dora-ts';
import { nowNs, writeResult } from './bench-node.js';

await using node = await Node.connect();
for await (const event of node) {
  if (event.type !== 'input') continue;
  writeResult(BigUint64Array.of(nowNs(), 0n));
  node.requestStop();
  break;
}
