/** Durations, the table and the sentence about the first failure. */

import { Chalk } from 'chalk';
import test from 'ava';
import { formatDuration, parseDuration } from '../../../lib/cli/duration.js';
import { formatEdges, formatFailure, formatTable } from '../../../lib/cli/run-summary.js';
import type { DataflowSummary, NodeSummary } from '../../../lib/message/report.js';

const plain = new Chalk({ level: 0 });

test('a duration needs a number and a unit', (t) => {
  t.deepEqual(
    ['500ms', '2s', '1.5m', ' 1h ', '0s'].map((text) => parseDuration(text)),
    [500, 2000, 90_000, 3_600_000, 0],
  );
  for (const text of ['', '10', 's', '-1s', '1d', '1 s', 'Infinitys', '1e9h', '99999999h']) {
    t.is(parseDuration(text), undefined, text);
  }
});

test('durations are shown as people say them', (t) => {
  t.deepEqual(
    [0, 999.4, 999.6, 12_340, 59_960, 245_000].map((ms) => formatDuration(ms)),
    ['0 ms', '999 ms', '1.0 s', '12.3 s', '1 m 00 s', '4 m 05 s'],
  );
});

const node: NodeSummary = {
  node: 'camera',
  end: 'stopped',
  exitCode: 0,
  signal: null,
  durationMs: 1234,
  messagesIn: 0,
  messagesOut: 1_234_567,
  dropped: 0,
  missedTicks: 0,
  lost: 0,
};
const summary = (nodes: NodeSummary[]): DataflowSummary => ({
  dataflow: 'd',
  ok: true,
  reason: 'stopped',
  durationMs: 1,
  nodes,
  counts: [],
});

test('the table has a row a node, and "lost" only when something was', (t) => {
  const table = formatTable(
    summary([node, { ...node, node: 'b', end: 'failed', exitCode: null, signal: 'SIGSEGV' }]),
    plain,
  );
  t.regex(table, /node +exit +duration +messages in +out +dropped *\n/);
  t.regex(table, /camera +0 +1\.2 s +0 +1,234,567 +0/);
  t.regex(table, /b +SIGSEGV/);
  t.false(table.includes('lost'));
  t.regex(formatTable(summary([{ ...node, lost: 2 }]), plain), /lost *\n.* 2 *$/);
});

test('edges have a row each, timers none, and "lost" a column only when something was', (t) => {
  const input = {
    id: 'in',
    source: 'camera/image',
    sent: 12_000,
    received: 11_000,
    dropped: 990,
    inFlight: 10,
    lost: 0,
  };
  const timer = { ...input, id: 'tick', source: 'dora/timer/millis/5' };
  const edges = (lost: number): string | undefined =>
    formatEdges(
      { ...summary([node]), counts: [{ node: 'plot', inputs: [timer, { ...input, lost }], outputs: [] }] },
      plain,
    );
  t.regex(
    edges(0) ?? '',
    /^ edge +sent +received +dropped +in flight *\n camera\/image → plot\/in +12,000 +11,000 +990 +10 *$/,
  );
  t.regex(edges(3) ?? '', /lost *\n[^]* 10 +3 *$/);
  t.is(formatEdges(summary([node]), plain), undefined);
});

test('a failure says what, why and what to do', (t) => {
  const lastLines = Array.from({ length: 20 }, (_, n) => `line ${n}`);
  const failure = { code: 'NODE_FAILED', message: 'it broke', hint: 'mend it', node: 'n', exitCode: 1, signal: null };
  const text = formatFailure({ ...failure, lastLines }, plain);
  t.regex(
    text,
    /^error NODE_FAILED: it broke\n {2}the last lines of "n":\n {4}\| line 5\n[^]*\| line 19\n {2}hint: mend it$/,
  );
  t.regex(formatFailure({ ...failure, lastLines: [] }, plain), /it printed nothing/);
});
