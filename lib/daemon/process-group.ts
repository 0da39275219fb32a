/**
 * A child process that leads a process group of its own: spawned detached, signalled and ended as a whole.
 *
 * A program may start helpers; they are in its group unless they leave it on purpose. When the leader has ended, the
 * rest of the group is asked to end (SIGTERM) and then made to (SIGKILL), so nothing outlives its node. A group's
 * number stays taken while a process is in it; once the group was seen empty it is never signalled again, for the
 * number may belong to somebody else by then.
 */

import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often a group whose leader has ended is looked at. */
const POLL_MS = 20;

export class ProcessGroup {
  /** The leader's process id, which is the group's as well. */
  readonly pid: number;
  #gone = false;
  #leaderEnded = false;

  constructor(pid: number) {
    this.pid = pid;
  }

  /** False once the group was seen empty. */
  signal(name: 'SIGTERM' | 'SIGKILL'): boolean {
    if (this.#gone) return false;
    try {
      process.kill(-this.pid, name);
      return true;
    } catch (error) {
      // Before the leader is reaped, ESRCH can only mean that it has not called setsid() yet: never seen with detached spawn.
      if (this.#leaderEnded && (error as NodeJS.ErrnoException).code === 'ESRCH') this.#gone = true;
      return false;
    }
  }

  /** The leader has ended: ends what it left behind, and resolves when the group is empty. */
  async sweep(graceMs: number): Promise<void> {
    this.#leaderEnded = true;
    if (!this.#alive()) return;
    this.signal('SIGTERM');
    const deadline = performance.now() + graceMs;
    while (this.#alive() && performance.now() < deadline) await sleep(POLL_MS);
    // A process in an uninterruptible system call dies later; waiting for it would hang the whole dataflow.
    const patience = performance.now() + 2000;
    while (this.#alive() && performance.now() < patience) {
      this.signal('SIGKILL');
      await sleep(POLL_MS);
    }
  }

  #alive(): boolean {
    if (this.#gone) return false;
    try {
      process.kill(-this.pid, 0);
    } catch {
      this.#gone = true;
      return false;
    }
    // Zombies count for kill(), and where nobody reaps orphans (containers) they stay.
    return hasLiveMember(this.pid);
  }
}

/** Whether a process that is no zombie is in this group. */
function hasLiveMember(group: number): boolean {
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      // "pid (name) state ppid pgrp …"; the name may hold anything, so count from its end.
      const text = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [state, , pgrp] = text.slice(text.lastIndexOf(')') + 2).split(' ');
      return Number(pgrp) === group && state !== 'Z' && state !== 'X';
    } catch {
      return false;
    }
  });
}
