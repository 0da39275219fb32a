/**
 * Runs the dataflow as `dora run` does and looks at what it does.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from 'dora-ts';

test('the robot brakes before an obstacle and drives on after it', { timeout: 60_000 }, async () => {
  /** @type {string[]} */
  const lines = [];
  const enough = new AbortController();
  const result = await run('dataflow.yml', {
    signal: enough.signal,
    onEvent: (event) => {
      if (event.event !== 'output' || event.node !== 'brake') return;
      lines.push(...event.lines);
      // The obstacle comes and goes within 36 measurements.
      if (lines.length >= 40) enough.abort();
    },
  });
  assert.ok(result.ok, result.failure?.message);

  const measured = lines.map((line) => /^(\d+) cm: (brake|drive)$/.exec(line) ?? assert.fail(line));
  for (const [line, centimetres, action] of measured) {
    if (Number(centimetres) < 100) assert.equal(action, 'brake', line);
    if (Number(centimetres) > 120) assert.equal(action, 'drive', line);
  }
  const actions = measured.map(([, , action]) => action).join(' ');
  assert.match(actions, /drive brake( brake)* drive/);
});
