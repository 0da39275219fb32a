/**
 * Prints the commands of the brake.
 */

import { Node } from 'dora-ts';

/** @typedef {{ inputs: { command: string }, outputs: Record<string, never> }} LogIo */

/** @type {Node<LogIo>} */
const node = await Node.connect();
for await (const event of node) {
  if (event.type === 'input') console.log(event.text());
}
await node.close();
