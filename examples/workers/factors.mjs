// The node: joins the dataflow and shares its inputs and outputs out to two threads. Messages go to them and from them
// without this thread, which only waits for the end.

import { Worker } from 'node:worker_threads';
import { Node } from 'dora-ts';

const node = await Node.connect();
for (const side of ['low', 'high']) {
  const share = node.share({ inputs: [side], outputs: [`${side}-factors`] });
  new Worker(new URL('factors-worker.mjs', import.meta.url), { workerData: share });
}
for await (const event of node) {
  if (event.type === 'stop') console.log(`over: ${event.reason}`);
}
await node.close();
