/**
 * Latency one way, sleeping reader, back to back: the next message is sent when the answer to the last one came, so that both
 * sides sleep in between.
 *
 * Stamps are taken on one clock by sender and receiver. `…-from-write` rows are the same messages, counted from before their
 * payload was written instead of from the send call.
 */

import { measureDataflow } from '../measure.js';
import type { Case, Goal, Row, Scale } from './row.js';

/** The row that all others are compared with. */
const LIMIT = 'latency-c-eventfd';

interface Size {
  readonly name: string;
  readonly bytes: number;
  readonly count: number;
}

const sizes: readonly Size[] = [
  { name: '8B', bytes: 8, count: 20_000 },
  { name: '4KiB', bytes: 4096, count: 20_000 },
  { name: '4MiB', bytes: 4 << 20, count: 2000 },
];

function limit(): Case {
  return {
    rows: [{ name: LIMIT, unit: 'µs', mode: 'eventfd + epoll' }],
    async measure({ factor }: Scale) {
      const count = Math.ceil(20_000 * factor);
      const pairs = await measureDataflow('limit.yml', { bytes: 8, warmup: 1000, count });
      return [pairs.first];
    },
  };
}

function pair(language: 'c' | 'ts', size: Size, reader: string, goal: Goal): Case {
  const name = `latency-${language}-${language}-${size.name}`;
  const byLoan = size.bytes > 8;
  const sent: Row = { name, unit: 'µs', mode: `${reader}, ${byLoan ? 'loan' : 'copy'}`, peer: LIMIT, goal };
  const written: Row = { name: `${name}-from-write`, unit: 'µs', mode: `${reader}, loan, from write`, peer: LIMIT };
  return {
    rows: byLoan ? [sent, written] : [sent],
    async measure({ factor }: Scale) {
      const count = Math.ceil(size.count * factor);
      // Enough for the compiler of JavaScript; of large ones, for every page of the pool.
      const warmup = size.bytes > 1 << 20 ? 100 : language === 'ts' ? 5000 : 1000;
      const settings = { bytes: size.bytes, warmup, count };
      const { first, second } = await measureDataflow(`latency-${language}.yml`, settings);
      return byLoan ? [first, second] : [first];
    },
  };
}

export const latencyCases: readonly Case[] = [
  limit(),
  ...sizes.map((size) => pair('c', size, 'dora_node_next', { ratioAtMost: 2 })),
  ...sizes.map((size) => pair('ts', size, 'for await', { ratioAtMost: 1.5 })),
];
