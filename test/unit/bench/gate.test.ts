/**
 * What the gate says about results: which goals are met, which are missed, and which nobody could judge.
 */
import test from 'ava';
import { judge, summarize } from '../../../bench/gate.js';
import { Recorder } from '../../../bench/results.js';
import type { Row } from '../../../bench/rows/row.js';

const rows: readonly Row[] = [
  { name: 'latency-fine', unit: 'µs', mode: 'm', goal: { valueAtMost: 2 } },
  { name: 'latency-slow', unit: 'µs', mode: 'm', peer: 'latency-fine', goal: { ratioAtMost: 2 } },
  { name: 'latency-off', unit: 'µs', mode: 'm', peer: 'latency-fine', goal: { ratioAtMost: 2 } },
  { name: 'latency-alone', unit: 'µs', mode: 'm', peer: 'latency-absent', goal: { ratioAtMost: 2 } },
  { name: 'latency-free', unit: 'µs', mode: 'm' },
];

test('missed goals are counted, those missed by more than twice close the gate, those without a peer are said', (t) => {
  const recorder = new Recorder();
  recorder.add({
    'latency-fine': [1000],
    'latency-slow': [3000],
    'latency-off': [5000],
    'latency-alone': [1000],
    'latency-free': [1e9],
  });
  const verdict = judge(recorder.results(rows));
  t.like(verdict, { met: 1, missed: 2, unjudged: 1 });
  t.is(verdict.off.length, 1);
  t.regex(
    verdict.off[0]!,
    /^latency-off: 5\.00 µs, 5\.00 × latency-fine, is more than twice off its goal \(≤ 2 × peer\)$/,
  );
  t.is(
    summarize(verdict),
    'goals: 1 met, 2 missed (1 by more than twice), 1 not judged: what they are compared with was not measured',
  );
});

test('rows without goals say so', (t) => {
  t.is(summarize(judge([])), 'none of these rows has a goal');
});
