/**
 * Shows a file in the desktop's own program for it, which on Linux is xdg-open's to know.
 *
 * xdg-open may end at once or only when the browser does, and a machine may have neither: what ends badly within a short
 * time is an error that says where the file lies; what still runs then is left alone. Called by commands/graph.ts.
 */

import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { DoraError } from '../errors.js';

/** A failing opener has said so by then. */
const PATIENCE_MS = 3000;

/**
 * Returns when the file is shown, as far as can be known.
 * @param file an absolute path
 * @throws DoraError OPEN_FAILED
 */
export async function openFile(file: string): Promise<void> {
  const opener = spawn('xdg-open', [file], { stdio: 'ignore', detached: true });
  const ended = new Promise<string | undefined>((resolve) => {
    opener.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ENOENT' ? 'the program xdg-open is not installed' : error.message);
    });
    opener.once('exit', (code, signal) => {
      resolve(code === 0 ? undefined : `xdg-open ended with ${signal ?? `exit code ${String(code)}`}`);
    });
  });
  const timer = new AbortController();
  const reason = await Promise.race([ended, sleep(PATIENCE_MS, undefined, { signal: timer.signal })]);
  timer.abort();
  opener.unref();
  if (reason === undefined) return;
  throw new DoraError('OPEN_FAILED', `${file} is written and could not be shown: ${reason}`, {
    hint: 'Open the file in a browser; on Debian and Ubuntu the package xdg-utils has xdg-open.',
  });
}
