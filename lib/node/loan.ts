/**
 * A loan: memory of an output to write into, published without a copy.
 *
 * send() detaches every view before it publishes, so that nothing can be written under the readers. A loan that is neither sent nor discarded holds a slot
 * of the output; `using` gives it back, and so does the garbage collector as a net, with a warning.
 */

import { DoraError } from '../errors.js';
import type { Metadata } from '../message/metadata.js';
import { Control, Status } from '../native/binding.js';
import type { Sender } from './sender.js';
import type { Loan } from './types.js';

const MAX_SIZE = 2 ** 32 - 1;

/** Loans of one node that are neither sent nor discarded. */
export class Loans {
  readonly #sender: Sender;
  readonly #open = new Map<number, WeakRef<OutputLoan>>();
  #warned = false;
  readonly #leaks = new FinalizationRegistry<number>((handle) => {
    this.#onLeak(handle);
  });

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
    const handle = Number(control[Control.handle]);
    const loan = new OutputLoan(this, this.#sender, output, handle, buffer, sizeBytes);
    this.#open.set(handle, new WeakRef(loan));
    this.#leaks.register(loan, handle, loan);
    return loan;
  }

  /** @internal */
  forget(loan: OutputLoan, handle: number): void {
    this.#open.delete(handle);
    this.#leaks.unregister(loan);
  }

  discardAll(): void {
    for (const reference of [...this.#open.values()]) reference.deref()?.discard();
    this.#open.clear();
  }

  #onLeak(handle: number): void {
    const { port } = this.#sender;
    if (!this.#open.delete(handle) || port.closed) return;
    port.native.discardLoan(handle, null);
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

/** See Loan. Its views keep it alive, so that the net never takes memory that is still written to. */
const loanOfBuffer = new WeakMap<ArrayBuffer, OutputLoan>();

class OutputLoan implements Loan {
  readonly #loans: Loans;
  readonly #sender: Sender;
  readonly #output: number;
  readonly #handle: number;
  readonly #capacity: number;
  #buffer: ArrayBuffer;
  #view: Uint8Array | undefined;
  #size: number;
  #state: 'open' | 'sent' | 'discarded' = 'open';

  constructor(loans: Loans, sender: Sender, output: number, handle: number, buffer: ArrayBuffer, sizeBytes: number) {
    this.#loans = loans;
    this.#sender = sender;
    this.#output = output;
    this.#handle = handle;
    this.#buffer = buffer;
    this.#capacity = this.#size = sizeBytes;
    loanOfBuffer.set(buffer, this);
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
    const { port, outgoing } = this.#sender;
    // Only this thread adds messages: room that is seen stays. Without it nothing is detached.
    if (!this.#sender.isFree(this.#output) || !port.native.hasRoom(this.#output)) return false;
    outgoing.encodeMetadata(metadata);
    let status: number = Status.wouldBlock;
    try {
      status = port.native.sendLoan(this.#handle, this.#buffer, this.#size, 0, outgoing.metadataBytes, 0);
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
    loanOfBuffer.set(this.#buffer, this);
  }

  discard(): void {
    if (this.#state !== 'open') return;
    this.#leave('discarded');
    if (!this.#sender.port.closed) this.#sender.port.native.discardLoan(this.#handle, this.#buffer);
  }

  [Symbol.dispose](): void {
    this.discard();
  }

  #leave(state: 'sent' | 'discarded'): void {
    this.#state = state;
    this.#view = undefined;
    this.#loans.forget(this, this.#handle);
  }

  #expectOpen(): void {
    if (this.#state === 'open') return;
    throw new TypeError(
      this.#state === 'sent'
        ? 'this loan was sent: its memory belongs to the subscribers now. Take a new loan for each message'
        : 'this loan was discarded, or its node closed. Take a new loan for each message',
    );
  }
}
