// One thread of the node: takes the inputs and sends on the outputs that were shared with it, on an event loop of its own.

import { workerData } from 'node:worker_threads';
import { Node } from 'dora-ts';

const node = await Node.connect({ parent: workerData });
const [output] = node.outputs.keys();
for await (const event of node) {
  if (event.type === 'input') await node.send(output, factorsOf(event.json()));
}
await node.close();

/** The prime factors of a number, by trial: work that keeps a thread busy. */
function factorsOf(number) {
  const factors = [];
  let rest = number;
  for (let factor = 2; factor * factor <= rest; factor++) {
    for (; rest % factor === 0; rest /= factor) factors.push(factor);
  }
  if (rest > 1) factors.push(rest);
  return factors;
}
