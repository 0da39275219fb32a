/**
 * Runs one dataflow of bench/dataflows through the public API, as `dora run` does, and reads the figures that its nodes wrote.
 *
 * Nodes run without strict lifetimes (`dora run --release`) unless a row asks for them. A node that failed, or one message
 * that was dropped or lost, fails the row.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from 'dora-ts';
import type { RunResult } from 'dora-ts';
import { coresFor } from './machine.js';
import type { Placement } from './machine.js';

export interface Settings {
  /** Payload of a message. */
  readonly bytes: number;
  /** Messages before the first that counts. */
  readonly warmup: number;
  /** Messages that count. */
  readonly count: number;
  /** Messages carry an entry of metadata. Default true. */
  readonly metadata?: boolean;
  /** Strict lifetimes. Default false. */
  readonly strict?: boolean;
}

/** The two columns of what the nodes wrote; see bench/native/bench.h. */
export interface Pairs {
  readonly first: Float64Array;
  readonly second: Float64Array;
}

let cores: readonly number[] = [];

/** Where the processes of all dataflows run from now on. */
export function setPlacement(placement: Placement): void {
  cores = coresFor(placement);
}

const built = new Set<string>();

/** @param file in bench/dataflows */
export async function measureDataflow(file: string, settings: Settings): Promise<Pairs> {
  const [sender, receiver] = cores;
  const folder = mkdtempSync(path.join(tmpdir(), 'dora-bench-'));
  try {
    const resultFile = path.join(folder, 'result');
    const result = await run(fileURLToPath(new URL(`dataflows/${file}`, import.meta.url)), {
      build: !built.has(file),
      release: settings.strict !== true,
      env: {
        BENCH_SIZE: String(settings.bytes),
        BENCH_WARMUP: String(settings.warmup),
        BENCH_COUNT: String(settings.count),
        BENCH_METADATA: settings.metadata === false ? '0' : '1',
        BENCH_RESULT: resultFile,
        ...(sender === undefined ? {} : { BENCH_SENDER_CORE: String(sender) }),
        ...(receiver === undefined ? {} : { BENCH_RECEIVER_CORE: String(receiver) }),
      },
    });
    expectClean(file, result);
    built.add(file);
    return readPairs(resultFile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function expectClean(file: string, { ok, failure, nodes }: RunResult): void {
  if (!ok) {
    const node = failure?.node === undefined ? '' : `node "${failure.node}": `;
    throw new Error([`${file}: ${node}${failure?.message ?? 'it failed'}`, ...(failure?.lastLines ?? [])].join('\n  '));
  }
  const gone = nodes.find(({ dropped, lost }) => dropped > 0 || lost > 0);
  if (gone !== undefined) throw new Error(`${file}: messages of node "${gone.node}" were dropped or lost`);
}

function readPairs(file: string): Pairs {
  const bytes = readFileSync(file);
  const numbers = new BigUint64Array(Uint8Array.from(bytes).buffer);
  if (numbers.length === 0) throw new Error(`${file} is empty: the nodes measured nothing`);
  const column = (offset: number): Float64Array =>
    Float64Array.from({ length: numbers.length / 2 }, (_, index) => Number(numbers[2 * index + offset]));
  return { first: column(0), second: column(1) };
}
