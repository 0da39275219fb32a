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
