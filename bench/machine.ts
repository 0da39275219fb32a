/**
 * What the figures were taken on, and warnings about what would spoil them.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCommand } from './run-program.js';

const root = fileURLToPath(new URL('..', import.meta.url));

export const placements = ['apart', 'same', 'free'] as const;
export type Placement = (typeof placements)[number];

/** The `machine` of `--json`. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Whether the two processes of a row have a core each, share one, or are left to the scheduler. */
  readonly placement: Placement;
  /** The numbers of those cores, sender's and receiver's; empty: left to the scheduler. */
  readonly bound: readonly number[];
  /** Processes that wanted a core in the last minute, before the run. */
  readonly load: number;
  /** The same after it. */
  readonly loadAfter?: number;
  /** How long it took. */
  readonly seconds?: number;
  /** The day it was measured, ISO 8601. */
  readonly date: string;
}

export function describeMachine(placement: Placement): Machine {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.type()} ${os.release().replace(/-.*$/, '')}`,
    node: process.version,
    placement,
    bound: coresFor(placement),
    load: currentLoad(),
    date: new Date().toISOString().slice(0, 10),
  };
}

/** Processes that wanted a core in the last minute. */
export function currentLoad(): number {
  return Number((os.loadavg()[0] ?? 0).toFixed(2));
}

/** Core numbers of sender and receiver; empty: the scheduler chooses. Different cores are no two threads of one, where that can be. */
function coresFor(placement: Placement): readonly number[] {
  if (placement === 'free' || findCommand('taskset') === undefined) return [];
  const [first, ...others] = allowedCores();
  if (first === undefined) return [];
  if (placement === 'same') return [first, first];
  const siblings = siblingsOf(first);
  const second = others.find((core) => siblingsOf(core) !== siblings) ?? others[0];
  return second === undefined ? [] : [first, second];
}

function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

/** Which hardware threads share this one's core, as the kernel writes it; '' where it does not say. */
function siblingsOf(core: number): string {
  try {
    return readFileSync(`/sys/devices/system/cpu/cpu${core}/topology/thread_siblings_list`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** One line each. */
export function warnings({ cores, load, placement, bound }: Machine): string[] {
  const found: string[] = [];
  if (placement !== 'free' && bound.length === 0) {
    found.push('processes are left to the scheduler: `taskset` (util-linux) is not here, or there is one core only');
  }
  const [sender = -1, receiver = -1] = bound;
  if (
    placement === 'apart' &&
    sender >= 0 &&
    siblingsOf(sender) !== '' &&
    siblingsOf(sender) === siblingsOf(receiver)
  ) {
    found.push('sender and receiver run on two hardware threads of one core: there is no second core to use');
  }
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
