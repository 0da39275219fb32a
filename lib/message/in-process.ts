/**
 * The carrier inside one process: two queues and the microtask queue.
 *
 * Values are handed over as they are, not copied: the session's schemas make new objects of what they accept. Delivery
 * is always asynchronous, so a receiver is never entered from inside its own call, exactly as over a socket.
 */

import type { Link, LinkReceiver } from './link.js';

/** Two links, each the other's far end. */
export function linkInProcess(): [Link, Link] {
  const first = new InProcessLink();
  const second = new InProcessLink();
  first.peer = second;
  second.peer = first;
  return [first, second];
}

class InProcessLink implements Link {
  peer: InProcessLink | undefined;
  #receiver: LinkReceiver | undefined;
  #queue: unknown[] = [];
  #scheduled = false;
  /** `ending`: nothing more is accepted, what is queued is still delivered. */
  #state: 'open' | 'ending' | 'closed' = 'open';

  open(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    this.#schedule();
  }

  send(message: unknown): void {
    if (this.#state === 'open') this.peer?.accept(message);
  }

  close(): void {
    if (this.#state !== 'open') return;
    this.end();
    this.peer?.end();
  }

  /** Called by the far end. */
  accept(message: unknown): void {
    if (this.#state !== 'open') return;
    this.#queue.push(message);
    this.#schedule();
  }

  /** Called by either end: no more messages after those in the queue. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#receiver === undefined) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const receiver = this.#receiver;
    if (receiver === undefined || this.#state === 'closed') return;
    const messages = this.#queue;
    this.#queue = [];
    for (const message of messages) receiver.message(message);
    if (this.#queue.length > 0) {
      this.#schedule();
    } else if (this.#state === 'ending') {
      this.#state = 'closed';
      receiver.closed();
    }
  }
}
