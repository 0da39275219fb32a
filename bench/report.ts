/**
 * From measured figures to the rows of the table and of `--json`.
 *
 * Latencies of all rounds go into one histogram (three significant digits, so within 0.1 %); rates give the median of the
 * rounds. Only ratios within one run mean something: absolute figures are those of a machine and its load.
 */

import chalk from 'chalk';
import Table from 'cli-table3';
import hdr from 'hdr-histogram-js';
import type { Goal, Row } from './rows/row.js';

/** A row of `--json`. */
export interface Result {
  readonly name: string;
  readonly unit: 'µs' | 'msg/s';
  readonly mode: string;
  /** Of latencies; null for rates. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  /** What ratio and goal are about: p50, or the rate. */
  readonly value: number;
  readonly peer: string | null;
  readonly peerValue: number | null;
  /** value / peerValue. */
  readonly ratio: number | null;
  readonly goal: string | null;
  readonly met: boolean | null;
}

type Figures = Pick<Result, 'p50' | 'p99' | 'p999' | 'value'>;

/** Figures of every row, as its cases gave them. */
export class Recorder {
  readonly #samples = new Map<string, Float64Array[]>();

  add(row: Row, samples: Float64Array): void {
    const rounds = this.#samples.get(row.name);
    if (rounds === undefined) this.#samples.set(row.name, [samples]);
    else rounds.push(samples);
  }

  /** Rows that were measured, in the order given. */
  results(rows: readonly Row[]): Result[] {
    const figures = new Map<string, Figures>();
    for (const row of rows) {
      const rounds = this.#samples.get(row.name);
      if (rounds !== undefined) figures.set(row.name, row.unit === 'µs' ? percentiles(rounds) : medianRate(rounds));
    }
    return rows.flatMap((row) => {
      const own = figures.get(row.name);
      return own === undefined ? [] : [toResult(row, own, row.peer === undefined ? undefined : figures.get(row.peer))];
    });
  }
}

function percentiles(rounds: readonly Float64Array[]): Figures {
  const histogram = hdr.build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60e9,
    numberOfSignificantValueDigits: 3,
  });
  for (const samples of rounds) for (const ns of samples) histogram.recordValue(ns);
  const microseconds = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
  const p50 = microseconds(50);
  return { p50, p99: microseconds(99), p999: microseconds(99.9), value: p50 };
}

function medianRate(rounds: readonly Float64Array[]): Figures {
  const rates = rounds.flatMap((samples) => [...samples]).sort((a, b) => a - b);
  const value = rates[Math.floor(rates.length / 2)] ?? NaN;
  return { p50: null, p99: null, p999: null, value: Math.round(value) };
}

function toResult({ name, unit, mode, peer, goal }: Row, figures: Figures, peerFigures: Figures | undefined): Result {
  const ratio = peerFigures === undefined ? null : Number((figures.value / peerFigures.value).toPrecision(4));
  return {
    name,
    unit,
    mode,
    ...figures,
    peer: peerFigures === undefined ? null : (peer ?? null),
    peerValue: peerFigures?.value ?? null,
    ratio,
    goal: goal === undefined ? null : describe(goal, peer),
    met: goal === undefined ? null : isMet(goal, figures.value, ratio),
  };
}

function describe(goal: Goal, peer: string | undefined): string {
  return 'ratioAtMost' in goal ? `≤ ${goal.ratioAtMost} × ${peer ?? ''}` : `≥ ${rate(goal.valueAtLeast)} msg/s`;
}

/** Null when the peer is missing. */
function isMet(goal: Goal, value: number, ratio: number | null): boolean | null {
  if ('valueAtLeast' in goal) return value >= goal.valueAtLeast;
  return ratio === null ? null : ratio <= goal.ratioAtMost;
}

/** The results as a table for a terminal. */
export function toTable(results: readonly Result[]): string {
  const table = new Table({
    head: ['row', 'mode', 'p50', 'p99', 'p99.9', 'value', 'ratio', 'goal', 'met'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'left', 'left'],
    style: { head: [], border: [], compact: true },
  });
  for (const result of results) {
    const { name, mode, p50, p99, p999, value, unit, ratio, goal, met } = result;
    const times = [p50, p99, p999].map((figure) => (figure === null ? '' : figure.toFixed(1)));
    const shown = unit === 'µs' ? `${value.toFixed(1)} µs` : `${rate(value)} msg/s`;
    const verdict = met === null ? '' : met ? chalk.green('yes') : chalk.red('no');
    table.push([name, mode, ...times, shown, ratio === null ? '' : `${ratio.toFixed(2)} ×`, goal ?? '', verdict]);
  }
  return table.toString();
}

function rate(value: number): string {
  return `${(value / 1e6).toFixed(2)} M`;
}
