/**
 * Runs the `build:` commands of a dataflow: each line by `/bin/sh -c` in its node's working directory, with its node's
 * environment; one after the other, in the order of the file; the first that fails ends the build.
 *
 * A shell, because these are the user's own commands and read like a shell's (`mkdir -p out && cc …`, `$CC`). The same
 * line in the same folder with the same environment runs once, however many nodes ask for it. DORA_INCLUDE and DORA_LIB
 * name the folders of our headers and of libdora, wherever this package is installed.
 */

import { resolveProgram } from '../descriptor/index.js';
import { DoraError } from '../errors.js';
import type { BuildStep } from '../message/plan.js';
import { Child } from './child.js';
import type { Guard } from './guard.js';
import { nativeFolders } from './own-package.js';

/** A `build:` command that failed. `details` says whose. */
export class BuildError extends DoraError {
  readonly details: { node: string; exitCode: number | null; signal: string | null; lastLines: string[] };

  constructor(message: string, hint: string, details: BuildError['details']) {
    super('BUILD_FAILED', message, { hint });
    this.details = details;
  }
}

export interface BuildCallbacks {
  onCommand(owner: string, command: string): void;
  onLines(owner: string, stream: 'stdout' | 'stderr', lines: string[]): Promise<void>;
}

export class Build {
  #child: Child | undefined;
  #cancelled = false;
  #killTimer: NodeJS.Timeout | undefined;

  /** @throws BuildError */
  async run(
    steps: readonly BuildStep[],
    release: boolean,
    guard: Guard | undefined,
    callbacks: BuildCallbacks,
  ): Promise<void> {
    const done = new Set<string>();
    for (const step of steps) {
      for (const line of step.lines) {
        const key = JSON.stringify([line, step.workingDirectory, Object.entries(step.env).sort()]);
        if (done.has(key)) continue;
        done.add(key);
        await this.#runLine(line, step, release, guard, callbacks);
      }
    }
  }

  /** Ends the running command, SIGKILL after `killTimeoutMs`; run() then rejects with BUILD_FAILED. */
  cancel(killTimeoutMs: number): void {
    this.#cancelled = true;
    if (this.#child === undefined) return;
    this.#child.signal(killTimeoutMs === 0 ? 'SIGKILL' : 'SIGTERM');
    this.#killTimer ??= setTimeout(() => this.#child?.signal('SIGKILL'), killTimeoutMs);
  }

  async #runLine(
    line: string,
    step: BuildStep,
    release: boolean,
    guard: Guard | undefined,
    callbacks: BuildCallbacks,
  ): Promise<void> {
    const { owner, workingDirectory, env } = step;
    const details = { node: owner, exitCode: null, signal: null, lastLines: [] };
    if (this.#isCancelled()) throw new BuildError('the build was stopped', 'Start again to build the rest.', details);
    callbacks.onCommand(owner, line);
    const child = new Child(
      {
        ...shellCommand(line, step.lock),
        cwd: workingDirectory,
        env: { ...process.env, ...nativeVariables(), ...(release ? { DORA_RELEASE: '1' } : {}), ...env },
        sweepGraceMs: 1000,
      },
      guard,
      { onLines: (stream, lines) => callbacks.onLines(owner, stream, lines) },
    );
    this.#child = child;
    const { exitCode, signal, spawnError } = await child.done;
    clearTimeout(this.#killTimer);
    if (exitCode === 0) return;
    const how = spawnError?.message ?? (exitCode === null ? String(signal) : `exit code ${exitCode}`);
    throw new BuildError(
      this.#isCancelled() ? `the build of "${owner}" was stopped` : `the build of "${owner}" failed (${how}): ${line}`,
      `The command ran in ${workingDirectory}. --no-build starts without building.`,
      { ...details, exitCode, signal, lastLines: child.lastLines.toArray() },
    );
  }

  /** A method, for the answer changes while a command runs. */
  #isCancelled(): boolean {
    return this.#cancelled;
  }
}

/**
 * The line in a shell; with a lock inside flock(1), whose lock ends with the process, whatever ends it. -o: a helper that
 * the line leaves behind does not hold it. A machine without flock builds without taking turns.
 */
function shellCommand(line: string, lock: string | undefined): { file: string; args: string[] } {
  const flock = lock === undefined ? undefined : resolveProgram('flock', { folder: '/', workingDirectory: '/' });
  if (lock === undefined || flock === undefined || !('file' in flock)) return { file: '/bin/sh', args: ['-c', line] };
  return { file: flock.file, args: ['-o', lock, '/bin/sh', '-c', line] };
}

/** What a C compiler needs to know; a node's own values win. */
function nativeVariables(): Record<string, string> {
  const { include, lib } = nativeFolders();
  return { DORA_INCLUDE: include, ...(lib === undefined ? {} : { DORA_LIB: lib }) };
}
