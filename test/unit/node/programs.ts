/** A publisher of numbered messages and the frame of a subscriber, for the tests of taking. */
import type { NodeKit, NodeSpec } from '../../helpers/dataflow.js';

/** Sends args.count numbered messages on `out`, the next as soon as there is room. */
export const source = (count: number, pauseMs = 0): NodeSpec => ({
  id: 'source',
  outputs: ['out', 'other'],
  args: { count, pauseMs },
  main: async ({ node, args, sleep }: NodeKit) => {
    const { count, pauseMs } = args as { count: number; pauseMs: number };
    for (let i = 0; i < count; i++) {
      await node.send('out', String(i));
      if (i % 10 === 0) await node.send('other', String(i));
      if (pauseMs > 0) await sleep(pauseMs);
    }
  },
});

export const lossless = (
  from: string,
  queueSize = 10,
): { from: string; policy: 'backpressure'; queueSize: number } => ({
  from,
  policy: 'backpressure',
  queueSize,
});

export const sink = (
  main: NodeSpec['main'],
  inputs: NodeSpec['inputs'] = { in: lossless('source/out') },
): NodeSpec => ({
  id: 'sink',
  inputs,
  main,
});
