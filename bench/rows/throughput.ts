/**
 * Throughput: a stream from one publisher to one subscriber with backpressure. Both check that nothing is lost: the subscriber by
 * the messages' numbers, measureFlow() by the dataflow's counts. Only dora may lose some, and then counts what arrived.
 */

import { measureFlow, measurePrograms } from '../measure.js';
import type { FlowNode } from '../measure.js';
import type { Pairs } from '../pairs.js';
import { doraRust, measureDora } from '../peers/dora.js';
import { cCompiler, cProgram, nodeSource, script } from '../programs.js';
import { compare } from './row.js';
import type { Case, Goal, Row } from './row.js';
import { KIB, MIB, size } from './sizes.js';
import type { Size } from './sizes.js';

interface Stream {
  readonly of: Size;
  readonly reader: 'await' | 'run' | 'batches';
  readonly warmup: number;
  readonly count: number;
  readonly suffix?: string;
  readonly metadata?: boolean;
  readonly strict?: boolean;
  readonly quick?: boolean;
  readonly rounds?: boolean;
}

const readers = { await: 'for await', run: 'run()', batches: 'batches()' } as const;
const LARGE_QUEUE = 4;
const queueOf = (bytes: number): number => (bytes > MIB ? LARGE_QUEUE : 1000);

function flow(language: 'c' | 'ts', bytes: number): FlowNode[] {
  const program = (name: string): string => (language === 'c' ? cProgram(name, true) : nodeSource(name));
  const input = { source: 'source/out', queue_size: queueOf(bytes), queue_policy: 'backpressure' };
  return [
    { id: 'source', path: program('source'), outputs: ['out'] },
    { id: 'sink', path: program('sink'), inputs: { in: input } },
  ];
}

function rateOf({ first, second }: Pairs): number {
  return ((first[0] ?? NaN) * 1e9) / (second[0] ?? NaN);
}

const C_64B: Row = { name: 'throughput-c-64b', unit: 'msg/s', mode: 'dora_node_next, queue 1,000' };

function cStream(): Case {
  return {
    rows: [C_64B],
    needs: cCompiler,
    quick: true,
    rounds: true,
    async measure(quick) {
      const settings = { bytes: 64, warmup: 100_000, count: quick ? 1_000_000 : 3_000_000, metadata: false };
      return { [C_64B.name]: [rateOf((await measureFlow(flow('c', 64), settings)).pairs('sink'))] };
    },
  };
}

function goalOf({ of, reader, suffix }: Stream): { peer?: string; goal?: Goal } {
  if (of.bytes === 4 * MIB) return { peer: 'throughput-write-4mib', goal: { ratioAtLeast: 0.8 } };
  if (of.bytes !== 64) return {};
  if (reader !== 'await' || suffix === 'strict') return { peer: C_64B.name };
  return { peer: C_64B.name, goal: { valueAtLeast: 1.5e6 } };
}

/** The stream of 4 MiB also counts what a steady one should not have. */
function troubleRows(name: string, mode: string): [Row, Row, Row] {
  const goal = { valueAtMost: 0 };
  return [
    { name: `${name}-page-faults-sender`, unit: 'count', mode, goal },
    { name: `${name}-page-faults-receiver`, unit: 'count', mode, goal },
    { name: `${name}-major-collections`, unit: 'count', mode: `${mode}, both nodes`, goal },
  ];
}

function tsStream(stream: Stream): Case {
  const { of, reader, suffix, warmup, count, metadata = false, strict = false } = stream;
  const name = ['throughput-ts', of.label, ...(reader === 'await' ? [] : [reader]), ...(suffix ? [suffix] : [])].join(
    '-',
  );
  const kind = `${strict ? 'strict lifetimes' : 'release'}${metadata ? ', an entry of metadata' : ', no metadata'}`;
  const mode = `${readers[reader]}, queue ${queueOf(of.bytes).toLocaleString('en')}, ${kind}`;
  const row: Row = { name, unit: 'msg/s', mode, ...goalOf(stream) };
  const main = of.bytes === 64 && reader === 'await' && suffix === undefined;
  const against = main ? [compare(row, 'throughput-dora-rust-64b', 'dora-rust', { ratioAtLeast: 30 })] : [];
  const large =
    of.bytes === 4 * MIB && reader === 'await'
      ? troubleRows(name, `${count.toLocaleString('en')} messages`)
      : undefined;
  return {
    rows: [row, ...against, ...(large ?? [])],
    quick: stream.quick ?? false,
    rounds: stream.rounds ?? false,
    async measure(quick) {
      const share = quick ? 0.5 : 1;
      const settings = { bytes: of.bytes, warmup, count: count * share, mode: reader, metadata, strict };
      const run = await measureFlow(flow('ts', of.bytes), settings);
      const [source, sink] = [run.pairs('source'), run.pairs('sink')];
      const figures = { [name]: [rateOf(sink)] };
      if (large === undefined) return figures;
      const [sender, receiver, collections] = large;
      return {
        ...figures,
        [sender.name]: [source.first[0] ?? NaN],
        [receiver.name]: [sink.first[1] ?? NaN],
        [collections.name]: [(source.second[0] ?? NaN) + (sink.second[1] ?? NaN)],
      };
    },
  };
}

/** @param buffers in turn: as many as the stream may have slots, or one, whose memory is as warm as can be */
function writeAlone(buffers: number, suffix: string): Case {
  const row: Row = {
    name: `throughput-write-4mib${suffix}`,
    unit: 'msg/s',
    mode: `fill of ${buffers === 1 ? 'one buffer' : `${buffers} buffers in turn`}, nothing sent`,
  };
  return {
    rows: [row],
    rounds: true,
    async measure() {
      const program = { file: process.execPath, args: [await script('nodes/write-alone.ts')] };
      const settings = { bytes: 4 * MIB, warmup: 1000, count: 10_000, env: { BENCH_BUFFERS: String(buffers) } };
      const { first } = await measurePrograms([program], settings);
      return { [row.name]: [(first.length * 1e9) / first.reduce((sum, ns) => sum + ns, 0)] };
    },
  };
}

/** Its quickest way to send many small messages, which is the one with backpressure. */
function doraStream(of: Size, count: number): Case {
  const row: Row = {
    name: `throughput-dora-rust-${of.label}`,
    unit: 'msg/s',
    mode: `${doraRust.title}, queue ${queueOf(of.bytes).toLocaleString('en')}, backpressure`,
  };
  const lost: Row = { name: `${row.name}-lost`, unit: 'count', mode: `${row.mode}, of ${count} messages` };
  return {
    rows: [row, lost],
    peer: doraRust,
    async measure() {
      const input = { source: 'source/out', queue_size: queueOf(of.bytes), queue_policy: 'backpressure' };
      const nodes = [
        { id: 'source', role: 'source', outputs: ['out'] },
        { id: 'sink', role: 'sink', inputs: { in: input } },
      ];
      const run = await measureDora('rust', nodes, { bytes: of.bytes, warmup: count / 10, count: count - count / 10 });
      const sink = run.pairs('sink');
      return { [row.name]: [rateOf(sink)], [lost.name]: [(sink.second[1] ?? NaN) - (sink.first[1] ?? NaN)] };
    },
  };
}

const small = { warmup: 100_000, count: 1_000_000 };

export const throughputCases: readonly Case[] = [
  cStream(),
  tsStream({ of: size(64), reader: 'await', warmup: 100_000, count: 2_000_000, quick: true, rounds: true }),
  tsStream({ of: size(64), reader: 'run', ...small, rounds: true }),
  tsStream({ of: size(64), reader: 'batches', ...small, rounds: true }),
  tsStream({ of: size(64), reader: 'await', suffix: 'strict', strict: true, ...small, rounds: true }),
  tsStream({ of: size(64), reader: 'await', suffix: 'metadata', metadata: true, ...small, rounds: true }),
  ...(['await', 'run', 'batches'] as const).flatMap((reader) => [
    tsStream({ of: size(8), reader, ...small }),
    tsStream({ of: size(4 * KIB), reader, warmup: 50_000, count: 500_000 }),
    tsStream({ of: size(4 * MIB), reader, warmup: 20_000, count: 10_000, rounds: true }),
  ]),
  writeAlone(LARGE_QUEUE + 2, ''),
  writeAlone(1, '-one'),
  doraStream(size(64), 100_000),
  doraStream(size(4 * MIB), 1000),
];
