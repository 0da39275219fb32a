/**
 * What the kernel says about a process: memory, and how often its threads were woken.
 */

import { readFileSync, readdirSync } from 'node:fs';

/** Resident memory in MiB, shared parts included. */
export function residentMiB(pid: number): number {
  return numberIn(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS') / 1024;
}

/**
 * How often threads of a process have gone to sleep since it began, and so how often they were woken. Switches that the kernel made because
 * somebody else wanted the core are not among them.
 */
export function wakeUpsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return sum + numberIn(status, 'voluntary_ctxt_switches');
  }, 0);
}

/** A line `name: 12 kB` of a file in /proc. */
export function numberIn(text: string, name: string): number {
  const found = new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1];
  if (found === undefined) throw new Error(`the kernel does not say ${name}`);
  return Number(found);
}
