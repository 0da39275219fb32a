/**
 * `dora build FILE`: what `dora run` does before the start, and no more: the `build:` commands of a dataflow, in order.
 *
 * Exit codes: 0 everything was built and is there; 1 a command failed or the file has mistakes; 130 the build was
 * interrupted, so that `dora build && …` goes no further. The building itself is the daemon's, the same as of `dora run`.
 */

import type { DataflowSummary } from '../../message/report.js';
import type { Console } from '../console.js';
import { formatDuration } from '../duration.js';
import type { RunEvent } from '../run-api.js';
import { watchDataflow } from '../run-session.js';
import { formatFailure } from '../run-summary.js';
import { JsonView, TextView } from '../run-view.js';

/** The command line's options, checked. */
export interface BuildCommandOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly envFile: readonly string[];
  readonly json: boolean;
  readonly quiet: boolean;
  readonly release: boolean;
}

const INTERRUPTED = 130;
/** From SIGTERM to SIGKILL for a command that does not end on Ctrl-C. */
const KILL_TIMEOUT_MS = 5000;

export async function buildCommand(file: string, options: BuildCommandOptions, console: Console): Promise<number> {
  const view = options.json ? new JsonView(console) : new BuildView(console, options.quiet);
  const { env, envFile, release } = options;
  const start = { buildOnly: true, build: true, env, envFile, release, killTimeoutMs: KILL_TIMEOUT_MS };
  const end = await watchDataflow(file, start, options, view, console);
  switch (end.kind) {
    case 'ended':
      return end.forced || end.result.reason === 'stopped' ? INTERRUPTED : end.result.ok ? 0 : 1;
    case 'refused':
      return 1;
    case 'stopped':
      return INTERRUPTED;
  }
}

/** As for a run; the end is a sentence instead of a table. */
class BuildView extends TextView {
  #commands = 0;

  override async onEvent(event: RunEvent): Promise<void> {
    if (event.event === 'buildStarted') this.#commands += 1;
    await super.onEvent(event);
  }

  override onResult(result: DataflowSummary): void {
    if (result.failure !== undefined) {
      this.console.errorLine(`\n${formatFailure(result.failure, this.console.colorErr)}`);
    } else if (result.reason === 'stopped') {
      this.note('the build was interrupted');
    } else if (!this.quiet) {
      const commands = `${this.#commands} command${this.#commands === 1 ? '' : 's'}`;
      this.note(
        this.#commands === 0 ? 'nothing to build' : `built: ${commands} in ${formatDuration(result.durationMs)}`,
      );
    }
  }
}
