/**
 * The node's clock. All time a node sees goes through it, so that a dataflow can run on simulated time.
 *
 * nowNs() is the hybrid logical clock that stamps messages: wall time that never goes back and
 * is later than anything received.
 */

import type { Port } from './port.js';

export class Clock {
  readonly #port: Port;

  constructor(port: Port) {
    this.#port = port;
  }

  /** Nanoseconds since 1970. @throws TypeError on a closed node */
  nowNs(): bigint {
    return this.#port.native.nowNs();
  }

  /** Resolves after `ms`; rejects with signal.reason, unchanged. */
  sleep(ms: number, options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        clearTimeout(timer);
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the signal's own reason, whatever it is
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
