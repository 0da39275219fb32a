/**
 * Runs programs that are no nodes of ours to their end: peers, the benchmark's own C programs, `dora run`, installers.
 *
 * Each leads a process group of its own, and what is left of the group is ended with it: a peer that starts programs itself leaves
 * none behind when it crashes, hangs or is interrupted.
 */

import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { interrupted, onExit } from './leftovers.js';

export interface Program {
  readonly file: string;
  readonly args?: readonly string[];
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** SIGINT after so long. Default 3 minutes, long beyond any row: one that hangs must not hold up the others. */
  readonly timeoutMs?: number;
  /** Where its output goes, a descriptor; by default it is kept for the message of a failure. */
  readonly output?: number;
}

export const TIMEOUT_MS = 180_000;
/** From SIGINT to SIGKILL. */
const GRACE_MS = 3000;
/** Of what it printed, for the message of a failure. */
const KEPT_CHARS = 4000;

/** @throws Error with what it printed when it failed, or could not be started */
export async function runProgram({ file, args = [] }: Program, options: RunOptions = {}): Promise<string> {
  const { env = process.env, cwd, timeoutMs = TIMEOUT_MS, output } = options;
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([interrupted, limit, ...(options.signal === undefined ? [] : [options.signal])]);
  signal.throwIfAborted();
  const child = spawn(file, args, {
    env,
    ...(cwd === undefined ? {} : { cwd }),
    detached: true,
    stdio: ['ignore', output ?? 'pipe', output ?? 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-KEPT_CHARS);
    });
  }
  const endGroup = (how: NodeJS.Signals): void => {
    if (child.pid !== undefined) signalGroup(child.pid, how);
  };
  const forget = onExit(() => {
    endGroup('SIGKILL');
  });
  let killer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    endGroup('SIGINT');
    killer = setTimeout(endGroup, GRACE_MS, 'SIGKILL');
  };
  signal.addEventListener('abort', stop);
  // Its output ends when the last of its group has: those that it left behind must not keep it open.
  child.once('exit', () => {
    endGroup('SIGKILL');
  });
  try {
    const [code, killedBy] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (...how) => {
        resolve(how);
      });
    });
    if (code === 0) return printed;
    const how = limit.aborted
      ? `did not end within ${timeoutMs / 1000} s`
      : `ended with ${killedBy ?? code ?? 'nothing'}`;
    throw new Error(`${[path.basename(file), ...args].join(' ')} ${how}\n${printed}`.trimEnd());
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(killer);
    forget();
  }
}

function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // Nobody of it is left.
  }
}

/** Where a command of PATH lies, or a path that can be executed; undefined when it is not there. */
export function findCommand(name: string): string | undefined {
  const folders = name.includes('/') ? [''] : (process.env['PATH'] ?? '').split(path.delimiter);
  return folders.map((folder) => path.join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
