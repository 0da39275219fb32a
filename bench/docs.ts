/**
 * docs/performance.md and its charts, written by `npm run bench -- --write-docs` from the results of that run.
 *
 * The text around the figures stands in bench/performance.template.md, where `{{name}}` is replaced. A table or chart whose rows
 * were not measured says so instead of showing old figures.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import { barChart, lineChart } from './charts.js';
import type { Bar, Point } from './charts.js';
import type { Machine } from './machine.js';
import { benchRoot, projectRoot } from './programs.js';
import { digits, isComparison, withUnit } from './results.js';
import type { Result } from './results.js';
import { lengths } from './rows/chain.js';
import { fanOuts, inputCounts, payloads } from './rows/spread.js';
import { size } from './rows/sizes.js';

type ByName = ReadonlyMap<string, Result>;

const MISSING = '*(not measured in this run)*';

/** Rows whose figures stand in charts, with what they are called there. */
const bars = {
  'latency-8b': [
    ['latency-atomic', 'limit: two C processes spin'],
    ['latency-iceoryx2-poll-8b', 'iceoryx2, polling'],
    ['latency-ts-ts-8b-recv-sync', 'dora-ts, recvSync spinning'],
    ['latency-ts-ts-8b-spin', 'dora-ts, for await spinning'],
    ['latency-eventfd', 'limit: two C processes, eventfd'],
    ['latency-c-c-8b', 'dora-ts, C nodes'],
    ['latency-ts-ts-8b', 'dora-ts, for await'],
    ['latency-iceoryx2-event-8b', 'iceoryx2, event'],
    ['latency-net-8b', 'Node net'],
    ['latency-child-process-8b', 'Node child_process'],
    ['latency-zeromq-8b', 'zeromq'],
    ['latency-dora-rust-8b', 'dora 1.1, Rust nodes'],
    ['latency-dora-python-8b', 'dora 1.1, Python nodes'],
  ],
  'latency-4mib': [
    ['latency-iceoryx2-poll-4mib-from-write', 'iceoryx2, polling'],
    ['latency-ts-ts-4mib-spin-from-write', 'dora-ts, for await spinning'],
    ['latency-ts-ts-4mib-from-write', 'dora-ts, for await'],
    ['latency-iceoryx2-event-4mib-from-write', 'iceoryx2, event'],
    ['latency-dora-rust-4mib-from-write', 'dora 1.1, Rust nodes'],
    ['latency-zeromq-4mib-from-write', 'zeromq'],
    ['latency-net-4mib-from-write', 'Node net'],
    ['latency-child-process-4mib-from-write', 'Node child_process'],
    ['latency-dora-python-4mib-from-write', 'dora 1.1, Python nodes'],
  ],
  'throughput-64b': [
    ['throughput-c-64b', 'dora-ts, C nodes'],
    ['throughput-ts-64b', 'dora-ts, for await'],
    ['throughput-ts-64b-run', 'dora-ts, run()'],
    ['throughput-ts-64b-batches', 'dora-ts, batches()'],
    ['throughput-dora-rust-64b', 'dora 1.1, Rust nodes'],
  ],
} as const;

const barTitles = {
  'latency-8b': ['One way, 8 B, median', 'µs'],
  'latency-4mib': ['One way, 4 MiB, written and sent, median', 'µs'],
  'throughput-64b': ['Messages of 64 B a second', 'msg/s'],
} as const;

interface Curve {
  readonly x: string;
  readonly y: string;
  readonly at: readonly number[];
  readonly series: readonly { readonly label: string; readonly name: (x: number) => string }[];
}

const curves: Readonly<Record<string, Curve>> = {
  'growth-nodes': {
    x: 'nodes in a chain',
    y: 'one hop, µs',
    at: lengths,
    series: [{ label: 'TS nodes, 100 Hz', name: (x) => `chain-${x}` }],
  },
  'growth-subscribers': {
    x: 'subscribers of an output',
    y: 'one way, µs',
    at: fanOuts,
    series: [{ label: 'each of them answers', name: (x) => `latency-fan-out-${x}` }],
  },
  'growth-inputs': {
    x: 'inputs of a node',
    y: 'one way, µs',
    at: inputCounts,
    series: [{ label: 'in turn', name: (x) => `latency-inputs-${x}` }],
  },
  'growth-payload': {
    x: 'bytes of a payload',
    y: 'one way from the send call, µs',
    at: payloads,
    series: [{ label: 'for await, asleep', name: (x) => `latency-payload-${size(x).label}` }],
  },
};

/** Writes the page and its charts below `folder`. */
export async function writeDocs(
  machine: Machine,
  results: readonly Result[],
  folder = path.join(projectRoot, 'docs'),
): Promise<void> {
  const rows = new Map(results.map((result) => [result.name, result]));
  const charts = drawCharts(rows);
  mkdirSync(path.join(folder, 'performance'), { recursive: true });
  for (const [name, svg] of charts) writeFileSync(path.join(folder, 'performance', `${name}.svg`), svg);

  const parts = new Map<string, string>([
    ['machine', describe(machine)],
    ['goals', goalTable(results)],
    ['all', allTable(results)],
  ]);
  const template = readFileSync(path.join(benchRoot, 'performance.template.md'), 'utf8');
  const text = template.replaceAll(/\{\{([\w-]+)\}\}/g, (_, name: string) => {
    if (name in barTitles || name in curves) return charts.has(name) ? `![${name}](performance/${name}.svg)` : MISSING;
    const part = parts.get(name);
    if (part === undefined) throw new Error(`performance.template.md has an unknown {{${name}}}`);
    return part;
  });
  const file = path.join(folder, 'performance.md');
  writeFileSync(file, await format(text, { ...(await resolveConfig(file)), parser: 'markdown' }));
}

/** Charts for which something was measured. */
function drawCharts(rows: ByName): Map<string, string> {
  const drawn = new Map<string, string>();
  for (const [name, wanted] of Object.entries(bars) as [keyof typeof bars, readonly (readonly [string, string])[]][]) {
    const found = wanted.flatMap(([row, label]): Bar[] => {
      const result = rows.get(row);
      return result === undefined ? [] : [{ label, value: result.value, ours: label.startsWith('dora-ts') }];
    });
    const [title, unit] = barTitles[name];
    if (found.length > 1) drawn.set(name, barChart(title, unit, found));
  }
  for (const [name, { x, y, at, series }] of Object.entries(curves)) {
    const points = series.flatMap(({ label, name: rowAt }) =>
      at.flatMap((value): Point[] => {
        const result = rows.get(rowAt(value));
        return result === undefined ? [] : [{ x: value, y: result.value, series: label }];
      }),
    );
    if (points.length > 1) drawn.set(name, lineChart(x, y, points));
  }
  return drawn;
}

function describe(machine: Machine): string {
  const { cpu, cores, memoryGiB, kernel, node, placement, load, loadAfter, seconds, date } = machine;
  const where = {
    apart: 'sender and receiver bound to a core each',
    same: 'sender and receiver bound to one core',
    free: 'placed by the scheduler',
  }[placement];
  const others = `load ${load} before${loadAfter === undefined ? '' : `, ${loadAfter} after`}`;
  const busy = isBusy(machine) ? ' **The machine was busy: figures are noisy, ratios of one run still compare.**' : '';
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, Node.js ${node}; ${where}; ${others}; ${seconds ?? '?'} s; ${date}.${busy}`;
}

/** Afterwards its own processes count too, two or three of them. */
function isBusy({ cores, load, loadAfter = 0 }: Machine): boolean {
  return load > cores / 2 || loadAfter > cores + 3;
}

function tableOf(head: readonly string[], lines: readonly (readonly string[])[]): string {
  if (lines.length === 0) return MISSING;
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), ...lines.map(row)].join('\n');
}

function goalTable(results: readonly Result[]): string {
  const lines = results
    .filter(({ goal, peer, peerValue }) => goal !== null && (peer === null || peerValue !== null))
    .map(({ name, unit, value, peer, peerValue, ratio, goal, met }) => [
      `\`${name}\``,
      withUnit(value, unit),
      peer === null || peerValue === null ? '' : `${withUnit(peerValue, unit)} (\`${peer}\`)`,
      ratio === null ? '' : digits(ratio),
      goal ?? '',
      met === true ? 'yes' : '**no**',
    ]);
  return tableOf(['row', 'figure', 'peer', 'ratio', 'goal', 'met'], lines);
}

function allTable(results: readonly Result[]): string {
  const measured = results.filter(({ name }) => !isComparison(name));
  const cell = (value: number | null): string => (value === null ? '' : digits(value));
  const lines = measured.map(({ name, mode, unit, value, p99, p999, samples }) => [
    `\`${name}\``,
    mode,
    withUnit(value, unit),
    cell(p99),
    cell(p999),
    samples.toLocaleString('en'),
  ]);
  return tableOf(['row', 'how', 'p50 or figure', 'p99', 'p99.9', 'samples'], lines);
}
