/**
 * Writes text to stdout or stderr without ever blocking the event loop.
 *
 * Node.js writes to pipes, files and terminals synchronously on Linux: a pager that nobody scrolls, or Ctrl-S, would
 * stop this process, its signals and its broker's events with it. Here a thread of the pool waits instead; what piles
 * up meanwhile is one queue, and whoever produces a lot awaits ready(). The first text that cannot be written ends it: the
 * rest is dropped, and whoever asked is told once, whether a reader went away (`| head`) or something failed (a full disk).
 */

import { write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';

const writeAsync = promisify(write);
/** Above this many characters in the queue ready() waits. */
const HIGH_WATER = 256 * 1024;

export class FdWriter {
  readonly #fd: number;
  readonly #isTerminal: boolean;
  readonly #onGone: (failure?: Error) => void;
  #queue: string[] = [];
  #size = 0;
  #writing: Promise<void> | undefined;
  #gone = false;

  /** @param onGone called once when nobody reads any more, or with what made writing fail */
  constructor(fd: number, onGone: (failure?: Error) => void) {
    this.#fd = fd;
    // Asked now: one that was closed no longer counts as one.
    this.#isTerminal = isatty(fd);
    this.#onGone = onGone;
  }

  /** Queues text; never blocks, never throws. */
  write(text: string): void {
    if (this.#gone || text === '') return;
    this.#queue.push(text);
    this.#size += text.length;
    this.#writing ??= this.#drain();
  }

  /** Settles when there is room. */
  async ready(): Promise<void> {
    while (this.#size > HIGH_WATER && this.#writing !== undefined) await this.#writing;
  }

  /** Settles when everything was written. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async #drain(): Promise<void> {
    // The caller of write() goes on first, so that a burst of lines becomes one write.
    await Promise.resolve();
    while (this.#queue.length > 0 && !this.#gone) {
      const text = this.#queue.join('');
      this.#queue = [];
      this.#size = 0;
      await this.#writeAll(Buffer.from(text));
    }
    this.#writing = undefined;
  }

  async #writeAll(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      try {
        at += (await writeAsync(this.#fd, bytes, at, bytes.length - at)).bytesWritten;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // Somebody else made the pipe or terminal non-blocking; a poll for room is all that is left.
        if (code === 'EAGAIN') {
          await sleep(5);
          continue;
        }
        this.#gone = true;
        this.#queue = [];
        this.#size = 0;
        const isReaderGone = code === 'EPIPE' || code === 'ECONNRESET' || (code === 'EIO' && this.#isTerminal);
        this.#onGone(isReaderGone ? undefined : (error as Error));
        return;
      }
    }
  }
}
