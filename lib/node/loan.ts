/**
 * A loan: memory of an output to write into, published without a copy.
 *
 * send() detaches every view before it publishes, so that nothing can be written under the readers. A loan that is neither sent nor discarded holds a slot
 * of the output; `using` gives it back, and so does the garbage collector as a net, with a warning: the native side watches the loan's buffer, which the
 * loan and every view of it keep alive, and counts what it had to give back (Control.leakedLoans). Closing the node detaches what is left.
 */

import { markAsUntransferable } from 'node:worker_threads';
import { DoraError } from '../errors.js';
import type { Metadata } from '../message/metadata.js';
import { Control, Status } from '../native/binding.js';
import type { Sender } from './sender.js';
import type { Loan } from './types.js';

const MAX_SIZE = 2 ** 32 - 1;

/** Makes the loans of one node. */
export class Loans {
  readonly #sender: Sender;
  #warned = false;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  /** @throws TypeError unknown output; RangeError; DoraError SHM_EXHAUSTED, TOO_LARGE, ENDED */
  loan(id: string, sizeBytes: number): Loan {
    const output = this.#sender.outputs.index(id);
    if (!Number.isInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > MAX_SIZE) {
      throw new RangeError(`a loan has 0 to ${MAX_SIZE} bytes, not ${String(sizeBytes)}`);
    }
    const { native, control } = this.#sender.port;
    const buffer = native.loan(output, sizeBytes);
    markAsUntransferable(buffer);
    return new OutputLoan(this.#sender, output, control[Control.handle] ?? 0, buffer, sizeBytes);
  }

  /** At a wake-up of the native side. */
  reportLeaks(): void {
    const { control } = this.#sender.port;
    if (control[Control.leakedLoans] === 0) return;
    control[Control.leakedLoans] = 0;
    if (this.#warned) return;
    this.#warned = true;
    process.emitWarning(
      'a loan was neither sent nor discarded; the garbage collector found it. Hold loans by `using`',
      {
        type: 'DoraWarning',
        code: 'DORA_LOAN_LEAK',
      },
    );
  }
}

class OutputLoan implements Loan {
  readonly #sender: Sender;
  readonly #output: number;
  readonly #handle: number;
  readonly #capacity: number;
  #buffer: ArrayBuffer;
  #view: Uint8Array | undefined;
  #size: number;
  #state: 'open' | 'sent' | 'discarded' = 'open';

  constructor(sender: Sender, output: number, handle: number, buffer: ArrayBuffer, sizeBytes: number) {
    this.#sender = sender;
    this.#output = output;
    this.#handle = handle;
    this.#buffer = buffer;
    this.#capacity = this.#size = sizeBytes;
  }

  get data(): Uint8Array {
    this.#expectOpen();
    return (this.#view ??= new Uint8Array(this.#buffer, 0, this.#size));
  }

  get sizeBytes(): number {
    return this.#size;
  }

  resize(sizeBytes: number): void {
    this.#expectOpen();
    if (!Number.isInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > this.#capacity) {
      throw new RangeError(
        `a loan of ${this.#capacity} bytes cannot be resized to ${String(sizeBytes)}; it can only become smaller`,
      );
    }
    this.#size = sizeBytes;
    this.#view = undefined;
  }

  send(metadata?: Metadata): Promise<void> {
    this.#expectOpen();
    this.#sender.outputs.expectHere(this.#output);
    if (this.#sender.port.control[Control.rested] !== 0) this.#sender.announce(this.#output);
    try {
      this.#sender.expectFree(this.#output);
      this.#sender.outgoing.encodeMetadata(metadata);
    } catch (error) {
      if (error instanceof DoraError) return Promise.reject(error);
      throw error;
    }
    this.#leave('sent');
    return this.#sender.sendLoan(this.#output, this.#handle, this.#buffer, this.#size);
  }

  trySend(metadata?: Metadata): boolean {
    this.#expectOpen();
    this.#sender.outputs.expectHere(this.#output);
    const { port, outgoing } = this.#sender;
    // Only this thread adds messages: room that is seen stays. Without it nothing is detached.
    if (!this.#sender.isFree(this.#output) || !port.native.hasRoom(this.#output)) return false;
    outgoing.encodeMetadata(metadata);
    let status: number = Status.wouldBlock;
    try {
      status = this.#sender.attemptLoan(this.#handle, this.#buffer, this.#size, 0, outgoing.metadataBytes, 0);
    } finally {
      if (status === Status.ok) this.#leave('sent');
      else this.#reopen();
    }
    return status === Status.ok;
  }

  /** The loan is still the caller's: its memory gets a view again. */
  #reopen(): void {
    this.#buffer = this.#sender.port.native.loanView(this.#handle);
    this.#view = undefined;
    markAsUntransferable(this.#buffer);
  }

  discard(): void {
    if (this.#state !== 'open') return;
    this.#leave('discarded');
    // Closing the node has given it back already.
    if (!this.#sender.port.closed) this.#sender.port.native.discardLoan(this.#handle, this.#buffer);
  }

  [Symbol.dispose](): void {
    this.discard();
  }

  #leave(state: 'sent' | 'discarded'): void {
    this.#state = state;
    this.#view = undefined;
  }

  #expectOpen(): void {
    if (this.#state === 'open' && !this.#sender.port.closed) return;
    throw new TypeError(
      this.#state === 'sent'
        ? 'this loan was sent: its memory belongs to the subscribers now. Take a new loan for each message'
        : 'this loan was discarded, or its node closed. Take a new loan for each message',
    );
  }
}
