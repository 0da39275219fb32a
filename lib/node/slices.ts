/**
 * Blocking waits of a worker thread, in slices.
 *
 * A thread that is blocked in native code cannot be terminated: worker.terminate(), and with it the end of the process, would wait for ever. So in a
 * worker a blocking call comes back to JavaScript every SLICE_MS, where a termination takes effect. The main thread blocks in one piece.
 */

import { isMainThread } from 'node:worker_threads';

const SLICE_MS = 100;

/** The longest that one native call may block this thread. */
export const LONGEST_MS = isMainThread ? Infinity : SLICE_MS;

export interface Slice {
  /** For native code: < 0 is for ever. */
  timeoutMs: number;
  /** Another slice follows when this one is over. */
  goesOn: boolean;
}

/** timeoutMs (< 0: for ever) as calls one after the other. */
export function* slices(timeoutMs: number): Generator<Slice, void> {
  const endMs = timeoutMs < 0 ? Infinity : performance.now() + timeoutMs;
  for (let leftMs = timeoutMs < 0 ? Infinity : timeoutMs; ; leftMs = endMs - performance.now()) {
    const goesOn = leftMs > LONGEST_MS;
    yield { timeoutMs: goesOn ? LONGEST_MS : leftMs === Infinity ? -1 : Math.max(leftMs, 0), goesOn };
    if (!goesOn) return;
  }
}
