/**
 * The program of a test's node: connects, then runs the function whose source is in DORA_TEST_MAIN. See dataflow.ts.
 *
 * The function gets what it needs as one argument, for it cannot close over anything of the test's file. The same program is that of the node's
 * worker threads (NodeKit.worker), which do not connect by themselves.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as workerThreads from 'node:worker_threads';
import * as dora from '../../lib/index.js';
import type { Assert, NodeKit, NodeSpec, WorkerKit } from './dataflow.js';

const { isMainThread, parentPort, Worker } = workerThreads;

// esbuild's helper, which names functions; sources of functions may call it.
Object.assign(globalThis, { __name: (target: unknown): unknown => target });

interface WorkerStart {
  source: string;
  parent: dora.NodeHandle;
  args: unknown;
}

const common = {
  dora,
  sleep: (ms: number) => sleep(ms),
  assert: assert as Assert,
  workerThreads,
  gc: () => {
    (globalThis as unknown as { gc: () => void }).gc();
  },
};

/** The function of this source text. */
function compile(source: string): unknown {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the function is the test's own
  const make = new Function(`return (${source});`) as () => unknown;
  return make();
}

async function runNode(): Promise<void> {
  const report = (value: unknown): void => {
    process.send!(value);
  };
  const worker: NodeKit['worker'] = (main, parent, args) => {
    const start: WorkerStart = { source: main.toString(), parent, args };
    const thread = new Worker(fileURLToPath(import.meta.url), { workerData: start });
    thread.on('message', report);
    return thread;
  };
  const node = await dora.Node.connect({ spinUs: Number(process.env['DORA_TEST_SPIN_US'] ?? 0) });
  const args = JSON.parse(process.env['DORA_TEST_ARGS'] ?? 'null') as unknown;
  const main = compile(readFileSync(process.env['DORA_TEST_MAIN']!, 'utf8')) as NodeSpec['main'];
  await main({ ...common, node, report, worker, args });
}

async function runWorker(): Promise<void> {
  const { source, parent, args } = workerThreads.workerData as WorkerStart;
  const report = (value: unknown): void => {
    parentPort!.postMessage(value);
  };
  const main = compile(source) as (kit: WorkerKit) => Promise<void>;
  await main({ ...common, report, parent, args });
}

await (isMainThread ? runNode() : runWorker());
