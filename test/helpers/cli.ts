/**
 * Runs the built command `dora` as a user would, in a folder of its own, and looks for what it leaves behind.
 *
 * Each dora gets its own runtime, cache and working folder, so that tests may run side by side and leftovers are seen.
 * Processes are found by a mark in their environment, which every node inherits.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));
/** The command itself; it can be run. */
export const main = path.join(projectRoot, 'dist/cli/main.js');
/** Far beyond what any test takes: a hang ends as a failure. */
const WATCHDOG_MS = 60_000;

/** What a run of the command printed, and how it ended. */
export interface Finished {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with files, a runtime folder and a cache; removed when the test ends. */
export class Sandbox {
  readonly folder: string;
  readonly runtime: string;
  readonly mark = `mark-${randomBytes(8).toString('hex')}`;
  readonly #base: string;

  /** @param name of the folder in which the files lie */
  constructor(t: ExecutionContext, name = 'flow') {
    this.#base = mkdtempSync(path.join(tmpdir(), 'dora-e2e-'));
    this.folder = path.join(this.#base, name);
    this.runtime = path.join(this.#base, 'run');
    mkdirSync(this.folder, { recursive: true });
    mkdirSync(this.runtime, { mode: 0o700 });
    t.teardown(() => {
      for (const pid of this.processes()) process.kill(pid, 'SIGKILL');
      rmSync(this.#base, { recursive: true, force: true });
    });
  }

  /** Writes a file; `#!` at its start makes it executable. Returns its absolute path. */
  write(name: string, text: string): string {
    const file = path.join(this.folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: text.startsWith('#!') ? 0o755 : 0o644 });
    return file;
  }

  /** Starts `dora ...args` in the folder. */
  dora(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    stdin: 'ignore' | 'pipe' = 'ignore',
  ): RunningCommand {
    const child = spawn(process.execPath, ['--', main, ...args], {
      cwd: this.folder,
      env: {
        ...process.env,
        XDG_RUNTIME_DIR: this.runtime,
        XDG_CACHE_HOME: path.join(this.#base, 'cache'),
        DORA_TEST_MARK: this.mark,
        NODE_OPTIONS: '',
        NO_COLOR: '1',
        ...env,
      },
      stdio: [stdin, 'pipe', 'pipe'],
    });
    return new RunningCommand(child);
  }

  /** Starts `dora ...args` and waits for its end. */
  async run(...args: string[]): Promise<Finished> {
    return await this.dora(args).finished;
  }

  /** Processes that carry this sandbox's mark, zombies not counted. */
  processes(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => hasMark(pid, this.mark))
      .map(Number);
  }

  /** What is left: processes, and whatever lies in the runtime folder. */
  leftovers(): string[] {
    return [...this.processes().map((pid) => `process ${pid} ${commandOf(pid)}`), ...readdirSync(this.runtime)];
  }

  /** Waits until nothing is left; returns what stays. */
  async settle(limitMs = 15_000): Promise<string[]> {
    const end = Date.now() + limitMs;
    while (this.leftovers().length > 0 && Date.now() < end) await sleep(50);
    return this.leftovers();
  }
}

export class RunningCommand {
  readonly pid: number;
  readonly finished: Promise<Finished>;
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';

  constructor(child: ChildProcess) {
    this.child = child;
    this.pid = child.pid ?? -1;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    const watchdog = setTimeout(() => child.kill('SIGKILL'), WATCHDOG_MS);
    this.finished = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        clearTimeout(watchdog);
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  /** Waits until this text was printed. @throws Error when the command ended without it */
  async printed(text: string): Promise<void> {
    while (!this.stdout.includes(text) && !this.stderr.includes(text)) {
      const over = await Promise.race([this.finished.then(() => true), sleep(0, false)]);
      if (over && !this.stdout.includes(text) && !this.stderr.includes(text)) {
        throw new Error(`ended without printing ${JSON.stringify(text)}:\n${this.stdout}\n${this.stderr}`);
      }
      await sleep(10);
    }
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }
}

/** Waits until a file is there. */
export async function fileExists(file: string, limitMs = 20_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!existsSync(file)) {
    if (Date.now() > end) throw new Error(`${file} does not come`);
    await sleep(10);
  }
}

function hasMark(pid: string, mark: string): boolean {
  try {
    const state = /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
    return state !== 'Z' && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`DORA_TEST_MARK=${mark}`);
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
