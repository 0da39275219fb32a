/**
 * `for await (const event of node)`: the default way to take events.
 *
 * next() is written by hand, for an async generator costs more than twice as much an event; one wait is one promise, and the stream itself is what the
 * inbox calls. The stream is the node's consumer from its first next()
 * until it ends or the loop is left (return()); then the last event is released and another consumer may begin.
 */

import { DoraError } from '../errors.js';
import type { AnyEvent } from './events.js';
import { END } from './events.js';
import type { Inbox, Waiter } from './inbox.js';

type Result = IteratorResult<AnyEvent, undefined>;

const DONE: Result = { done: true, value: undefined };

export class EventStream implements AsyncIterableIterator<AnyEvent, undefined>, Waiter {
  /** @internal */
  readonly only = undefined;
  readonly #inbox: Inbox;
  #state: 'new' | 'open' | 'done' = 'new';
  #resolve: ((result: Result) => void) | undefined;
  readonly #wait = (resolve: (result: Result) => void): void => {
    this.#resolve = resolve;
    this.#inbox.wait(this);
  };

  constructor(inbox: Inbox) {
    this.#inbox = inbox;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    const inbox = this.#inbox;
    if (this.#state !== 'open') {
      const refused = this.#begin();
      if (refused !== undefined) return refused;
    }
    if (inbox.waiting) return Promise.reject(overtaken());
    inbox.releaseLent();
    if (inbox.mayTakeNow()) {
      const event = inbox.take(undefined);
      if (event !== null) return Promise.resolve(this.#result(event));
    }
    return new Promise(this.#wait);
  }

  /** @internal */
  poll(): boolean {
    const event = this.#inbox.take(undefined);
    if (event === null) return false;
    this.#resolve?.(this.#result(event));
    return true;
  }

  /** @internal */
  onClosed(): void {
    this.#resolve?.(this.#result(END));
  }

  #result(event: AnyEvent): Result {
    if (event.type !== 'end') return { done: false, value: event };
    this.#finish();
    return DONE;
  }

  /** The loop was left. */
  return(): Promise<Result> {
    this.#finish();
    return Promise.resolve(DONE);
  }

  #begin(): Promise<Result> | undefined {
    if (this.#state === 'done' || this.#inbox.port.closed) return Promise.resolve(DONE);
    try {
      this.#inbox.acquire('a loop over the node');
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- CONSUMER_BUSY
      return Promise.reject(error);
    }
    this.#state = 'open';
    return undefined;
  }

  #finish(): void {
    if (this.#state === 'open') {
      this.#inbox.releaseLent();
      this.#inbox.free();
    }
    this.#state = 'done';
  }
}

/** next() was called again before the last one was answered: a buffering adapter sits between the node and the loop. */
export function overtaken(): DoraError {
  return new DoraError('CONSUMER_BUSY', 'the next event was asked for while the last request still waits', {
    hint: 'adapters that read ahead (Readable.from, merge, from) hold events that are released already; use node.readable(id), which copies',
  });
}
