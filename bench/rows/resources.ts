/**
 * What a dataflow costs that does nothing: memory, and wake-ups. It is started by the command, so that the daemon is a process of its own;
 * each process says its number through the figures that it writes.
 */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { interrupted, onExit } from '../leftovers.js';
import { environment, withFolder } from '../measure.js';
import { readPairs } from '../pairs.js';
import { wakeUpsOf, residentMiB } from '../proc.js';
import { cCompiler, nodeSource, operatorLibrary, projectRoot } from '../programs.js';
import type { Case, Row } from './row.js';

const NODE: Row = {
  name: 'memory-node',
  unit: 'MiB',
  mode: 'resident, an idle TS node',
  peer: 'memory-bare-node-plus-8',
  goal: { ratioAtMost: 1 },
};
/** The goal is a distance, not a ratio: within 8 MB of a bare process. */
const ALLOWED: Row = { name: 'memory-bare-node-plus-8', unit: 'MiB', mode: 'a bare `node` process, and 8 MB more' };
const BARE: Row = { name: 'memory-bare-node', unit: 'MiB', mode: 'resident, a bare `node` process' };
const DAEMON: Row = { name: 'memory-daemon', unit: 'MiB', mode: 'resident, `dora run` of two nodes' };

const idle = (name: string, mode: string, atMost: number): Row => ({
  name,
  unit: '1/s',
  mode: `${mode}, wake-ups of all its threads`,
  goal: { valueAtMost: atMost },
});
const IDLE_NODE = idle('idle-node', 'an idle TS node', 0);
const IDLE_RUNTIME = idle('idle-runtime', 'a runtime with two idle operators', 0);
const IDLE_DAEMON = idle('idle-daemon', '`dora run` of an idle dataflow', 2);

/** What a start leaves is over: V8 collects its garbage once, eight to nine seconds after it. --quick looks before that. */
const SETTLE_MS = 12_000;
const QUICK_SETTLE_MS = 2500;
const START_TIMEOUT_MS = 30_000;

function dataflow(folder: string): object {
  const library = operatorLibrary();
  const env = (id: string): object => ({ env: { BENCH_RESULT: path.join(folder, id) } });
  return {
    nodes: [
      { id: 'node', path: nodeSource('idle'), inputs: { in: 'runtime/idle-b/out' }, outputs: ['out'], ...env('node') },
      {
        id: 'runtime',
        operators: [
          { id: 'idle-a', 'shared-library': library, inputs: { in: 'node/out' }, outputs: ['out'] },
          { id: 'idle-b', 'shared-library': library, inputs: { in: 'runtime/idle-a/out' }, outputs: ['out'] },
        ],
        ...env('runtime'),
      },
    ],
  };
}

/** The process that wrote this file, as soon as it has. */
async function processOf(file: string, parent: ChildProcess): Promise<number> {
  const end = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < end) {
    const pid = readPairs(file)?.first[0];
    if (pid !== undefined) return pid;
    if (parent.exitCode !== null) throw new Error(`dora run ended with ${parent.exitCode}`);
    await sleep(50, undefined, { signal: interrupted });
  }
  throw new Error(`the idle dataflow did not start within ${START_TIMEOUT_MS / 1000} s`);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

async function measure(quick: boolean): Promise<Record<string, number[]>> {
  return withFolder(async (folder) => {
    const file = path.join(folder, 'idle.yml');
    writeFileSync(file, JSON.stringify(dataflow(folder)));
    const env = { ...process.env, ...environment({ bytes: 8, warmup: 0, count: 0, unplaced: true }) };
    const command = path.join(projectRoot, 'dist/cli/main.js');
    const daemon = spawn(process.execPath, [command, 'run', '--release', file], { env, stdio: 'ignore' });
    const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 2 ** 30)'], { stdio: 'ignore' });
    const forget = onExit(() => {
      for (const child of [daemon, bare]) child.kill('SIGKILL');
    });
    try {
      const pids = {
        [IDLE_NODE.name]: await processOf(path.join(folder, 'node'), daemon),
        [IDLE_RUNTIME.name]: await processOf(path.join(folder, 'runtime'), daemon),
        [IDLE_DAEMON.name]: daemon.pid ?? 0,
      };
      await sleep(quick ? QUICK_SETTLE_MS : SETTLE_MS, undefined, { signal: interrupted });
      const rates = await wakeUps(pids, quick ? 3 : 10);
      const bareMiB = residentMiB(bare.pid ?? 0);
      return {
        ...rates,
        [NODE.name]: [residentMiB(pids[IDLE_NODE.name] ?? 0)],
        [BARE.name]: [bareMiB],
        [ALLOWED.name]: [bareMiB + 8e6 / 2 ** 20],
        [DAEMON.name]: [residentMiB(daemon.pid ?? 0)],
      };
    } finally {
      await Promise.all([end(daemon, 'SIGTERM'), end(bare, 'SIGKILL')]);
      forget();
    }
  });
}

async function wakeUps(pids: Readonly<Record<string, number>>, seconds: number): Promise<Record<string, number[]>> {
  const before = Object.values(pids).map(wakeUpsOf);
  await sleep(1000 * seconds, undefined, { signal: interrupted });
  return Object.fromEntries(
    Object.entries(pids).map(([name, pid], index) => [name, [(wakeUpsOf(pid) - (before[index] ?? NaN)) / seconds]]),
  );
}

export const resourceCases: readonly Case[] = [
  {
    rows: [BARE, ALLOWED, NODE, DAEMON, IDLE_NODE, IDLE_RUNTIME, IDLE_DAEMON],
    needs: cCompiler,
    quick: true,
    measure,
  },
];
