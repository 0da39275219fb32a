/**
 * Rows beside their peers and goals: ratios, verdicts, what a missing peer leaves open, and when the gate closes.
 */
import test from 'ava';
import { Recorder, withUnit } from '../../../bench/results.js';
import type { Result } from '../../../bench/results.js';
import type { Goal, Row } from '../../../bench/rows/row.js';
import { toTable } from '../../../bench/table.js';

function resultsOf(rows: readonly Row[], samples: Record<string, number[]>): Map<string, Result> {
  const recorder = new Recorder();
  recorder.add(samples);
  return new Map(recorder.results(rows).map((result) => [result.name, result]));
}

/** The verdict about a rate, or about its ratio to a peer of 10. */
function judge(t: { truthy: (value: unknown) => void }, goal: Goal, value: number): Pick<Result, 'met' | 'off'> {
  const rows: Row[] = [
    { name: 'throughput-a', unit: 'msg/s', mode: 'm', peer: 'throughput-b', goal },
    { name: 'throughput-b', unit: 'msg/s', mode: 'm' },
  ];
  const result = resultsOf(rows, { 'throughput-a': [value], 'throughput-b': [10] }).get('throughput-a');
  t.truthy(result);
  return { met: result?.met ?? null, off: result?.off ?? null };
}

test('goals are met at their bound, and off beyond twice', (t) => {
  const cases: [Goal, number, boolean, boolean][] = [
    [{ ratioAtMost: 1.5 }, 15, true, false],
    [{ ratioAtMost: 1.5 }, 16, false, false],
    [{ ratioAtMost: 1.5 }, 31, false, true],
    [{ ratioAtLeast: 30 }, 300, true, false],
    [{ ratioAtLeast: 30 }, 200, false, false],
    [{ ratioAtLeast: 30 }, 149, false, true],
    [{ valueAtMost: 100 }, 100, true, false],
    [{ valueAtMost: 100 }, 201, false, true],
    [{ valueAtLeast: 100 }, 99, false, false],
    [{ valueAtLeast: 100 }, 49, false, true],
    [{ valueAtMost: 0 }, 0, true, false],
    [{ valueAtMost: 0 }, 0.5, false, false],
    [{ valueAtMost: 0 }, 2, false, true],
  ];
  for (const [goal, value, met, off] of cases)
    t.deepEqual(judge(t, goal, value), { met, off }, JSON.stringify([goal, value]));
});

test('a row whose peer was not measured keeps its figure and has no verdict', (t) => {
  const row: Row = { name: 'latency-a', unit: 'µs', mode: 'm', peer: 'latency-b', goal: { ratioAtMost: 1 } };
  const result = resultsOf([row], { 'latency-a': [1000] }).get('latency-a');
  t.like(result, {
    value: 1,
    peer: 'latency-b',
    peerValue: null,
    ratio: null,
    goal: '≤ 1 × peer',
    met: null,
    off: null,
  });
});

test('several peers are one: the sum of their values', (t) => {
  const rows: Row[] = [
    { name: 'latency-a', unit: 'µs', mode: 'm', peer: ['latency-b', 'latency-c'] },
    { name: 'latency-b', unit: 'µs', mode: 'm' },
    { name: 'latency-c', unit: 'µs', mode: 'm' },
  ];
  const all = resultsOf(rows, { 'latency-a': [1500], 'latency-b': [500], 'latency-c': [250] });
  t.like(all.get('latency-a'), { peer: 'latency-b + latency-c', peerValue: 0.75, ratio: 2 });
  t.like(resultsOf(rows, { 'latency-a': [1000], 'latency-b': [1000] }).get('latency-a'), { peerValue: null });
});

test('a comparison has the figures of the row it is about', (t) => {
  const rows: Row[] = [
    { name: 'latency-a', unit: 'µs', mode: 'm' },
    {
      name: 'latency-a-vs-b',
      unit: 'µs',
      mode: 'm',
      from: 'latency-a',
      peer: 'latency-b',
      goal: { ratioAtMost: 1 / 8 },
    },
    { name: 'latency-b', unit: 'µs', mode: 'm' },
  ];
  const all = resultsOf(rows, { 'latency-a': [100], 'latency-b': [1000] });
  t.like(all.get('latency-a-vs-b'), { value: 0.1, p50: 0.1, ratio: 0.1, goal: '≤ peer / 8', met: true });
  t.is(all.get('latency-a')?.peer, null);
});

test('the table has a line for each row, with its verdict', (t) => {
  const rows: Row[] = [{ name: 'latency-a', unit: 'µs', mode: 'how', peer: 'latency-b', goal: { valueAtMost: 5 } }];
  const text = toTable([...resultsOf(rows, { 'latency-a': [7000] }).values()]);
  const line = text.split('\n').find((found) => found.includes('latency-a'));
  for (const part of ['how', '7.00 µs', 'latency-b', 'not measured', '≤ 5.00 µs', 'no'])
    t.true(line?.includes(part), part);
});

test('figures are shown with three digits that mean something', (t) => {
  t.is(withUnit(1_540_000, 'msg/s'), '1.54 M/s');
  t.is(withUnit(21_900, 'msg/s'), '21900 /s');
  t.is(withUnit(0.0712, 'µs'), '0.07 µs');
  t.is(withUnit(52.84, 'MiB'), '52.8 MiB');
  t.is(withUnit(0, 'count'), '0');
});
