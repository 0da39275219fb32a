/**
 * The small program `dora-launch` between the daemon and a node: it sets cores and real-time scheduling before the
 * node's program begins, so that all of its threads have them, and becomes that program.
 *
 * What could not be had, it reports on a pipe of its own; here that becomes warnings for people, with what to do. The
 * node runs all the same. Nodes that ask for neither are started without it.
 */

import os from 'node:os';
import { getSystemErrorName } from 'node:util';
import { DoraError } from '../errors.js';
import type { PlanNode } from '../message/plan.js';
import { launchProgram } from './own-package.js';

/** A program that becomes another: its own command line, before the other's. */
export interface Launcher {
  readonly file: string;
  readonly args: readonly string[];
}

/** A wish that the system did not grant. */
export interface LaunchWarning {
  readonly code: string;
  readonly message: string;
}

/** @returns undefined when the node asks for nothing that needs one */
export function launcherFor({ id, cpuAffinity, realtime }: PlanNode): Launcher | undefined {
  if (cpuAffinity === undefined && realtime === undefined) return undefined;
  const file = launchProgram();
  if (file === undefined) {
    throw new DoraError('ADDON_MISSING', `node "${id}": dora-launch, which sets cores and priority, was not built`, {
      hint: 'Run: npm run build:native',
    });
  }
  const cores = cpuAffinity === undefined ? [] : ['--cpus', cpuAffinity.join(',')];
  const scheduling =
    realtime === undefined ? [] : ['--policy', realtime.policy, '--priority', String(realtime.priority)];
  return { file, args: [...cores, ...scheduling, '--'] };
}

/** @param report what the launcher of this node wrote, to its end */
export function launchWarnings(report: string, node: PlanNode): LaunchWarning[] {
  return report.split('\n').flatMap((line) => {
    const [what, errno, detail = ''] = line.split(' ');
    if (what === 'cpus') return [{ code: 'CPU_AFFINITY_DENIED', message: coresDenied(node, Number(errno), detail) }];
    if (what === 'realtime') return [{ code: 'REALTIME_DENIED', message: priorityDenied(node, Number(errno), detail) }];
    return [];
  });
}

/** Why the launcher could not become the program, if so. */
export function launchFailure(report: string): NodeJS.ErrnoException | undefined {
  const errno = /^exec (\d+)$/m.exec(report)?.[1];
  if (errno === undefined) return undefined;
  const code = getSystemErrorName(-Number(errno));
  return Object.assign(new Error(`spawn ${code}`), { code });
}

/** A node joined and could not keep its memory in RAM; `reason` is the system's. */
export function memoryNotLocked(node: string, reason: string): string {
  return `node "${node}" does not keep its memory in RAM: ${reason}; it needs an unlimited "memlock" (ulimit -l, /etc/security/limits.conf), or the capability CAP_IPC_LOCK`;
}

function coresDenied({ id, cpuAffinity = [] }: PlanNode, errno: number, now: string): string {
  const wanted = cpuAffinity.join(',');
  const reason = errno === 0 ? '' : ` (${describe(errno)})`;
  return `node "${id}" runs on ${cores(now)} and not on ${cores(wanted)}${reason}: the others are closed to this process, by a container, a service or cgroup (cpuset)`;
}

function priorityDenied({ id, realtime }: PlanNode, errno: number, limit: string): string {
  const wanted = realtime === undefined ? '' : ` (${realtime.policy}, ${String(realtime.priority)})`;
  return `node "${id}" runs without real-time priority${wanted}: ${describe(errno)}; this user may have ${limit} at most (ulimit -r): raise "rtprio" in /etc/security/limits.conf, or give the capability CAP_SYS_NICE`;
}

function cores(list: string): string {
  return `${list.includes(',') ? 'cores' : 'core'} ${list}`;
}

/** `EPERM` with words for the one that people meet. */
function describe(errno: number): string {
  if (errno === os.constants.errno.EPERM) return 'it is not permitted';
  return errno === 0 ? 'it was not taken' : getSystemErrorName(-errno);
}
