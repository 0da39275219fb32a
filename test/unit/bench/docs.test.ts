/**
 * The page and the charts that the benchmark writes: every figure in it comes from the results, and what was not measured says so.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { barChart, lineChart } from '../../../bench/charts.js';
import { writeDocs } from '../../../bench/docs.js';
import { describeMachine } from '../../../bench/machine.js';
import { Recorder } from '../../../bench/results.js';
import { allRows } from '../../../bench/rows/cases.js';

test('the page has the machine, the goals and every row, and a chart for what was measured', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dora-bench-docs-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const recorder = new Recorder();
  recorder.add({
    'latency-eventfd': [10_000],
    'latency-ts-ts-8b': [23_400],
    'latency-fan-out-1': [8000],
    'latency-fan-out-2': [12_000],
  });
  await writeDocs({ ...describeMachine('apart'), load: 0.1, seconds: 12 }, recorder.results(allRows), folder);
  const text = readFileSync(path.join(folder, 'performance.md'), 'utf8');
  t.regex(
    text,
    /\| `latency-ts-ts-8b` +\| 23\.4 µs +\| 10\.0 µs \(`latency-eventfd`\) +\| 2\.34 +\| ≤ 1\.5 × peer +\| \*\*no\*\* +\|/,
  );
  t.true(text.includes('a core each; load 0.1 before; 12 s'));
  t.true(text.includes('(performance/latency-8b.svg)') && text.includes('(performance/growth-subscribers.svg)'));
  t.is(text.split('not measured in this run').length - 1, 5);
  t.false(text.includes('{{'));
  t.deepEqual(readdirSync(path.join(folder, 'performance')).sort(), ['growth-subscribers.svg', 'latency-8b.svg']);
});

test('charts are SVG with a mark for every figure', (t) => {
  const bars = barChart('Title', 'µs', [
    { label: 'one', value: 0.5, ours: true },
    { label: 'two', value: 50, ours: false },
  ]);
  t.regex(bars, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  for (const text of ['one', 'two', '0.5', '50', 'Title, µs (log)']) t.true(bars.includes(`>${text}`), text);
  const points = [1, 2, 4].map((x) => ({ x, y: 10 * x, series: 'growth' }));
  t.is(lineChart('x', 'y', points).split('<circle').length - 1, points.length);
});
