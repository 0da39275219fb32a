/**
 * `dora run FILE`: builds, starts and watches a dataflow until it ends, then says how.
 *
 * Exit codes: 0 the dataflow ended or was stopped in order; 1 it could not start, or a node failed; 130 a second Ctrl-C
 * ended it by force. SIGTERM and a closed terminal (SIGHUP) are as Ctrl-C; so is the end of whoever reads our output.
 */

import type { Console } from '../console.js';
import type { StartOptions } from '../run-dataflow.js';
import { watchDataflow } from '../run-session.js';
import { JsonView, TextView } from '../run-view.js';

/** The command line's options, checked. Times in milliseconds. */
export interface RunCommandOptions {
  readonly allowShellNodes?: boolean;
  readonly build: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly envFile: readonly string[];
  readonly json: boolean;
  readonly quiet: boolean;
  readonly release: boolean;
  readonly stopAfter?: number;
  readonly stopTimeout: number;
  readonly killTimeout: number;
}

const FORCED = 130;

export async function runCommand(file: string, options: RunCommandOptions, console: Console): Promise<number> {
  const view = options.json ? new JsonView(console) : new TextView(console, options.quiet);
  const start: StartOptions = {
    build: options.build,
    env: options.env,
    envFile: options.envFile,
    release: options.release,
    stopTimeoutMs: options.stopTimeout,
    killTimeoutMs: options.killTimeout,
    ...(options.allowShellNodes === undefined ? {} : { allowShellNodes: options.allowShellNodes }),
    ...(options.stopAfter === undefined ? {} : { stopAfterMs: options.stopAfter }),
  };
  const end = await watchDataflow(file, start, options, view, console);
  switch (end.kind) {
    case 'ended':
      return end.forced ? FORCED : end.result.ok ? 0 : 1;
    case 'refused':
      return 1;
    case 'stopped':
      return 0;
  }
}
