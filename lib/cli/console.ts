/**
 * The terminal as the commands see it: two writers, colours, and what happens when nobody reads any more or a disk is full.
 *
 * Colours follow the stream's kind, NO_COLOR and FORCE_COLOR. Commands get a Console and never touch process.stdout.
 * Results go to `out`, everything about the way there to `err`, so that a pipe gets results only.
 */

import { Chalk, supportsColor, supportsColorStderr, type ChalkInstance } from 'chalk';
import { DoraError } from '../errors.js';
import { plainLines } from '../message/plain-text.js';
import { FdWriter } from './fd-writer.js';

export class Console {
  readonly out: FdWriter;
  readonly err: FdWriter;
  /** For text that goes to stdout. */
  readonly color: ChalkInstance;
  /** For text that goes to stderr. */
  readonly colorErr: ChalkInstance;
  #onGone: (() => void) | undefined;
  #gone = false;
  #lost = false;

  constructor(out = 1, err = 2, env: NodeJS.ProcessEnv = process.env) {
    this.out = new FdWriter(out, (failure) => {
      if (failure !== undefined) {
        this.#lost = true;
        this.showError(
          new DoraError('WRITE_FAILED', `standard output is not complete, it cannot be written: ${failure.message}`),
        );
      }
      this.#gone = true;
      this.#onGone?.();
    });
    this.err = new FdWriter(err, (failure) => {
      if (failure !== undefined) this.#lost = true;
    });
    const plain = env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '';
    this.color = new Chalk({ level: plain || supportsColor === false ? 0 : supportsColor.level });
    this.colorErr = new Chalk({ level: plain || supportsColorStderr === false ? 0 : supportsColorStderr.level });
  }

  /** Whether something printed could not be written, for another reason than a reader that went away. */
  get hasLostOutput(): boolean {
    return this.#lost;
  }

  /** What to do when stdout can no longer be written (`| head`, a full disk); called at once if that is so already. */
  whenGone(action: () => void): void {
    this.#onGone = action;
    if (this.#gone) action();
  }

  line(text: string): void {
    this.out.write(`${text}\n`);
  }

  errorLine(text: string): void {
    this.err.write(`${text}\n`);
  }

  /** An error with its code and the way out. */
  showError(error: unknown): void {
    const { colorErr: c } = this;
    if (!(error instanceof DoraError)) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.errorLine(`${c.red('error')} ${c.bold('INTERNAL')}: ${text}`);
      this.errorLine(`  ${c.dim('hint:')} this is a mistake in dora-ts; please report it with this text`);
      return;
    }
    this.errorLine(`${c.red('error')} ${c.bold(error.code)}: ${plainLines(error.message)}`);
    if (error.hint !== undefined) this.errorLine(`  ${c.dim('hint:')} ${plainLines(error.hint)}`);
  }

  async flush(): Promise<void> {
    await Promise.all([this.out.flush(), this.err.flush()]);
  }
}
