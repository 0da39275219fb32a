/**
 * The program `git`, as far as fetching needs it: one command, its output, the end of its process group on a stop.
 *
 * It never asks anybody anything, runs no hooks, and reaches repositories by the transports that a dataflow may name and
 * no others: helper programs (`ext::`) stay closed even where git's own settings lead to them. Variables that would turn
 * it to another repository are taken away; settings of the user (proxies, credentials, `insteadOf`) count.
 */

import { Child } from './child.js';
import { FetchError } from './fetch-error.js';
import type { Guard } from './guard.js';

export interface GitResult {
  readonly ok: boolean;
  readonly stdout: string[];
  /** What it said on stderr last. */
  readonly lastLines: string[];
}

const MAX_LINES = 100_000;

const settings = [
  ...['-c', 'core.hooksPath=/dev/null'],
  ...['-c', 'protocol.ext.allow=never'],
  ...['-c', 'advice.detachedHead=false'],
  ...['-c', 'gc.auto=0'],
  // A connection that has died is given up after a minute.
  ...['-c', 'http.lowSpeedLimit=1'],
  ...['-c', 'http.lowSpeedTime=60'],
];

export class Git {
  readonly #guard: Guard | undefined;
  readonly #signal: AbortSignal;

  constructor(guard: Guard | undefined, signal: AbortSignal) {
    this.#guard = guard;
    this.#signal = signal;
  }

  /**
   * Runs `git …args` in a folder.
   * @throws FetchError GIT_MISSING, FETCH_STOPPED
   */
  async run(cwd: string, ...args: string[]): Promise<GitResult> {
    this.#throwIfStopped();
    const stdout: string[] = [];
    const stderr: string[] = [];
    const child = new Child(
      { file: 'git', args: [...settings, ...args], cwd, env: gitEnvironment(), sweepGraceMs: 1000 },
      this.#guard,
      {
        onLines: (stream, lines) => {
          const kept = stream === 'stdout' ? stdout : stderr;
          kept.push(...lines);
          if (kept.length > MAX_LINES) kept.splice(0, kept.length - MAX_LINES);
          return Promise.resolve();
        },
      },
    );
    const stop = (): void => {
      child.signal('SIGKILL');
    };
    this.#signal.addEventListener('abort', stop, { once: true });
    const { exitCode, spawnError } = await child.done;
    this.#signal.removeEventListener('abort', stop);
    this.#throwIfStopped();
    if (spawnError !== undefined) {
      throw new FetchError(
        'GIT_MISSING',
        `git cannot be started: ${spawnError.message}`,
        'A node comes from a repository ("git"), so the program git has to be installed on this machine.',
      );
    }
    return { ok: exitCode === 0, stdout, lastLines: stderr.slice(-12) };
  }

  #throwIfStopped(): void {
    if (this.#signal.aborted) throw new FetchError('FETCH_STOPPED', 'fetching was stopped', 'Start again to go on.');
  }
}

function gitEnvironment(): Record<string, string | undefined> {
  const own = Object.entries(process.env).filter(
    ([name]) =>
      !/^GIT_(DIR|WORK_TREE|INDEX_FILE|NAMESPACE|OBJECT_DIRECTORY|ALTERNATE_.*|COMMON_DIR|CEILING_.*)$/.test(name),
  );
  const ssh = process.env['GIT_SSH_COMMAND'] === undefined && process.env['GIT_SSH'] === undefined;
  return {
    ...Object.fromEntries(own),
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'https:http:ssh:git:file',
    ...(ssh ? { GIT_SSH_COMMAND: 'ssh -oBatchMode=yes' } : {}),
  };
}
