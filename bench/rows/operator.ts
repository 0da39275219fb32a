/**
 * Operators in C that run in one process: what one hop takes, with two of them and with 10,000, and how much memory each costs.
 * One message goes round a ring of them. The clock is read once in about a hundred hops, so that reading it is no part of the figure: a
 * sample is the mean of that many.
 */

import { measureFlow } from '../measure.js';
import type { FlowNode, FlowRun } from '../measure.js';
import { cCompiler, operatorLibrary } from '../programs.js';
import type { Case, Row, Samples } from './row.js';

const MANY = 10_000;
const TWO: Row = {
  name: 'operator-hop',
  unit: 'ns',
  mode: 'C → C, 64 B and metadata, ring of 2',
  goal: { valueAtMost: 100 },
};
const BLOCKED: Row = {
  name: 'operator-hop-js-blocked',
  unit: 'ns',
  mode: `${TWO.mode}, JS thread blocked`,
  peer: TWO.name,
  goal: { ratioAtMost: 1.1 },
};
const RING: Row = {
  name: 'operator-hop-10000',
  unit: 'ns',
  mode: 'C → C, 64 B and metadata, ring of 10,000, queues of 1',
  peer: TWO.name,
  goal: { ratioAtMost: 2 },
};
const MEMORY: Row = {
  name: 'memory-operator',
  unit: 'KiB',
  mode: 'resident memory, 10,000 operators less 2, each',
  goal: { valueAtMost: 1 },
};

/**
 * Blocks the JavaScript thread of the process that loads it, from when `first` has started and rests until the ring is through: the
 * file with its figures is there.
 */
const BLOCK_JS = `
  import { existsSync } from 'node:fs';
  const result = process.env.BENCH_RESULT;
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  const look = setInterval(() => {
    if (!existsSync(result + '.started')) return;
    clearInterval(look);
    while (!existsSync(result)) Atomics.wait(nobody, 0, 0, 20);
  }, 20).unref();`;

function ring(length: number, env: Readonly<Record<string, string>> = {}): FlowNode[] {
  const library = operatorLibrary();
  const idAt = (place: number): string => (place === 0 ? 'first' : `forward${place}`);
  const operators = Array.from({ length }, (_, place) => {
    const source = `runtime/${idAt((place + length - 1) % length)}/out`;
    return { id: idAt(place), 'shared-library': library, inputs: { in: { source, queue_size: 1 } }, outputs: ['out'] };
  });
  return [{ id: 'runtime', operators, env }];
}

interface RingSettings {
  readonly warmup: number;
  readonly count: number;
  readonly laps: number;
  readonly restMs: number;
}

async function measureRing(nodes: readonly FlowNode[], { laps, restMs, ...settings }: RingSettings): Promise<FlowRun> {
  const env = { BENCH_LAPS: String(laps), BENCH_REST_MS: String(restMs) };
  return measureFlow(nodes, { bytes: 64, ...settings, env });
}

/** Nanoseconds a hop; the last pair of the file is the process's memory. */
function hops(run: FlowRun, length: number): Float64Array {
  const { first, second } = run.pairs('runtime');
  return first.subarray(0, -1).map((ns, index) => ns / ((second[index] ?? NaN) * length));
}

function residentKiB(run: FlowRun): number {
  return (run.pairs('runtime').first.at(-1) ?? NaN) / 1024;
}

export const operatorCases: readonly Case[] = [
  {
    rows: [TWO, BLOCKED],
    needs: cCompiler,
    quick: true,
    rounds: true,
    async measure(quick: boolean): Promise<Samples> {
      const settings = { warmup: 1000, count: quick ? 10_000 : 50_000, laps: 50, restMs: 0 };
      const free = await measureRing(ring(2), settings);
      const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(BLOCK_JS)}` };
      // The rest: until the JavaScript thread is blocked.
      const blocked = await measureRing(ring(2, env), { ...settings, restMs: 1000 });
      return { [TWO.name]: hops(free, 2), [BLOCKED.name]: hops(blocked, 2) };
    },
  },
  {
    rows: [RING, MEMORY],
    needs: cCompiler,
    async measure(): Promise<Samples> {
      const few = await measureRing(ring(2), { warmup: 100, count: 1000, laps: 50, restMs: 500 });
      const many = await measureRing(ring(MANY), { warmup: 20, count: 500, laps: 1, restMs: 500 });
      return { [RING.name]: hops(many, MANY), [MEMORY.name]: [(residentKiB(many) - residentKiB(few)) / (MANY - 2)] };
    },
  },
];
