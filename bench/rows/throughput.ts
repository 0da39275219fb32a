/**
 * Throughput: a stream of small messages, one publisher, one subscriber, queue 1,000, backpressure. Both check that nothing is
 * lost: the subscriber by the messages' numbers, measureDataflow() by the dataflow's counts.
 */

import { measureDataflow } from '../measure.js';
import type { Case, Row, Scale } from './row.js';

const BYTES = 64;

interface Stream {
  readonly file: string;
  readonly count: number;
  readonly metadata?: boolean;
  readonly strict?: boolean;
}

function stream(row: Row, { file, count, metadata = false, strict = false }: Stream): Case {
  return {
    rows: [row],
    async measure({ factor }: Scale) {
      const settings = { bytes: BYTES, warmup: 100_000, count: Math.ceil(count * factor), metadata, strict };
      const { first, second } = await measureDataflow(file, settings);
      return [first.map((messages, index) => (messages * 1e9) / (second[index] ?? NaN))];
    },
  };
}

const peer = 'throughput-c-64B';

export const throughputCases: readonly Case[] = [
  stream({ name: peer, unit: 'msg/s', mode: 'dora_node_next' }, { file: 'throughput-c.yml', count: 3_000_000 }),
  stream(
    { name: 'throughput-ts-64B', unit: 'msg/s', mode: 'for await', peer, goal: { valueAtLeast: 1.5e6 } },
    { file: 'throughput-ts.yml', count: 2_000_000 },
  ),
  stream(
    { name: 'throughput-ts-64B-strict', unit: 'msg/s', mode: 'for await, strict lifetimes', peer },
    { file: 'throughput-ts.yml', count: 1_000_000, strict: true },
  ),
  stream(
    { name: 'throughput-ts-64B-metadata', unit: 'msg/s', mode: 'for await, an entry of metadata', peer },
    { file: 'throughput-ts.yml', count: 1_000_000, metadata: true },
  ),
];
