/**
 * The guard: a tiny process that ends the nodes when this process was killed.
 *
 * It knows the process groups of all children from lines on its stdin (`+ pid`, `- pid`) and waits for the end of that
 * pipe, which the kernel closes whatever happens to us. It has a group of its own, so that a terminal's Ctrl-C does not
 * reach it. A daemon without a guard works; only `kill -9` of it could then leave processes that never joined.
 */

import { spawn, type ChildProcess } from 'node:child_process';

export interface GuardOptions {
  /** The `dora-guard` program. */
  readonly program: string;
  /** How long nodes have to notice by themselves that this process is gone; then SIGTERM, and as long again to SIGKILL. */
  readonly graceMs: number;
  /** Called once when the guard cannot be started or ends before its time. */
  readonly onFailure: (reason: string) => void;
}

export class Guard {
  readonly #child: ChildProcess;
  #closed = false;

  constructor(options: GuardOptions) {
    const fail = (reason: string): void => {
      if (this.#closed) return;
      this.#closed = true;
      options.onFailure(reason);
    };
    this.#child = spawn(options.program, [], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' });
    this.#child.on('error', (error) => {
      fail(error.message);
    });
    this.#child.on('exit', (code, signal) => {
      fail(`it ended (${signal ?? `exit code ${String(code)}`})`);
    });
    // A guard that has died shows as an exit; the broken pipe says nothing new.
    this.#child.stdin?.on('error', () => undefined);
    // Neither the guard nor its pipe keeps this process alive.
    this.#child.unref();
    (this.#child.stdin as { unref?: () => void } | null)?.unref?.();
    this.#say(`wait ${options.graceMs}\ngrace ${options.graceMs}`);
  }

  /** From now on this process group ends with us. */
  watch(pid: number): void {
    this.#say(`+ ${pid}`);
  }

  /** The broker's socket folder goes with us. */
  ownFolder(folder: string): void {
    this.#say(`folder ${folder}`);
  }

  unwatch(pid: number): void {
    this.#say(`- ${pid}`);
  }

  /** Ends the guard; it signals nobody. */
  close(): void {
    if (this.#closed) return;
    this.#say('quit');
    this.#closed = true;
    this.#child.stdin?.end();
  }

  #say(line: string): void {
    if (!this.#closed) this.#child.stdin?.write(`${line}\n`);
  }
}
