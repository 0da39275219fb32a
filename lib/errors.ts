/**
 * Every failure that dora-ts reports to a program, and nothing else.
 *
 * Three kinds only: the caller's mistake is a TypeError or RangeError thrown at the call; an aborted wait rejects with
 * the signal's own reason; the world's failure is a DoraError. Switch on `code`, never on text; docs/errors.md lists
 * every code with its meaning and what to do (a test compares that page with the source).
 */

/** What a DoraError may carry beside its code and message. */
export interface DoraErrorOptions {
  /** One sentence that says what to do. */
  hint?: string | undefined;
  cause?: unknown;
}

/** The world failed: a peer died, memory ran out, a file is not there. */
export class DoraError extends Error {
  override readonly name: string = 'DoraError';
  /** Stable, upper case with underscores, listed in docs/errors.md. */
  readonly code: string;
  /** What to do about it, one sentence. */
  readonly hint?: string;

  constructor(code: string, message: string, options: DoraErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.hint !== undefined) this.hint = options.hint;
  }

  /** The form in which an error crosses a process: code, message, hint. */
  toJSON(): { code: string; message: string; hint?: string } {
    return { code: this.code, message: this.message, ...(this.hint === undefined ? {} : { hint: this.hint }) };
  }
}

/** A failed native call that has an errno: `op` is the system call or step that failed. */
export class NativeError extends DoraError {
  override readonly name = 'NativeError';
  readonly errno: number;
  readonly op: string;

  constructor(code: string, message: string, details: { errno: number; op: string } & DoraErrorOptions) {
    super(code, message, details);
    this.errno = details.errno;
    this.op = details.op;
  }
}

/** A process of a dataflow that ended in a way it should not have. */
export class ProcessError extends DoraError {
  override readonly name = 'ProcessError';
  readonly nodeId: string;
  readonly exitCode: number | null;
  readonly signal: string | null;

  constructor(
    code: string,
    message: string,
    details: { nodeId: string; exitCode: number | null; signal: string | null } & DoraErrorOptions,
  ) {
    super(code, message, details);
    this.nodeId = details.nodeId;
    this.exitCode = details.exitCode;
    this.signal = details.signal;
  }
}
