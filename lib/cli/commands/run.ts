/**
 * `dora run FILE`: builds, starts and watches a dataflow until it ends, then says how.
 *
 * Exit codes: 0 the dataflow ended or was stopped in order; 1 it could not start, or a node failed; 130 a second Ctrl-C
 * ended it by force. SIGTERM and a closed terminal (SIGHUP) are as Ctrl-C; so is the end of whoever reads our output.
 */

import { formatDiagnostics, DescriptorError } from '../../descriptor/index.js';
import type { Console } from '../console.js';
import type { RunDataflowOptions } from '../run-api.js';
import { startDataflow } from '../run-dataflow.js';
import { JsonView, TextView } from '../run-view.js';
import { setTimeout as sleep } from 'node:timers/promises';

/** The command line's options, checked. Times in milliseconds. */
export interface RunCommandOptions {
  readonly build: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly release: boolean;
  readonly stopAfter?: number;
  readonly stopTimeout: number;
  readonly killTimeout: number;
}

const FORCED = 130;
/** How long a reader that does not read may hold back the end after a second Ctrl-C. */
const FLUSH_MS = 1000;

export async function runCommand(file: string, options: RunCommandOptions, console: Console): Promise<number> {
  const view = options.json ? new JsonView(console) : new TextView(console, options.quiet);
  const stop = new AbortController();
  const signals = new SignalWatch((signal) => {
    view.onStopSignal(signal);
    stop.abort();
  });
  console.whenGone(() => {
    stop.abort();
  });
  try {
    const runOptions: RunDataflowOptions = {
      build: options.build,
      env: options.env,
      release: options.release,
      stopTimeoutMs: options.stopTimeout,
      killTimeoutMs: options.killTimeout,
      ...(options.stopAfter === undefined ? {} : { stopAfterMs: options.stopAfter }),
      signal: stop.signal,
      onEvent: (event) => view.onEvent(event),
    };
    const running = await startDataflow(file, runOptions);
    if (view instanceof TextView) {
      view.setNames(running.nodes);
      showWarnings(running.warnings, options, console);
    }
    signals.onSecond = () => {
      running.kill();
    };
    const result = await running.result;
    view.onResult(result);
    if (!signals.forced) return result.ok ? 0 : 1;
    await Promise.race([console.flush(), sleep(FLUSH_MS, undefined, { ref: false })]);
    return FORCED;
  } catch (error) {
    if (stop.signal.aborted && error === stop.signal.reason) return 0;
    showStartError(error, options, console);
    return 1;
  } finally {
    signals.close();
  }
}

function showWarnings(
  warnings: Parameters<typeof formatDiagnostics>[0],
  options: RunCommandOptions,
  console: Console,
): void {
  if (warnings.length === 0 || options.quiet) return;
  console.errorLine(formatDiagnostics(warnings, { color: console.colorErr.level > 0 }));
}

function showStartError(error: unknown, options: RunCommandOptions, console: Console): void {
  if (options.json) {
    const { code = 'INTERNAL', message, hint } = error as { code?: string; message: string; hint?: string };
    const diagnostics = error instanceof DescriptorError ? { diagnostics: error.diagnostics } : {};
    console.line(JSON.stringify({ event: 'error', code, message, hint, ...diagnostics }));
  } else if (error instanceof DescriptorError) {
    console.errorLine(formatDiagnostics(error.diagnostics, { color: console.colorErr.level > 0 }));
  } else {
    console.showError(error);
  }
}

/** Counts the signals that ask for the end. */
class SignalWatch {
  /** The end by force. */
  onSecond: (() => void) | undefined;
  forced = false;
  readonly #onFirst: (signal: string) => void;
  #count = 0;

  constructor(onFirst: (signal: string) => void) {
    this.#onFirst = onFirst;
    for (const name of endSignals) process.on(name, this.#take);
  }

  close(): void {
    for (const name of endSignals) process.off(name, this.#take);
  }

  readonly #take = (signal: NodeJS.Signals): void => {
    this.#count += 1;
    if (this.#count === 1) {
      this.#onFirst(signal);
    } else {
      this.forced = true;
      this.onSecond?.();
    }
  };
}

const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
