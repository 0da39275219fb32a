/**
 * Publishing: send, trySend, sendSync, and sends that wait for room.
 *
 * A send is accepted at once unless a `backpressure` subscriber is full; then it waits here, one for each output, and is tried again at every
 * wake-up of the native side (the subscriber that takes a message rings the doorbell). Order is kept: nothing overtakes the send that waits.
 * Misuse throws at the call; what the world does rejects.
 */

import { DoraError } from '../errors.js';
import type { Metadata } from '../message/metadata.js';
import { Control, Flag, Limits, Status } from '../native/binding.js';
import type { Ids } from './ids.js';
import { Outgoing } from './payload.js';
import type { Port } from './port.js';
import { LONGEST_MS } from './slices.js';

/** One shared answer: an accepted send costs no promise. */
const ACCEPTED: Promise<void> = Promise.resolve();

interface Attempt {
  /** A status; throws failures, after which there is nothing to drop. */
  attempt(): number;
  /** The node is closed before there was room. */
  drop(): void;
}
/** A send that waits for room. */
interface Waiting extends Attempt {
  resolve(): void;
  reject(error: unknown): void;
}

export class Sender {
  readonly port: Port;
  readonly outputs: Ids;
  readonly outgoing: Outgoing;
  /** By output. No Map, for the reason that places.ts has. */
  readonly #waiting: (Waiting | undefined)[];
  #waitingSends = 0;

  constructor(port: Port, outputs: Ids) {
    this.port = port;
    this.outputs = outputs;
    this.outgoing = new Outgoing(port.native);
    this.#waiting = outputs.names.map(() => undefined);
  }

  get waitingSends(): number {
    return this.#waitingSends;
  }

  send(id: string, data: unknown, metadata: Metadata | undefined): Promise<void> {
    const output = this.outputs.index(id);
    const { outgoing } = this;
    if (this.port.control[Control.rested] !== 0 && isSmall(data)) this.announce(output);
    try {
      this.#expectFree(output);
      outgoing.encode(data, metadata);
      if (this.#attempt(output, outgoing.bytes, outgoing.sizeBytes, Flag.arm) === Status.ok) return ACCEPTED;
      return this.#park(output, this.#copyForLater(output));
    } catch (error) {
      if (error instanceof DoraError) return Promise.reject(error);
      throw error;
    }
  }

  /** Wakes a subscriber that sleeps while the message is made. */
  announce(output: number): void {
    this.port.control[Control.rested] = 0;
    if (this.#waitingSends === 0) this.port.native.announce(output);
  }

  trySend(id: string, data: unknown, metadata: Metadata | undefined): boolean {
    const output = this.outputs.index(id);
    if (!this.isFree(output)) return false;
    this.outgoing.encode(data, metadata);
    return this.#attempt(output, this.outgoing.bytes, this.outgoing.sizeBytes, 0) === Status.ok;
  }

  sendSync(id: string, data: unknown, metadata: Metadata | undefined, timeoutMs: number): boolean {
    const output = this.outputs.index(id);
    this.#expectFree(output);
    const { outgoing } = this;
    outgoing.encode(data, metadata);
    const { bytes, sizeBytes, encoding, metadataBytes } = outgoing;
    const { native } = this.port;
    const endMs = timeoutMs > LONGEST_MS ? performance.now() + timeoutMs : 0;
    for (
      let leftMs = timeoutMs < 0 ? Infinity : timeoutMs;
      ;
      leftMs = timeoutMs < 0 ? Infinity : endMs - performance.now()
    ) {
      const goesOn = leftMs > LONGEST_MS;
      const sliceMs = goesOn ? LONGEST_MS : leftMs === Infinity ? -1 : Math.max(leftMs, 0);
      const status = native.sendSync(output, bytes, sizeBytes, encoding, metadataBytes, sliceMs, goesOn);
      if (status !== Status.timeout || !goesOn) return status === Status.ok;
    }
  }

  /**
   * Sends a loan, with the metadata that `outgoing` holds: at once, or when there is room. `buffer` is detached before anything else. The handle is
   * gone afterwards, also when the promise rejects.
   */
  sendLoan(output: number, handle: number, buffer: ArrayBuffer, sizeBytes: number): Promise<void> {
    const { native } = this.port;
    try {
      const { metadataBytes } = this.outgoing;
      if (this.attemptLoan(handle, buffer, sizeBytes, 0, metadataBytes, Flag.arm) === Status.ok) return ACCEPTED;
      return this.#park(output, this.#waitingLoan(handle, null, sizeBytes, 0));
    } catch (error) {
      native.discardLoan(handle, null);
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a native failure
      return Promise.reject(error);
    }
  }

  /** True when no send of this output waits; one that does is tried again first. */
  isFree(output: number): boolean {
    const waiting = this.#waiting[output];
    return waiting === undefined || this.#retry(output, waiting);
  }

  /** @throws DoraError SEND_PENDING */
  #expectFree(output: number): void {
    if (this.#waitingSends > 0) this.expectFree(output);
  }

  /** @throws DoraError SEND_PENDING */
  expectFree(output: number): void {
    if (this.isFree(output)) return;
    throw new DoraError('SEND_PENDING', `a send on output "${this.outputs.names[output] ?? ''}" still waits for room`, {
      hint: 'await each send(), or use trySend(): a subscriber with `queue_policy: backpressure` is slower than this node',
    });
  }

  /** At a wake-up of the native side: there may be room. */
  retryAll(): void {
    if (this.#waitingSends === 0) return;
    for (let output = 0; output < this.#waiting.length; output++) {
      const waiting = this.#waiting[output];
      if (waiting !== undefined) this.#retry(output, waiting);
    }
  }

  /** Resolves when no send waits. */
  async settled(): Promise<void> {
    while (this.#waitingSends > 0) {
      await new Promise<void>((resolve) => {
        this.#onSettled = resolve;
      });
    }
  }
  #onSettled: (() => void) | undefined;

  /** The node is closed now: sends that wait are rejected. */
  dropAll(): void {
    for (const [output, waiting] of this.#waiting.entries()) {
      if (waiting === undefined) continue;
      this.#forget(output);
      waiting.drop();
      waiting.reject(new DoraError('ENDED', 'the node was closed while this send waited for room'));
    }
  }

  #attempt(output: number, bytes: Uint8Array | null, sizeBytes: number, flags: number): number {
    const { encoding, metadataBytes } = this.outgoing;
    const { native, control } = this.port;
    if (bytes !== null) return native.send(output, bytes, sizeBytes, encoding, metadataBytes, flags);
    control[Control.sendOutput] = output;
    control[Control.sendBytes] = sizeBytes;
    control[Control.sendEncoding] = encoding;
    control[Control.sendMetadata] = metadataBytes;
    control[Control.sendFlags] = flags;
    return native.sendScratch();
  }

  /** @throws NativeError; then nobody got it, and the handle is to be given back */
  attemptLoan(
    handle: number,
    buffer: ArrayBuffer | null,
    sizeBytes: number,
    encoding: number,
    metadataBytes: number,
    flags: number,
  ): number {
    const { native, control } = this.port;
    control[Control.handle] = handle;
    control[Control.sendBytes] = sizeBytes;
    control[Control.sendEncoding] = encoding;
    control[Control.sendMetadata] = metadataBytes;
    control[Control.sendFlags] = flags;
    return native.sendLoan(buffer);
  }

  /** The caller may reuse its memory while the send waits: small payloads wait on the heap, large ones where they will be read. */
  #copyForLater(output: number): Attempt {
    const { outgoing, port } = this;
    const { sizeBytes, encoding } = outgoing;
    if (sizeBytes > Limits.smallBytes) {
      const buffer = port.native.loan(output, sizeBytes);
      new Uint8Array(buffer).set(outgoing.ownBytes());
      return this.#waitingLoan(Number(port.control[Control.handle]), buffer, sizeBytes, encoding);
    }
    const metadata = outgoing.ownMetadata();
    const bytes = outgoing.ownBytes();
    return {
      attempt: () => {
        const size = outgoing.restoreMetadata(metadata);
        return port.native.send(output, bytes, sizeBytes, encoding, size, Flag.arm);
      },
      drop: () => {},
    };
  }

  /** `buffer`: not detached yet; kept alive until it is, or the net under lost loans would take it. */
  #waitingLoan(handle: number, buffer: ArrayBuffer | null, sizeBytes: number, encoding: number): Attempt {
    const { native } = this.port;
    const metadata = this.outgoing.ownMetadata();
    let attached = buffer;
    return {
      attempt: () => {
        const size = this.outgoing.restoreMetadata(metadata);
        try {
          const status = this.attemptLoan(handle, attached, sizeBytes, encoding, size, Flag.arm);
          attached = null;
          return status;
        } catch (error) {
          native.discardLoan(handle, attached);
          throw error;
        }
      },
      drop: () => {
        native.discardLoan(handle, attached);
      },
    };
  }

  #park(output: number, send: Attempt): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { ...send, resolve, reject };
      this.#waiting[output] = waiting;
      this.#waitingSends++;
      this.port.hold();
      // Room may have come while the copy was made.
      this.#retry(output, waiting);
    });
  }

  #forget(output: number): void {
    this.#waiting[output] = undefined;
    this.#waitingSends--;
  }

  #retry(output: number, waiting: Waiting): boolean {
    try {
      const status = waiting.attempt();
      if (status === Status.wouldBlock) return false;
      // The dataflow stops: nobody is sure to make room, and the node must come to its `stop` event.
      if (status === Status.timeout) waiting.drop();
      waiting.resolve();
    } catch (error) {
      waiting.reject(error);
    }
    this.#forget(output);
    this.port.letGo();
    if (this.#waitingSends === 0) this.#onSettled?.();
    return true;
  }
}

/** Bytes or text that are copied in less time than a wake-up takes. */
function isSmall(data: unknown): boolean {
  if (typeof data === 'string') return data.length <= Limits.smallBytes;
  return data instanceof Uint8Array && data.byteLength <= Limits.smallBytes;
}
