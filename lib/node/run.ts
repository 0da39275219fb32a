/**
 * `node.run(handlers)`: handlers instead of a loop.
 *
 * Events are given out in order. A handler that returns a promise keeps its sample alive until the promise settles and counts against `concurrency`; while
 * that many are at work no event is taken, so queues fill and their policies act. What a handler throws goes to onError, or ends run(): nothing
 * more is taken, handlers at work are waited for, then run() rejects with it.
 */

import type { AnyEvent } from './events.js';
import { END } from './events.js';
import type { Inbox } from './inbox.js';
import { LentEvent } from './sample.js';
import type { Handlers, InputEvent, RunOptions } from './types.js';
import { waitForEvent } from './wait.js';

/** What was queued as a microtask by one handler comes before the next event: one shared promise is the cheapest turn. */
const TURN: Promise<void> = Promise.resolve();

export async function runHandlers(inbox: Inbox, handlers: Handlers, options: RunOptions): Promise<void> {
  inbox.acquire('run()');
  inbox.releaseLent();
  try {
    await new Runner(inbox, handlers, options).run();
  } finally {
    inbox.free();
  }
}

class Runner {
  readonly #inbox: Inbox;
  readonly #handlers: Handlers;
  readonly #concurrency: number;
  readonly #signal: AbortSignal | undefined;
  #atWork = 0;
  #onDone: (() => void) | undefined;
  readonly #untilDone = (resolve: () => void): void => {
    this.#onDone = resolve;
  };
  #failure: { error: unknown } | undefined;

  constructor(inbox: Inbox, handlers: Handlers, options: RunOptions) {
    this.#inbox = inbox;
    this.#handlers = handlers;
    this.#concurrency = options.concurrency ?? 1;
    this.#signal = options.signal;
  }

  async run(): Promise<void> {
    try {
      for (;;) {
        await TURN;
        if (this.#failure !== undefined) break;
        this.#signal?.throwIfAborted();
        const event = this.#takeNow() ?? (await this.#wait());
        if (event.type === 'end') break;
        this.#handle(event);
        while (this.#atWork >= this.#concurrency) await new Promise<void>(this.#untilDone);
      }
    } finally {
      while (this.#atWork > 0) await new Promise<void>(this.#untilDone);
    }
    // A handler may have failed while the last ones were waited for.
    const failure = this.#failure as { error: unknown } | undefined;
    if (failure !== undefined) throw failure.error;
  }

  #takeNow(): AnyEvent | null {
    return this.#inbox.mayTakeNow() ? this.#inbox.take(undefined) : null;
  }

  async #wait(): Promise<AnyEvent> {
    const take = (): AnyEvent | null => this.#inbox.take(undefined);
    // Without timeoutMs never null.
    return (await waitForEvent(this.#inbox, undefined, { signal: this.#signal }, take)) ?? END;
  }

  #handle(event: AnyEvent): void {
    const lent = event instanceof LentEvent ? event : undefined;
    try {
      const work = this.#call(event);
      if (work === undefined) {
        lent?.release();
        return;
      }
      const place = lent === undefined ? -1 : this.#inbox.hold(lent);
      this.#atWork++;
      void this.#finish(work, event, lent, place);
    } catch (error) {
      lent?.release();
      this.#fail(error, event);
    }
  }

  async #finish(work: Promise<void>, event: AnyEvent, lent: LentEvent | undefined, place: number): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#fail(error, event);
    } finally {
      this.#atWork--;
      this.#onDone?.();
      if (lent !== undefined) this.#inbox.letGo(lent, place);
    }
  }

  #call(event: AnyEvent): void | Promise<void> {
    switch (event.type) {
      case 'input':
        return this.#inputHandler(event.id)?.(event);
      case 'inputClosed':
      case 'inputRecovered':
        return this.#handlers.inputClosed?.(event);
      case 'stop':
        return this.#handlers.stop?.(event);
      case 'error':
        throw event.error;
      case 'end':
        return undefined;
    }
  }

  /** Own keys only: an input may be named "constructor". */
  #inputHandler(id: string): ((event: InputEvent) => void | Promise<void>) | undefined {
    const { input } = this.#handlers;
    return input !== undefined && Object.hasOwn(input, id) ? input[id] : undefined;
  }

  #fail(error: unknown, event: AnyEvent): void {
    try {
      if (this.#handlers.onError === undefined) throw error;
      this.#handlers.onError(error, event);
    } catch (thrown) {
      this.#failure ??= { error: thrown };
    }
  }
}
