/**
 * From samples to figures. Pure.
 *
 * Times of all rounds go into one histogram (three significant digits, so within 0.1 %); of everything else the value is the
 * median of the rounds.
 */

import hdr from 'hdr-histogram-js';
import type { Unit } from './rows/row.js';

export interface Figures {
  /** Of times; null for other units. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  /** What ratio and goal are about: p50, or the median. */
  readonly value: number;
  /** How many samples it rests on. */
  readonly samples: number;
}

const nanoseconds: Partial<Record<Unit, number>> = { ns: 1, µs: 1e3, ms: 1e6 };

/** @param rounds the samples of each round. @throws RangeError when there are none, or one is no number */
export function figuresOf(unit: Unit, rounds: readonly ArrayLike<number>[]): Figures {
  const count = rounds.reduce((sum, round) => sum + round.length, 0);
  if (count === 0) throw new RangeError('nothing was measured');
  const divisor = nanoseconds[unit];
  return divisor === undefined ? medianOf(rounds) : percentilesOf(rounds, divisor, count);
}

function percentilesOf(rounds: readonly ArrayLike<number>[], divisor: number, samples: number): Figures {
  const histogram = hdr.build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600e9,
    numberOfSignificantValueDigits: 3,
  });
  for (const round of rounds) {
    for (const ns of Array.from(round)) {
      if (!(ns >= 0)) throw new RangeError(`${ns} is no time: the two stamps are not of one clock`);
      histogram.recordValue(Math.round(ns));
    }
  }
  // Beyond what the histogram keeps, digits mean nothing.
  const at = (percentile: number): number =>
    Number((histogram.getValueAtPercentile(percentile) / divisor).toPrecision(4));
  const p50 = at(50);
  return { p50, p99: at(99), p999: at(99.9), value: p50, samples };
}

function medianOf(rounds: readonly ArrayLike<number>[]): Figures {
  const value = median(rounds.flatMap((round) => Array.from(round)));
  if (!Number.isFinite(value)) throw new RangeError(`${value} is no figure`);
  return { p50: null, p99: null, p999: null, value: Number(value.toPrecision(6)), samples: rounds.length };
}

/** The middle one; of an even number of values, the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1] ?? NaN, sorted[Math.floor(middle)] ?? NaN];
  return (low + high) / 2;
}

export interface Timer {
  /** How far each distance between two ticks is from the period (times the ticks between them), ns. */
  readonly jitterNs: Float64Array;
  /** How much longer than their periods all ticks took together, ns; negative: shorter. */
  readonly driftNs: number;
}

/**
 * @param arrivals when each tick came, ns
 * @param numbers which tick it was; a gap means ticks that were missed
 */
export function timerOf(arrivals: ArrayLike<number>, numbers: ArrayLike<number>, periodNs: number): Timer {
  const late = (from: number, to: number): number =>
    (arrivals[to] ?? NaN) - (arrivals[from] ?? NaN) - ((numbers[to] ?? NaN) - (numbers[from] ?? NaN)) * periodNs;
  const jitterNs = Float64Array.from({ length: Math.max(0, arrivals.length - 1) }, (_, index) =>
    Math.abs(late(index, index + 1)),
  );
  return { jitterNs, driftNs: arrivals.length === 0 ? 0 : late(0, arrivals.length - 1) };
}
