/**
 * What the figures were taken on, and warnings about what would spoil them.
 */

import { readdirSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The `machine` of `--json`. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Processes that wanted a core in the last minute, before the run. */
  readonly load: number;
}

export function describeMachine(): Machine {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    load: Number((os.loadavg()[0] ?? 0).toFixed(2)),
  };
}

/** One line each. */
export function warnings({ cores, load }: Machine): string[] {
  const found: string[] = [];
  if (cores < 2) found.push('one core only: sender and receiver take turns, so latencies are those of the scheduler');
  if (load > cores / 2) {
    found.push(`the machine is busy (load ${load} on ${cores} cores): figures are noisy, run again when it is idle`);
  }
  if (isStale()) found.push('lib/ is newer than dist/: this measures what was built before; run: npm run build');
  return found;
}

function isStale(): boolean {
  const newest = (folder: string, end: string): number => {
    const files = readdirSync(path.join(root, folder), { encoding: 'utf8', recursive: true });
    const times = files
      .filter((file) => file.endsWith(end))
      .map((file) => statSync(path.join(root, folder, file)).mtimeMs);
    return Math.max(0, ...times);
  };
  return newest('lib', '.ts') > newest('dist', '.js');
}
