/**
 * From figures to the rows of the table and of `--json`: each beside its peer, with its goal. Pure.
 *
 * Only ratios within one run mean something: absolute figures are those of a machine and its load.
 */

import type { Goal, Row, Samples, Unit } from './rows/row.js';
import { figuresOf } from './statistics.js';
import type { Figures } from './statistics.js';

/** A row of `--json`. */
export interface Result {
  readonly name: string;
  readonly unit: Unit;
  readonly mode: string;
  /** Of times; null for other units. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  /** What ratio and goal are about: p50, or the figure itself. */
  readonly value: number;
  /** How many samples it rests on. */
  readonly samples: number;
  /** The row, or the rows joined by ` + `, that it is compared with; null where there is none. */
  readonly peer: string | null;
  /** Null when the peer was not measured. */
  readonly peerValue: number | null;
  /** value / peerValue. */
  readonly ratio: number | null;
  readonly goal: string | null;
  /** Null where there is no goal, or its peer was not measured. */
  readonly met: boolean | null;
  /** Whether it is more than twice off its goal; null like `met`. */
  readonly off: boolean | null;
}

/** Figures of every row, as its cases gave them. */
export class Recorder {
  readonly #samples = new Map<string, ArrayLike<number>[]>();

  add(samples: Samples): void {
    for (const [name, round] of Object.entries(samples)) {
      const rounds = this.#samples.get(name);
      if (rounds === undefined) this.#samples.set(name, [round]);
      else rounds.push(round);
    }
  }

  /** Rows that were measured, in the order given. */
  results(rows: readonly Row[]): Result[] {
    const figures = new Map<string, Figures>();
    for (const { name, unit } of rows) {
      const rounds = this.#samples.get(name);
      if (rounds !== undefined) figures.set(name, figuresOf(unit, rounds));
    }
    return rows.flatMap((row) => {
      const own = figures.get(row.from ?? row.name);
      return own === undefined ? [] : [toResult(row, own, peerValueOf(row, figures))];
    });
  }
}

/** Whether a row of this name measures nothing itself (`from` in rows/row.ts). */
export function isComparison(name: string): boolean {
  return name.includes('-vs-');
}

/** The names of a row's peers. */
export function peersOf({ peer }: Row): readonly string[] {
  return peer === undefined ? [] : typeof peer === 'string' ? [peer] : peer;
}

function peerValueOf(row: Row, figures: ReadonlyMap<string, Figures>): number | null {
  const values = peersOf(row).map((name) => figures.get(name)?.value);
  if (values.length === 0 || values.includes(undefined)) return null;
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

function toResult(row: Row, figures: Figures, peerValue: number | null): Result {
  const { name, unit, mode, goal } = row;
  const peers = peersOf(row);
  const ratio = peerValue === null || peerValue === 0 ? null : Number((figures.value / peerValue).toPrecision(4));
  return {
    name,
    unit,
    mode,
    ...figures,
    peer: peers.length === 0 ? null : peers.join(' + '),
    peerValue,
    ratio,
    goal: goal === undefined ? null : describeGoal(goal, unit),
    met: goal === undefined ? null : isWithin(goal, figures.value, ratio, 1),
    off: goal === undefined ? null : negate(isWithin(goal, figures.value, ratio, 2)),
  };
}

function negate(verdict: boolean | null): boolean | null {
  return verdict === null ? null : !verdict;
}

/** Twice zero is zero: of such a goal, one is off. */
const ZERO_SLACK = 1;

/** @param slack how often it may be off */
function isWithin(goal: Goal, value: number, ratio: number | null, slack: number): boolean | null {
  if ('valueAtLeast' in goal) return value >= goal.valueAtLeast / slack;
  if ('valueAtMost' in goal) {
    const limit = goal.valueAtMost * slack;
    return value <= (limit === 0 && slack > 1 ? ZERO_SLACK : limit);
  }
  if (ratio === null) return null;
  return 'ratioAtMost' in goal ? ratio <= goal.ratioAtMost * slack : ratio >= goal.ratioAtLeast / slack;
}

function describeGoal(goal: Goal, unit: Unit): string {
  if ('valueAtMost' in goal) return `≤ ${withUnit(goal.valueAtMost, unit)}`;
  if ('valueAtLeast' in goal) return `≥ ${withUnit(goal.valueAtLeast, unit)}`;
  if ('ratioAtLeast' in goal) return `≥ ${goal.ratioAtLeast} × peer`;
  const { ratioAtMost } = goal;
  return ratioAtMost < 0.5 ? `≤ peer / ${Number((1 / ratioAtMost).toPrecision(3))}` : `≤ ${ratioAtMost} × peer`;
}

/** A figure for people. */
export function withUnit(value: number, unit: Unit): string {
  if (unit === 'count') return String(value);
  if (unit === 'msg/s' && value >= 1e5) return `${(value / 1e6).toFixed(2)} M/s`;
  return `${digits(value)} ${unit === 'msg/s' ? '/s' : unit}`;
}

/** Three digits that mean something. */
export function digits(value: number): string {
  const magnitude = Math.abs(value);
  return magnitude >= 100 || value === 0 ? value.toFixed(0) : magnitude >= 10 ? value.toFixed(1) : value.toFixed(2);
}
