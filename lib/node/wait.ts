/**
 * One wait for an event, with everything that can end it: an event, a timeout, an abort, close().
 *
 * Whichever comes first settles the promise and removes the others: an AbortSignal that lives for the whole program keeps no listener of a wait that is
 * over, and an abort or timeout leaves the event in its queue. Callers: recv(), batches(), run().
 */

import { END } from './events.js';
import type { Inbox, Only, Waiter } from './inbox.js';

export interface WaitLimits {
  /** undefined: for ever. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Resolves with the next event, null after timeoutMs, or END when the node was closed; rejects with signal.reason.
 * `take` takes an event or returns null; it is called at each wake-up.
 */
export function waitForEvent<E>(
  inbox: Inbox,
  only: Only,
  limits: WaitLimits,
  take: () => E | null,
): Promise<E | typeof END | null> {
  const { signal, timeoutMs } = limits;
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = (): void => {
      if (timer !== undefined) clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const onAbort = (): void => {
      inbox.cancelWait(waiter);
      settle();
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the signal's own reason, whatever it is
      reject(signal?.reason);
    };
    const waiter: Waiter = {
      only,
      poll() {
        let event: E | null;
        try {
          event = take();
        } catch (error) {
          settle();
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what take() threw
          reject(error);
          return true;
        }
        if (event === null) return false;
        settle();
        resolve(event);
        return true;
      },
      onClosed() {
        settle();
        resolve(END);
      },
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    if (timeoutMs !== undefined && timeoutMs !== Infinity) {
      timer = setTimeout(() => {
        inbox.cancelWait(waiter);
        settle();
        resolve(null);
      }, timeoutMs);
    }
    inbox.wait(waiter);
  });
}
