/**
 * A link over any byte stream in two directions: one JSON value a line.
 *
 * Lines are cut by split2 with an upper bound, so that a peer cannot make this process buffer without end. Who makes
 * the stream (a unix socket, a test's pair of streams) is none of its business; it ends the stream it was given.
 */

import type { Duplex } from 'node:stream';
import split2 from 'split2';
import { DoraError } from '../errors.js';
import type { Link, LinkReceiver } from './link.js';

/** UTF-16 units of one message; a plan with ten thousand operators takes two million. */
const MAX_MESSAGE = 32 * 1024 * 1024;

export class StreamLink implements Link {
  readonly #stream: Duplex;
  #receiver: LinkReceiver | undefined;
  #error: DoraError | undefined;
  #closed = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('error', (error) => {
      this.#error ??= new DoraError('CONTROL_CLOSED', `the control connection broke: ${error.message}`, {
        hint: 'The process at the other end has probably ended.',
        cause: error,
      });
    });
  }

  open(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    const lines = split2({ maxLength: MAX_MESSAGE });
    lines.on('data', (line: string) => {
      this.#take(line);
    });
    lines.on('error', () => {
      this.#break(`sent a message of more than ${MAX_MESSAGE} characters`);
    });
    // The last lines may still be on their way through split2 when the stream has closed.
    lines.once('end', () => {
      this.#finish();
    });
    if (this.#stream.destroyed) {
      lines.end();
      return;
    }
    this.#stream.once('close', () => {
      lines.end();
    });
    this.#stream.pipe(lines);
  }

  send(message: unknown): void {
    if (this.#stream.writable) this.#stream.write(`${JSON.stringify(message)}\n`);
  }

  close(): void {
    this.#stream.end();
  }

  #take(line: string): void {
    if (line === '' || this.#closed) return;
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      this.#break('sent something that is not JSON');
      return;
    }
    this.#receiver?.message(message);
  }

  #break(what: string): void {
    this.#error ??= new DoraError('CONTROL_PROTOCOL', `the other end of the control connection ${what}`, {
      hint: 'Is it a dora-ts of the same version?',
    });
    this.#stream.destroy();
    this.#finish();
  }

  #finish(): void {
    if (this.#closed || this.#receiver === undefined) return;
    this.#closed = true;
    // Our own side may still have something to deliver: a refusal.
    if (this.#error === undefined) this.#stream.end();
    this.#receiver.closed(this.#error);
  }
}
