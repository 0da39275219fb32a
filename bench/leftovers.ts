/**
 * Nothing is left behind, however the benchmark ends: temporary folders and processes that are in use are known here, and are taken
 * away when it exits, also after an error that nobody caught.
 *
 * The first Ctrl-C (or SIGTERM, or the end of the terminal) aborts `interrupted`: what is running is stopped in order, and nothing is
 * printed. A second one exits at once. The exit code is 128 plus the signal's number, as shells have it.
 */

import { constants } from 'node:os';

const controller = new AbortController();
const cleanups = new Set<() => void>();

/** Aborted by the first signal that asks for an end. */
export const interrupted: AbortSignal = controller.signal;

/** Runs `clean` when the process exits, unless the function that it returns was called before. */
export function onExit(clean: () => void): () => void {
  cleanups.add(clean);
  return () => cleanups.delete(clean);
}

/** Called once by the program, never by a test. */
export function watchSignals(): void {
  process.on('exit', () => {
    for (const clean of cleanups) clean();
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (interrupted.aborted) process.exit(exitCodeOf(signal));
      process.exitCode = exitCodeOf(signal);
      controller.abort(new Error(`interrupted by ${signal}`));
    });
  }
}

function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
