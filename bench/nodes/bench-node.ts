/**
 * What the benchmark's programs in TypeScript share, nodes and peers alike: the clock, their settings, how a payload is written
 * and read, and the file that a row's figures are written to. The same as bench/native/bench.h, which says what stands in that
 * file.
 *
 * Imports nothing of dora-ts, so that a peer's program does not load it.
 */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

type Setting =
  | 'BENCH_SIZE'
  | 'BENCH_WARMUP'
  | 'BENCH_COUNT'
  | 'BENCH_PAUSE_US'
  | 'BENCH_ANSWERS'
  | 'BENCH_BUFFERS'
  | 'BENCH_REST_MS';

/** Bytes of the two stamps at the start of a payload: at the send call, and before the payload was written. */
const STAMPS = 16;

/** CLOCK_MONOTONIC, one clock for all processes of a machine. */
export function nowNs(): bigint {
  return process.hrtime.bigint();
}

/** A number from the environment. */
export function setting(name: Setting): number {
  const value = Number(process.env[name] ?? NaN);
  if (!Number.isInteger(value)) throw new Error(`${name} is no number; start this through \`npm run bench\``);
  return value;
}

/** How the row wants its events waited for; see bench/rows/latency.ts. */
export const mode = process.env['BENCH_MODE'] ?? '';

/**
 * Moves the main thread, and no thread of the collector, to the core that this variable names; it stays free to roam when it is not
 * set.
 */
export function place(name: 'BENCH_SENDER_CORE' | 'BENCH_RECEIVER_CORE'): void {
  const core = process.env[name];
  if (core !== undefined) execFileSync('taskset', ['--cpu-list', '--pid', core, String(process.pid)]);
}

const pauseMs = Number(process.env['BENCH_PAUSE_US'] ?? 0) / 1000;

/** Whether the row asks for a rest between two messages. */
export const withPauses = pauseMs > 0;

/** That rest. */
export async function pause(): Promise<void> {
  await sleep(pauseMs);
}

/** Messages carry an entry of metadata. */
export const withMetadata = process.env['BENCH_METADATA'] !== '0';

/** Writes all of a payload, then its stamps; the one of the send call as the last thing. */
export function fill(data: Uint8Array, number: number, beganNs: bigint): void {
  const stamps = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.byteLength >= STAMPS) {
    data.fill(number & 0xff);
    stamps.setBigUint64(8, beganNs, true);
  }
  stamps.setBigUint64(0, nowNs(), true);
}

const bytes = Buffer.prototype as Buffer;

/** Not by a DataView: V8 would make an ArrayBuffer for a small array that has none yet, which takes as long as all the rest of a small message. */
function readStamp(data: Uint8Array, at: number): bigint {
  return bytes.readBigUInt64LE.call(data, at);
}

/** Takes the time of messages in order, and checks each. */
export class Receiver {
  readonly #size = setting('BENCH_SIZE');
  readonly #warmup = setting('BENCH_WARMUP');
  readonly #total = this.#warmup + setting('BENCH_COUNT');
  readonly #pairs = new BigUint64Array(2 * (this.#total - this.#warmup));
  #received = 0;

  get received(): number {
    return this.#received;
  }

  get isComplete(): boolean {
    return this.#received === this.#total;
  }

  /** @throws Error when it is not the message that has to come next */
  take(data: Uint8Array): void {
    const sent = readStamp(data, 0);
    const began = data.byteLength < STAMPS ? sent : readStamp(data, 8);
    const now = nowNs();
    const at = 2 * (this.#received - this.#warmup);
    if (at >= 0) {
      this.#pairs[at] = now - sent;
      this.#pairs[at + 1] = now - began;
    }
    const lastByte = this.#size > STAMPS ? data[this.#size - 1] : undefined;
    const right = data.byteLength === this.#size && (lastByte === undefined || lastByte === (this.#received & 0xff));
    if (!right) throw new Error(`message ${this.#received} is wrong or missing`);
    this.#received++;
  }

  /** Writes the figures. @throws Error when messages are missing */
  finish(): void {
    if (!this.isComplete) throw new Error(`${this.#received} of ${this.#total} messages came`);
    writeResult(this.#pairs);
  }
}

export function writeResult(pairs: BigUint64Array): void {
  const file = process.env['BENCH_RESULT'];
  if (file === undefined) throw new Error('BENCH_RESULT is not set; start this through `npm run bench`');
  writeFileSync(file, pairs);
}
