/**
 * The two ends of a latency row through some other way of sending bytes between two Node.js processes: the same payload, the
 * same stamps, the same checks as in bench/nodes/ping.ts and pong.ts. A peer gives a channel; this is what is done with it.
 *
 * A payload is one buffer that is written whole for each message, as bench/nodes/ping.ts writes a loan.
 */

import { Receiver, fill, nowNs, pause, place, setting, withPauses } from '../../nodes/bench-node.js';

export interface Channel {
  /** Hands the bytes over; they may be written again when the answer has come. */
  send(data: Uint8Array): Promise<void> | void;
  /** Messages of `size` bytes, whole. */
  messages(size: number): AsyncIterable<Uint8Array>;
  close(): void;
}

export async function ping(channel: Channel): Promise<void> {
  place('BENCH_SENDER_CORE');
  const total = setting('BENCH_WARMUP') + setting('BENCH_COUNT');
  const payload = new Uint8Array(setting('BENCH_SIZE'));
  const send = async (number: number): Promise<void> => {
    const began = nowNs();
    fill(payload, number, began);
    await channel.send(payload);
  };
  let answers = 0;
  await send(0);
  for await (const answer of channel.messages(8)) {
    if (answer.byteLength !== 8) throw new Error('an answer has the wrong size');
    if (++answers === total) break;
    if (withPauses) await pause();
    await send(answers);
  }
  channel.close();
  if (answers !== total) throw new Error(`${answers} of ${total} answers came`);
}

export async function pong(channel: Channel): Promise<void> {
  place('BENCH_RECEIVER_CORE');
  const answer = new Uint8Array(8);
  const receiver = new Receiver();
  for await (const data of channel.messages(setting('BENCH_SIZE'))) {
    receiver.take(data);
    await channel.send(answer);
    if (receiver.isComplete) break;
  }
  receiver.finish();
  channel.close();
}

/** Puts messages of a known size together out of the pieces in which a stream of bytes delivers them. */
export class Assembler {
  readonly #message: Uint8Array;
  #filled = 0;

  constructor(size: number) {
    this.#message = new Uint8Array(size);
  }

  /** The messages that are complete with this piece; each is valid until the next is asked for. */
  *add(piece: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < piece.byteLength;) {
      const part = piece.subarray(at, at + this.#message.byteLength - this.#filled);
      this.#message.set(part, this.#filled);
      at += part.byteLength;
      this.#filled += part.byteLength;
      if (this.#filled < this.#message.byteLength) return;
      this.#filled = 0;
      yield this.#message;
    }
  }
}
