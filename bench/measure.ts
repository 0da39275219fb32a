/**
 * Runs one dataflow through the public API, as `dora run` does, or a pair of a peer's programs, and reads the figures that they wrote.
 *
 * Settings go to all programs as environment variables; each has a file of its own for its figures. Nodes run without strict
 * lifetimes (`dora run --release`) unless a row asks for them. A program that failed, or one message that was dropped or
 * lost, fails the row.
 */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from 'dora-ts';
import type { RunResult } from 'dora-ts';
import { interrupted, onExit } from './leftovers.js';
import { readPairs } from './pairs.js';
import type { Pairs } from './pairs.js';
import { benchRoot } from './programs.js';
import { TIMEOUT_MS, runProgram } from './run-program.js';
import type { Program } from './run-program.js';

export interface Settings {
  /** Payload of a message. */
  readonly bytes: number;
  /** Messages before the first that counts. */
  readonly warmup: number;
  /** Messages that count. */
  readonly count: number;
  /** Rest between two messages, microseconds. Default 0. */
  readonly pauseUs?: number;
  /** How the nodes wait; see the nodes. */
  readonly mode?: string;
  /** Messages carry an entry of metadata. Default true. */
  readonly metadata?: boolean;
  /** Strict lifetimes. Default false. */
  readonly strict?: boolean;
  /** Left to the scheduler, whatever the placement of the run: rows with more processes than two. Default false. */
  readonly unplaced?: boolean;
  /** More variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Where POSIX shared memory lies. */
const SHARED_MEMORY = '/dev/shm';

let cores: readonly number[] = [];

/** Where senders and receivers run from now on. */
export function setCores(numbers: readonly number[]): void {
  cores = numbers;
}

/** The variables of all programs of a row. */
export function environment(settings: Settings): Record<string, string> {
  const [sender, receiver] = settings.unplaced === true ? [] : cores;
  return {
    BENCH_SIZE: String(settings.bytes),
    BENCH_WARMUP: String(settings.warmup),
    BENCH_COUNT: String(settings.count),
    BENCH_PAUSE_US: String(settings.pauseUs ?? 0),
    BENCH_MODE: settings.mode ?? '',
    BENCH_METADATA: settings.metadata === false ? '0' : '1',
    ...(sender === undefined ? {} : { BENCH_SENDER_CORE: String(sender) }),
    ...(receiver === undefined ? {} : { BENCH_RECEIVER_CORE: String(receiver) }),
    ...settings.env,
  };
}

/** A node of a descriptor. */
export interface FlowNode extends Readonly<Record<string, unknown>> {
  readonly id: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface FlowRun {
  /** What this node wrote. */
  pairs(node: string): Pairs;
  readonly result: RunResult;
  /** From the call until all nodes had joined. */
  readonly startMs: number;
  /** From the first stop event until nothing was left; NaN when nobody asked for a stop. */
  readonly stopMs: number;
}

/** Runs `use` with a folder that is gone afterwards, and with it the shared memory that a peer has named after it. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), 'dora-bench-'));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
    const named = readdirSync(SHARED_MEMORY).filter((name) => name.startsWith(`${path.basename(folder)}-`));
    for (const name of named) rmSync(path.join(SHARED_MEMORY, name), { force: true });
  };
  const forget = onExit(remove);
  try {
    return await use(folder);
  } finally {
    remove();
    forget();
  }
}

/**
 * Runs a dataflow to its end.
 * @param lossy what is dropped is for the caller to judge
 */
export async function measureFlow(
  nodes: readonly FlowNode[],
  settings: Settings,
  { lossy = false }: { lossy?: boolean } = {},
): Promise<FlowRun> {
  return withFolder(async (folder) => {
    const resultOf = (node: string): string => path.join(folder, node);
    const placed = nodes.map((node) => ({ ...node, env: { ...node.env, BENCH_RESULT: resultOf(node.id) } }));
    const times = { began: performance.now(), running: NaN, stopping: NaN };
    const limit = AbortSignal.timeout(TIMEOUT_MS);
    const result = await run(
      { nodes: placed },
      {
        build: false,
        folder: benchRoot,
        release: settings.strict !== true,
        env: environment(settings),
        signal: AbortSignal.any([interrupted, limit]),
        onEvent({ event }) {
          if (event === 'running') times.running = performance.now();
          if (event === 'stopping' && Number.isNaN(times.stopping)) times.stopping = performance.now();
        },
      },
    );
    const stopMs = performance.now() - times.stopping;
    interrupted.throwIfAborted();
    if (limit.aborted) throw new Error(`it did not end within ${TIMEOUT_MS / 1000} s`);
    expectClean(result, lossy);
    const found = new Map<string, Pairs>();
    for (const { id } of nodes) {
      const pairs = readPairs(resultOf(id));
      if (pairs !== undefined) found.set(id, pairs);
    }
    return {
      pairs: (node) => {
        const pairs = found.get(node);
        if (pairs === undefined) throw new Error(`node "${node}" measured nothing`);
        return pairs;
      },
      result,
      startMs: times.running - times.began,
      stopMs,
    };
  });
}

function expectClean({ ok, failure, nodes }: RunResult, lossy: boolean): void {
  if (!ok) {
    const node = failure?.node === undefined ? '' : `node "${failure.node}": `;
    throw new Error([`${node}${failure?.message ?? 'it failed'}`, ...(failure?.lastLines ?? [])].join('\n  '));
  }
  const gone = nodes.find(({ dropped, lost }) => dropped > 0 || lost > 0);
  if (gone !== undefined && !lossy) throw new Error(`messages of node "${gone.node}" were dropped or lost`);
}

/** Starts a peer's programs together, waits for all, and reads what the one of them that measures wrote. */
export async function measurePrograms(programs: readonly Program[], settings: Settings): Promise<Pairs> {
  return withFolder(async (folder) => {
    const resultFile = path.join(folder, 'result');
    const env = {
      ...process.env,
      ...environment(settings),
      BENCH_RESULT: resultFile,
      BENCH_FOLDER: folder,
      BENCH_ADDRESS: path.join(folder, 'socket'),
      BENCH_SERVICE: path.basename(folder),
    };
    const stop = new AbortController();
    try {
      await Promise.all(programs.map((program) => runProgram(program, { env, signal: stop.signal })));
    } finally {
      stop.abort();
    }
    const pairs = readPairs(resultFile);
    if (pairs === undefined) throw new Error('its programs measured nothing');
    return pairs;
  });
}
