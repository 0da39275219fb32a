/**
 * What the benchmark's nodes share: the clock, their settings, and the file that a row's figures are written to. The same as
 * bench/native/bench.h, which says what stands in that file.
 */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

/** CLOCK_MONOTONIC, one clock for all processes of a machine. */
export function nowNs(): bigint {
  return process.hrtime.bigint();
}

/** A number from the environment. */
export function setting(name: 'BENCH_SIZE' | 'BENCH_WARMUP' | 'BENCH_COUNT'): number {
  const value = Number(process.env[name] ?? NaN);
  if (!Number.isInteger(value)) throw new Error(`${name} is no number; start this through \`npm run bench\``);
  return value;
}

/**
 * Moves the main thread, and no thread of the collector, to the core that this variable names; it stays free to roam when it is not
 * set.
 */
export function place(name: 'BENCH_SENDER_CORE' | 'BENCH_RECEIVER_CORE'): void {
  const core = process.env[name];
  if (core !== undefined) execFileSync('taskset', ['--cpu-list', '--pid', core, String(process.pid)]);
}

/** Messages carry an entry of metadata. */
export const withMetadata = process.env['BENCH_METADATA'] !== '0';

export function writeResult(pairs: BigUint64Array): void {
  const file = process.env['BENCH_RESULT'];
  if (file === undefined) throw new Error('BENCH_RESULT is not set; start this through `npm run bench`');
  writeFileSync(file, pairs);
}
