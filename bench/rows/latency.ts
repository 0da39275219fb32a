/**
 * One-way latency between two processes, the next message sent when the answer to the last one came; `-5ms` with a rest of 5 ms
 * before it, which lets cores fall asleep. `…-from-write` rows are the same messages, counted from before their payload was written
 * instead of from the send call. The limits that they are compared with are here too: pairs of C processes with nothing between them.
 */

import { measureFlow, measurePrograms } from '../measure.js';
import type { FlowNode, Settings } from '../measure.js';
import type { Pairs } from '../pairs.js';
import { cCompiler, cProgram, nodeSource, operatorLibrary, script } from '../programs.js';
import { compare } from './row.js';
import type { Case, Goal, Row } from './row.js';
import { KIB, MIB, latencySizes, size, warmupFor } from './sizes.js';
import type { Size } from './sizes.js';

/** What rows are compared with whose readers sleep, sleep after a rest, or spin. */
const SLEEPING = 'latency-eventfd';
const RESTED = 'latency-eventfd-5ms';
const SPINNING = 'latency-atomic';

export const REST_US = 5000;
const COUNT = 10_000;
/** With rests of 5 ms, 10,000 messages would take a minute a row. */
export const RESTED_COUNT = 2000;
export const RESTED_WARMUP = 200;
/** What else a message costs by spinning is so little that it shows whether V8 has compiled, which depends on how often something was called. */
const spinningWarmup = (bytes: number): number => Math.max(4 * warmupFor(bytes), 8000);

function limit(row: Row, program: string, settings: Partial<Settings>, more: Pick<Case, 'quick' | 'rounds'>): Case {
  return {
    rows: [row],
    needs: cCompiler,
    ...more,
    async measure() {
      const file = cProgram(program, false);
      const { first } = await measurePrograms([{ file }], {
        bytes: 8,
        warmup: warmupFor(8),
        count: COUNT,
        ...settings,
      });
      return { [row.name]: first };
    },
  };
}

const limits: readonly Case[] = [
  limit(
    { name: SLEEPING, unit: 'µs', mode: 'two C processes, eventfd + epoll' },
    'eventfd',
    {},
    { quick: true, rounds: true },
  ),
  limit(
    { name: SPINNING, unit: 'µs', mode: 'two C processes spin on an atomic' },
    'atomic',
    {},
    { quick: true, rounds: true },
  ),
  limit(
    { name: RESTED, unit: 'µs', mode: 'two C processes, eventfd + epoll, 5 ms rests' },
    'eventfd',
    { pauseUs: REST_US, warmup: RESTED_WARMUP, count: RESTED_COUNT },
    {},
  ),
];

/** What writing a payload costs by itself. */
function writeAlone({ label, bytes }: Size): Case {
  const name = `latency-write-${label}`;
  return {
    rows: [{ name, unit: 'µs', mode: 'fill of a warm buffer, nothing sent' }],
    quick: bytes === 4 * MIB,
    rounds: true,
    async measure() {
      const program = { file: process.execPath, args: [await script('nodes/write-alone.ts')] };
      const settings = { bytes, warmup: 2000, count: COUNT, env: { BENCH_BUFFERS: '1' } };
      return { [name]: (await measurePrograms([program], settings)).first };
    },
  };
}

/** Two nodes, ping and pong. */
function pairOf(language: 'c' | 'ts'): FlowNode[] {
  const program = (name: string): string => (language === 'c' ? cProgram(name, true) : nodeSource(name));
  return [
    { id: 'ping', path: program('ping'), inputs: { pong: 'pong/pong' }, outputs: ['ping'] },
    { id: 'pong', path: program('pong'), inputs: { ping: 'ping/ping' }, outputs: ['pong'] },
  ];
}

/** The two rows of a size: from the send call, and from before the write where there is something to write. */
function rowsOf(sent: Row, { label, bytes }: Size, limitName: string, writeGoal?: Goal): Row[] {
  if (bytes <= 8) return [sent];
  const { name, unit, mode } = sent;
  const peer = [limitName, `latency-write-${label}`];
  const goal = writeGoal === undefined ? {} : { goal: writeGoal };
  return [sent, { name: `${name}-from-write`, unit, mode: `${mode}, from write`, peer, ...goal }];
}

function samplesOf(rows: readonly Row[], { first, second }: Pairs): Record<string, Float64Array> {
  const [sent, written] = rows;
  return { ...(sent && { [sent.name]: first }), ...(written && { [written.name]: second }) };
}

interface Way {
  /** End of the row's name. */
  readonly suffix: string;
  readonly mode: string;
  readonly settings: Partial<Settings>;
  readonly peer: string;
  readonly goal?: Goal;
  readonly quickSizes?: readonly number[];
  /** Messages before the first that counts, where the usual ones are too few. */
  readonly warmup?: (bytes: number) => number;
  readonly rounds: boolean;
}

const ways: readonly Way[] = [
  {
    suffix: '',
    mode: 'for await, asleep',
    settings: { mode: '' },
    peer: SLEEPING,
    goal: { ratioAtMost: 1.5 },
    quickSizes: [8, 4 * KIB, 4 * MIB],
    rounds: true,
  },
  {
    suffix: '-spin',
    mode: 'for await, spinUs',
    settings: { mode: 'spin' },
    peer: SPINNING,
    goal: { valueAtMost: 1.5 },
    quickSizes: [8, 4 * MIB],
    warmup: spinningWarmup,
    rounds: true,
  },
  {
    suffix: '-recv-sync',
    mode: 'recvSync, spinUs',
    settings: { mode: 'sync-spin' },
    peer: SPINNING,
    goal: { valueAtMost: 1.5 },
    quickSizes: [8],
    warmup: spinningWarmup,
    rounds: true,
  },
  {
    suffix: '-5ms',
    mode: 'for await, 5 ms rests',
    settings: { mode: '', pauseUs: REST_US, warmup: RESTED_WARMUP, count: RESTED_COUNT },
    peer: RESTED,
    goal: { ratioAtMost: 1.5 },
    rounds: false,
  },
];

/** 1.2 × (a wake-up + a write) is asked of 4 MiB; below, a wake-up is most of it. */
function writeGoalOf(way: Way, bytes: number): Goal | undefined {
  return way.suffix === '' && bytes === 4 * MIB ? { ratioAtMost: 1.2 } : undefined;
}

function tsPair(way: Way, of: Size): Case {
  const { suffix, mode, settings, peer, goal, quickSizes = [], warmup = warmupFor, rounds } = way;
  const sent: Row = {
    name: `latency-ts-ts-${of.label}${suffix}`,
    unit: 'µs',
    mode: `${mode}, ${of.bytes > 8 ? 'loan' : 'copy'}`,
    peer,
    ...(goal === undefined ? {} : { goal }),
  };
  const rows = rowsOf(sent, of, peer, writeGoalOf(way, of.bytes));
  return {
    rows: [...rows, ...comparisonsOf(rows, way, of)],
    quick: quickSizes.includes(of.bytes),
    rounds,
    async measure() {
      const all = { bytes: of.bytes, warmup: warmup(of.bytes), count: COUNT, ...settings };
      return samplesOf(rows, (await measureFlow(pairOf('ts'), all)).pairs('pong'));
    },
  };
}

/** The same figures beside those of what a user would pick instead. */
function comparisonsOf([sent, written]: readonly Row[], { suffix }: Way, { label, bytes }: Size): Row[] {
  if (sent === undefined || (bytes !== 8 && bytes !== 4 * MIB)) return [];
  const large = bytes !== 8;
  const rust = `latency-dora-rust-${label}`;
  if (suffix === '') {
    return [
      compare(sent, `latency-iceoryx2-event-${label}`, 'iceoryx2', { ratioAtMost: 1 }),
      compare(sent, rust, 'dora-rust', { ratioAtMost: large ? 1 / 20 : 1 / 8 }),
      ...(written === undefined ? [] : [compare(written, `${rust}-from-write`, 'dora-rust')]),
      ...['dora-python', 'zeromq', 'net', 'child-process'].map((name) =>
        compare(written ?? sent, `latency-${name}-${label}${large ? '-from-write' : ''}`, name),
      ),
    ];
  }
  if (suffix === '-5ms') return [compare(sent, `${rust}-5ms`, 'dora-rust')];
  const poll = compare(sent, `latency-iceoryx2-poll-${label}`, 'iceoryx2');
  return large ? [poll] : [poll, compare(sent, rust, 'dora-rust', { ratioAtMost: 1 / 70 })];
}

function cPair(of: Size): Case {
  const name = `latency-c-c-${of.label}`;
  const rows = rowsOf(
    { name, unit: 'µs', mode: `dora_node_next, asleep, ${of.bytes > 8 ? 'loan' : 'copy'}`, peer: SLEEPING },
    of,
    SLEEPING,
  );
  return {
    rows,
    needs: cCompiler,
    quick: of.bytes === 8,
    rounds: true,
    async measure() {
      const settings = { bytes: of.bytes, warmup: warmupFor(of.bytes), count: COUNT };
      return samplesOf(rows, (await measureFlow(pairOf('c'), settings)).pairs('pong'));
    },
  };
}

/** TypeScript → an operator in C, which copies payload and metadata → TypeScript. */
function throughOperator(of: Size): Case {
  const name = `latency-ts-operator-ts-${of.label}`;
  return {
    rows: [{ name, unit: 'µs', mode: 'for await, asleep, two hops', peer: `latency-ts-ts-${of.label}` }],
    needs: cCompiler,
    quick: of.bytes === 8,
    rounds: true,
    async measure() {
      const operator = {
        id: 'forward',
        'shared-library': operatorLibrary(),
        inputs: { in: 'ping/ping' },
        outputs: ['out'],
      };
      const nodes: FlowNode[] = [
        { id: 'ping', path: nodeSource('ping'), inputs: { pong: 'pong/pong' }, outputs: ['ping'] },
        { id: 'runtime', operators: [operator] },
        { id: 'pong', path: nodeSource('pong'), inputs: { ping: 'runtime/forward/out' }, outputs: ['pong'] },
      ];
      const settings = { bytes: of.bytes, warmup: warmupFor(of.bytes), count: COUNT };
      return { [name]: (await measureFlow(nodes, settings)).pairs('pong').first };
    },
  };
}

/** recvSync() that sleeps, for those who cannot spare a core. */
function syncAsleep(): Case {
  const name = 'latency-ts-ts-8b-recv-sync-asleep';
  return {
    rows: [{ name, unit: 'µs', mode: 'recvSync, asleep, copy', peer: SLEEPING }],
    rounds: true,
    async measure() {
      const settings = { bytes: 8, warmup: warmupFor(8), count: COUNT, mode: 'sync' };
      return { [name]: (await measureFlow(pairOf('ts'), settings)).pairs('pong').first };
    },
  };
}

export const latencyCases: readonly Case[] = [
  ...limits,
  ...latencySizes.filter(({ bytes }) => bytes > 8).map(writeAlone),
  ...[size(8), size(4 * KIB), size(4 * MIB)].map(cPair),
  ...ways.flatMap((way) => latencySizes.map((of) => tsPair(way, of))),
  syncAsleep(),
  ...[size(8), size(4 * KIB)].map(throughOperator),
];
