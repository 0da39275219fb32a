/**
 * What the benchmark makes of samples: percentiles, medians, and what a timer's ticks say.
 */
import test from 'ava';
import { figuresOf, median, timerOf } from '../../../bench/statistics.js';

const ascending = (count: number): number[] => Array.from({ length: count }, (_, index) => (index + 1) * 1000);
const isNear = (figure: number | null, expected: number): boolean => Math.abs((figure ?? NaN) / expected - 1) <= 0.001;

test('percentiles of times are those of all rounds together, in the unit of the row', (t) => {
  const figures = figuresOf('µs', [ascending(1000).slice(500), ascending(1000).slice(0, 500)]);
  t.is(figures.samples, 1000);
  t.true(figures.value === figures.p50);
  // The histogram keeps three significant digits.
  t.true(isNear(figures.p50, 500));
  t.true(isNear(figures.p99, 990));
  t.true(isNear(figures.p999, 999));
});

test('nanoseconds and milliseconds are scaled as their unit says', (t) => {
  t.is(figuresOf('ns', [[100, 100, 100]]).value, 100);
  t.true(isNear(figuresOf('ms', [[2e6, 2e6, 2e6]]).value, 2));
});

test('other units have no percentiles, and the median of the rounds', (t) => {
  t.deepEqual(figuresOf('msg/s', [[3e6], [1e6], [2e6]]), {
    p50: null,
    p99: null,
    p999: null,
    value: 2e6,
    samples: 3,
  });
});

test('nothing measured, a time that runs backwards, and no number are errors, never figures', (t) => {
  t.throws(() => figuresOf('µs', []), { instanceOf: RangeError });
  t.throws(() => figuresOf('µs', [[]]), { instanceOf: RangeError });
  t.throws(() => figuresOf('µs', [[5, -1]]), { instanceOf: RangeError, message: /clock/ });
  t.throws(() => figuresOf('µs', [[NaN]]), { instanceOf: RangeError });
  t.throws(() => figuresOf('msg/s', [[NaN]]), { instanceOf: RangeError });
});

test('a median is the middle one, or the mean of the two in the middle', (t) => {
  t.is(median([3, 1, 2]), 2);
  t.is(median([4, 1, 2, 3]), 2.5);
  t.is(median([7]), 7);
  t.true(Number.isNaN(median([])));
});

test('jitter is how far apart ticks are from their period, drift what all of them together are off', (t) => {
  const { jitterNs, driftNs } = timerOf([0, 1100, 1900, 3000], [1, 2, 3, 4], 1000);
  t.deepEqual(Array.from(jitterNs), [100, 200, 100]);
  t.is(driftNs, 0);
});

test('a missed tick is no jitter: the next one is measured from where it belongs', (t) => {
  const { jitterNs, driftNs } = timerOf([0, 1000, 4005], [1, 2, 5], 1000);
  t.deepEqual(Array.from(jitterNs), [0, 5]);
  t.is(driftNs, 5);
});
