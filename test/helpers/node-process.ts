/**
 * The program of a test's node: connects, then runs the function whose source is in DORA_TEST_MAIN. See dataflow.ts.
 *
 * The function gets what it needs as one argument, for it cannot close over anything of the test's file.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as workerThreads from 'node:worker_threads';
import * as dora from '../../lib/index.js';
import type { Assert, NodeKit } from './dataflow.js';

// esbuild's helper, which names functions; sources of functions may call it.
Object.assign(globalThis, { __name: (target: unknown): unknown => target });

const report = (value: unknown): void => {
  process.send!(value);
};

const node = await dora.Node.connect({ spinUs: Number(process.env['DORA_TEST_SPIN_US'] ?? 0) });
const kit: NodeKit = {
  node,
  dora,
  report,
  sleep: (ms) => sleep(ms),
  assert: assert as Assert,
  workerThreads,
  gc: () => {
    (globalThis as unknown as { gc: () => void }).gc();
  },
  args: JSON.parse(process.env['DORA_TEST_ARGS'] ?? 'null') as unknown,
};
const source = readFileSync(process.env['DORA_TEST_MAIN']!, 'utf8');
// eslint-disable-next-line @typescript-eslint/no-implied-eval -- the function is the test's own
const makeMain = new Function(`return (${source});`) as () => (kit: NodeKit) => Promise<void>;
await makeMain()(kit);
