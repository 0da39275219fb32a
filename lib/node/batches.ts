/**
 * `for await (const batch of node.batches())`: one promise a batch instead of one an event, for streams of small messages.
 *
 * A batch has 1 to `max` events and waits at most maxWaitMs for more once it has one. All of it is released when the next batch is asked for. An abort
 * that comes while a batch fills does not lose it: it is delivered, and the next request is rejected.
 */

import type { AnyEvent } from './events.js';
import type { Inbox, Only } from './inbox.js';
import { overtaken } from './stream.js';
import { waitForEvent } from './wait.js';

export interface BatchLimits {
  only: Only;
  max: number;
  maxWaitMs: number;
  timeoutMs: number | undefined;
  signal: AbortSignal | undefined;
}

type Batch = readonly AnyEvent[];
type Result = IteratorResult<Batch, undefined>;
const DONE: Result = { done: true, value: undefined };

export class BatchStream implements AsyncIterableIterator<Batch, undefined> {
  readonly #inbox: Inbox;
  readonly #limits: BatchLimits;
  #state: 'new' | 'open' | 'done' = 'new';

  constructor(inbox: Inbox, limits: BatchLimits) {
    this.#inbox = inbox;
    this.#limits = limits;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Result> {
    const { signal, timeoutMs, only } = this.#limits;
    if (this.#state === 'done' || this.#inbox.port.closed) return DONE;
    if (this.#state === 'new') {
      this.#inbox.acquire('a loop over batches()');
      this.#state = 'open';
    }
    if (this.#inbox.waiting) throw overtaken();
    this.#inbox.releaseLent();
    try {
      signal?.throwIfAborted();
      const batch: AnyEvent[] = [];
      const take = (): Batch | null => (this.#take(batch) ? batch : null);
      if (!this.#inbox.mayTakeNow() || take() === null) {
        const first = await waitForEvent(this.#inbox, only, { timeoutMs, signal }, take);
        if (first === null) return { done: false, value: [] };
      }
      if (this.#limits.maxWaitMs > 0) await this.#fill(batch);
      return this.#deliver(batch);
    } catch (error) {
      this.#finish();
      throw error;
    }
  }

  return(): Promise<Result> {
    this.#finish();
    return Promise.resolve(DONE);
  }

  #take(batch: AnyEvent[]): boolean {
    return this.#inbox.takeBatch(batch, this.#limits.max, this.#limits.only);
  }

  /** Waits for more until the batch is full, has something that a program should not wait for, maxWaitMs is over, or there is an abort. */
  async #fill(batch: AnyEvent[]): Promise<void> {
    const { only, max, maxWaitMs, signal } = this.#limits;
    const until = performance.now() + maxWaitMs;
    const state = { full: false };
    const isAborted = (): boolean => signal?.aborted === true;
    const more = (): Batch => {
      // Woken, and nothing could be taken: there is no room for more in this batch.
      state.full = !this.#take(batch);
      return batch;
    };
    while (!state.full && batch.length < max && batch.at(-1)?.type === 'input' && !isAborted()) {
      const timeoutMs = until - performance.now();
      if (timeoutMs <= 0) return;
      try {
        if ((await waitForEvent(this.#inbox, only, { timeoutMs, signal }, more)) === null) return;
      } catch (error) {
        if (!isAborted()) throw error;
      }
      if (this.#inbox.port.closed) return;
    }
  }

  /** The end event is not shown: the loop ends, after the events before it. */
  #deliver(batch: AnyEvent[]): Result {
    if (batch.at(-1)?.type === 'end') batch.pop();
    if (batch.length > 0) return { done: false, value: batch };
    this.#finish();
    return DONE;
  }

  #finish(): void {
    if (this.#state === 'open') {
      this.#inbox.releaseLent();
      this.#inbox.free();
    }
    this.#state = 'done';
  }
}
