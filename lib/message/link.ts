/**
 * What carries control messages between two parts: the contract of a carrier, and nothing about what the messages say.
 *
 * A link delivers JSON values whole, in order, each once, and never inside the call that sent them. Carriers:
 * in-process.ts (`dora run`), transport/unix-socket.ts over stream-link.ts (one machine). Each passes
 * test/unit/message/carriers.test.ts.
 */

import type { DoraError } from '../errors.js';

/** Who takes what arrives. */
export interface LinkReceiver {
  message(message: unknown): void;
  /** Called once, after the last message. `error` is absent when either end closed in order. */
  closed(error?: DoraError): void;
}

/** One end of a connection. */
export interface Link {
  /** Starts delivery. To be called once; what arrived before it waits. */
  open(receiver: LinkReceiver): void;
  /** Hands a JSON value over. After close() it does nothing. */
  send(message: unknown): void;
  /** Delivers what was sent, then ends the connection at both ends. Idempotent. */
  close(): void;
}
