/**
 * A dataflow between a terminal and its end: what `dora run` and `dora build` have in common.
 *
 * Signals (the first asks for the end in order, the second ends by force), a reader of our output that went away, events to
 * the view, and the errors of a start. What the end means for the exit code is the command's to say.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { DescriptorError, formatDiagnostics, type Diagnostic } from '../descriptor/index.js';
import type { DataflowSummary } from '../message/report.js';
import type { Console } from './console.js';
import { startDataflow, type RunningDataflow, type StartOptions } from './run-dataflow.js';
import { TextView, type RunView } from './run-view.js';

/** How it ended. */
export type SessionEnd =
  /** It has a summary; `forced`: a second signal ended it, and output may be missing. */
  | { readonly kind: 'ended'; readonly result: DataflowSummary; readonly forced: boolean }
  /** It never began: the reason was shown. */
  | { readonly kind: 'refused' }
  /** A signal came before it began. */
  | { readonly kind: 'stopped' };

export interface SessionOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

/** How long a reader that does not read may hold back the end after a second Ctrl-C. */
const FLUSH_MS = 1000;

/** Starts a file and watches it to its end. Never rejects for what is in the file or what nodes do. */
export async function watchDataflow(
  file: string,
  start: StartOptions,
  options: SessionOptions,
  view: RunView,
  console: Console,
): Promise<SessionEnd> {
  const stop = new AbortController();
  const signals = new SignalWatch((signal) => {
    view.onStopSignal(signal);
    stop.abort();
  });
  console.whenGone(() => {
    stop.abort();
  });
  try {
    const onEvent: NonNullable<StartOptions['onEvent']> = (event) => view.onEvent(event);
    const running = await startDataflow(file, { ...start, signal: stop.signal, onEvent });
    showStart(running, options, view, console);
    signals.onSecond = () => {
      running.kill();
    };
    const result = await running.result;
    view.onResult(result);
    if (signals.forced) await Promise.race([console.flush(), sleep(FLUSH_MS, undefined, { ref: false })]);
    return { kind: 'ended', result, forced: signals.forced };
  } catch (error) {
    if (stop.signal.aborted && error === stop.signal.reason) return { kind: 'stopped' };
    showStartError(error, options, console);
    return { kind: 'refused' };
  } finally {
    signals.close();
  }
}

function showStart(running: RunningDataflow, options: SessionOptions, view: RunView, console: Console): void {
  if (!(view instanceof TextView)) return;
  view.setNames(running.nodes);
  if (!options.quiet) showDiagnostics(running.warnings, console);
}

function showStartError(error: unknown, options: SessionOptions, console: Console): void {
  if (options.json) {
    const { code = 'INTERNAL', message, hint } = error as { code?: string; message: string; hint?: string };
    const diagnostics = error instanceof DescriptorError ? { diagnostics: error.diagnostics } : {};
    console.line(JSON.stringify({ event: 'error', code, message, hint, ...diagnostics }));
  } else if (error instanceof DescriptorError) {
    showDiagnostics(error.diagnostics, console);
  } else {
    console.showError(error);
  }
}

/** On stderr. */
function showDiagnostics(diagnostics: readonly Diagnostic[], console: Console): void {
  if (diagnostics.length === 0) return;
  console.errorLine(formatDiagnostics(diagnostics, { color: console.colorErr.level > 0 }));
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
