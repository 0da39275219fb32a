/**
 * One child process from spawn to end: its group, its output as lines, and how it ended. Nodes and build commands alike.
 *
 * Its pipes are read only as fast as `onLines` settles; the kernel's pipe buffer is all that lies in between. `done`
 * resolves when the process and its group have ended and the last line was delivered. A helper that left the group and
 * kept the pipe open does not hold `done` back: a pipe that stays silent after the end is given up.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Guard } from './guard.js';
import { LastLines } from './last-lines.js';
import { launchFailure, type Launcher } from './launcher.js';
import { LineSplitter } from './line-splitter.js';
import { ProcessGroup } from './process-group.js';

/** How long a pipe may stay silent after its process has ended before it is given up. */
const SILENT_PIPE_MS = 300;
/** The descriptor on which a launcher reports. */
const LAUNCHER_PIPE = 3;

export interface ChildSpec {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What it reads on its standard input, to the end; undefined: nothing is there. */
  readonly input?: string | undefined;
  /** From SIGTERM to SIGKILL for what is left of the group when the process has ended. */
  readonly sweepGraceMs: number;
  /** Started instead, with `file` and `args` behind its own arguments; it becomes that program. */
  readonly launcher?: Launcher;
}

export interface ChildCallbacks {
  /** Takes lines; the pipe is read on when it settles. Must not reject. */
  onLines(stream: 'stdout' | 'stderr', lines: string[]): Promise<void>;
  /** The process itself has ended; output may still come. */
  onExit?(end: ChildEnd): void;
  /** What the launcher could not set, once the program runs. */
  onLaunch?(report: string): void;
}

/** How it ended: an exit code, a signal, or it never started. */
export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly spawnError?: NodeJS.ErrnoException;
  readonly durationMs: number;
}

export class Child {
  readonly lastLines = new LastLines();
  /** Absent when it could not be started. */
  readonly pid: number | undefined;
  /** Resolves when nothing of it is left, its output included. */
  readonly done: Promise<ChildEnd>;
  /** The strongest signal that was sent by signal(). */
  sentSignal: 'SIGTERM' | 'SIGKILL' | undefined;
  readonly #group: ProcessGroup | undefined;
  #running = true;

  constructor(spec: ChildSpec, guard: Guard | undefined, callbacks: ChildCallbacks) {
    const begin = performance.now();
    const child = trySpawn(spec);
    const pid = child instanceof Error ? undefined : child.pid;
    this.pid = pid;
    if (pid !== undefined) {
      guard?.watch(pid);
      this.#group = new ProcessGroup(pid);
    }
    const ended = new Promise<ChildEnd>((resolve) => {
      const finish = (end: Omit<ChildEnd, 'durationMs'>): void => {
        if (!this.#running) return;
        this.#running = false;
        const full = { ...end, durationMs: performance.now() - begin };
        callbacks.onExit?.(full);
        resolve(full);
      };
      if (child instanceof Error) {
        // Not inside the constructor: the caller has no object yet.
        queueMicrotask(() => {
          finish({ exitCode: null, signal: null, spawnError: child });
        });
        return;
      }
      const launched = spec.launcher === undefined ? undefined : readLauncher(child, callbacks);
      child.once('exit', (exitCode, signal) => {
        if (launched === undefined) finish({ exitCode, signal });
        else
          void launched.then((error) => {
            finish(error === undefined ? { exitCode, signal } : { exitCode: null, signal: null, spawnError: error });
          });
      });
      child.on('error', (error: NodeJS.ErrnoException) => {
        if (pid === undefined) finish({ exitCode: null, signal: null, spawnError: error });
      });
    });
    const pumps = (['stdout', 'stderr'] as const).flatMap((name) => {
      const pipe = child instanceof Error || pid === undefined ? null : child[name];
      return pipe === null ? [] : [new Pump(pipe, (lines) => this.#deliver(name, lines, callbacks))];
    });
    this.done = ended.then(async (end) => {
      await this.#group?.sweep(spec.sweepGraceMs);
      if (pid !== undefined) guard?.unwatch(pid);
      await Promise.all(pumps.map((pump) => pump.finish()));
      return end;
    });
  }

  get running(): boolean {
    return this.#running;
  }

  /** Signals the whole group, its leader or what the leader left. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#running && this.sentSignal !== 'SIGKILL') this.sentSignal = name;
    this.#group?.signal(name);
  }

  #deliver(stream: 'stdout' | 'stderr', lines: string[], callbacks: ChildCallbacks): Promise<void> {
    this.lastLines.add(lines);
    return callbacks.onLines(stream, lines);
  }
}

/** Most failures come as an event; some (a NUL in an argument, no more pipes) are thrown. */
function trySpawn(spec: ChildSpec): ChildProcess | Error {
  try {
    const { launcher, cwd, env } = spec;
    const options = { cwd, env, detached: true, shell: false };
    const stdin = spec.input === undefined ? 'ignore' : 'pipe';
    const child =
      launcher === undefined
        ? spawn(spec.file, spec.args, { ...options, stdio: [stdin, 'pipe', 'pipe'] })
        : spawn(launcher.file, [...launcher.args, spec.file, ...spec.args], {
            ...options,
            stdio: [stdin, 'pipe', 'pipe', 'pipe'],
          });
    // Who ends without reading it has a reason of its own, which its exit tells.
    child.stdin?.on('error', () => undefined).end(spec.input);
    return child;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/**
 * Reads what the launcher says until it has become the program, or has failed to.
 * @returns why the program could not be started, if so
 */
async function readLauncher(
  child: ChildProcess,
  callbacks: ChildCallbacks,
): Promise<NodeJS.ErrnoException | undefined> {
  let text = '';
  try {
    for await (const chunk of child.stdio[LAUNCHER_PIPE] as Readable) text += String(chunk);
  } catch {
    // A broken pipe has ended.
  }
  callbacks.onLaunch?.(text);
  return launchFailure(text);
}

/** Reads one pipe to its end, a line at a time, no faster than the lines are taken. */
class Pump {
  readonly #stream: Readable;
  readonly #deliver: (lines: string[]) => Promise<void>;
  readonly #ended: Promise<void>;
  #finished = false;
  #delivering = false;
  #reads = 0;

  constructor(stream: Readable, deliver: (lines: string[]) => Promise<void>) {
    this.#stream = stream;
    this.#deliver = deliver;
    this.#ended = this.#run();
  }

  /** The writer has ended: resolves when all was delivered, or the pipe stays open but silent. */
  async finish(): Promise<void> {
    const watch = new AbortController();
    const giveUp = async (): Promise<void> => {
      for (let reads = -1; !this.#finished;) {
        if (reads === this.#reads && !this.#delivering) this.#stream.destroy();
        reads = this.#reads;
        await sleep(SILENT_PIPE_MS, undefined, { signal: watch.signal });
      }
    };
    const watching = giveUp().catch(() => undefined);
    await this.#ended;
    watch.abort();
    await watching;
  }

  async #run(): Promise<void> {
    const splitter = new LineSplitter();
    try {
      for await (const chunk of this.#stream) {
        this.#reads += 1;
        await this.#hand(splitter.push(chunk as Buffer));
      }
    } catch {
      // A destroyed or broken pipe has ended; what came before counts.
    }
    await this.#hand(splitter.end());
    this.#finished = true;
  }

  async #hand(lines: string[]): Promise<void> {
    if (lines.length === 0) return;
    this.#delivering = true;
    await this.#deliver(lines);
    this.#delivering = false;
  }
}
