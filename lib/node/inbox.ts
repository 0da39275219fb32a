/**
 * Taking: who may, what is lent, and the one wait that the native side knows of.
 *
 * One consumer at a time takes from the general stream; a claim (readable()) takes one input out of it and has its own turn. Every wake-up of the native side
 * ends in wake(): claims first, then the waiting consumer. Nothing is taken ahead of what was asked for, so queue sizes, drop_oldest and backpressure mean
 * what the dataflow file says, and a wait that ends by abort or timeout has taken nothing.
 *
 * Fairness: promises that are resolved at once starve the event loop. A consumer takes at most RUN_EVENTS events, or for about RUN_MS, before it must go
 * through the loop once (mayTakeNow), where timers and I/O have their turn.
 */

/* eslint-disable @typescript-eslint/no-non-null-assertion -- words of the control array, all inside it */
import { DoraError } from '../errors.js';
import { Control, Flag, Limits, Waiting } from '../native/binding.js';
import type { AnyEvent } from './events.js';
import { END, readEvent } from './events.js';
import { Places } from './places.js';
import type { Port } from './port.js';
import { LentEvent } from './sample.js';

const RUN_EVENTS = 512;
const RUN_MS = 4;
const MASK_WORDS = Control.takeMask - Control.sleepMask;

/** Indices of the inputs that a wait is for; undefined: all. */
export type Only = readonly number[] | undefined;

/** A consumer that waits. */
export interface Waiter {
  readonly only: Only;
  /** Something may have come: take it and return true, or go on waiting. */
  poll(): boolean;
  /** The node was closed. */
  onClosed(): void;
}

/** One input that left the general stream. */
export interface Claim {
  readonly input: number;
  /** Wants an event now. */
  wanting: boolean;
  onEvent(event: AnyEvent): void;
}

export class Inbox {
  readonly port: Port;
  #consumer: string | undefined;
  #waiter: Waiter | undefined;
  /** What is released when the next event is asked for. */
  #lent: LentEvent | undefined;
  #lentBatch: readonly AnyEvent[] | undefined;
  /** Records that the native side has filled since its last drain from the start. */
  #drained = 0;
  readonly #held = new Places<LentEvent>();
  /** Control events that a claim met on its way. */
  readonly #control: AnyEvent[] = [];
  readonly #claims = new Map<number, Claim>();
  #runEvents = 0;
  #runStartMs = 0;

  constructor(port: Port) {
    this.port = port;
  }

  // ---- one consumer ----------------------------------------------------------------------------------------------

  /** @throws DoraError CONSUMER_BUSY */
  acquire(what: string): void {
    if (this.#consumer !== undefined) {
      throw new DoraError('CONSUMER_BUSY', `${what} cannot take events while ${this.#consumer} does`, {
        hint: 'one consumer at a time: leave the loop or await the call before; a loop can hold events by retain(), and readable() takes one input out of it',
      });
    }
    this.#consumer = what;
  }

  free(): void {
    this.#consumer = undefined;
    this.#runEvents = 0;
  }

  get waiting(): boolean {
    return this.#waiter !== undefined;
  }

  // ---- taking ------------------------------------------------------------------------------------------------------

  /** Ends the loan of what was given out last. */
  releaseLent(): void {
    const lent = this.#lent;
    if (lent !== undefined) {
      this.#lent = undefined;
      lent.release();
    }
    if (this.#lentBatch !== undefined) this.#releaseBatch();
  }

  #releaseBatch(): void {
    const batch = this.#lentBatch!;
    this.#lentBatch = undefined;
    for (const event of batch) if (event instanceof LentEvent) event.release();
  }

  /** The next event, or null when there is none. The caller has released the last, or keeps it alive by hold() and letGo(). */
  take(only: Only): AnyEvent | null {
    for (;;) {
      if (this.#control.length > 0) return this.#control.shift()!;
      const { native } = this.port;
      const taken =
        only === undefined && this.#claims.size === 0
          ? native.takeOne()
          : native.drain(1, this.#mask(Control.takeMask, only, undefined));
      if (taken === 0) return null;
      const event = this.#route(readEvent(this.port, 0));
      if (event instanceof LentEvent) this.#lent = event;
      if (event !== null) return event;
    }
  }

  /** Keeps an event alive across other takes, until letGo() or close(). Returns what letGo() wants to know. */
  hold(event: LentEvent): number {
    event.keep();
    return this.#held.add(event);
  }

  letGo(event: LentEvent, place: number): void {
    this.#held.remove(event, place);
    event.release();
  }

  /** Appends up to `max` events in all to `batch`; true when there were new ones. The batch is lent from now on. */
  takeBatch(batch: AnyEvent[], max: number, only: Only): boolean {
    const before = batch.length;
    this.#lentBatch = batch;
    while (this.#control.length > 0 && batch.length < max) batch.push(this.#control.shift()!);
    let first = before === 0 ? 0 : this.#drained;
    const masked = only === undefined && this.#claims.size === 0 ? 0 : this.#mask(Control.takeMask, only, undefined);
    const room = Math.min(max - batch.length, Limits.records - first);
    if (room > 0) {
      this.#drained = this.port.native.drain(room, masked | (first > 0 ? Flag.append : 0));
      for (; first < this.#drained; first++) {
        const event = this.#route(readEvent(this.port, first));
        if (event !== null) batch.push(event);
      }
    }
    return batch.length > before;
  }

  /** Blocks the thread. `once`: come back after any wake-up. */
  takeBlocking(timeoutMs: number, spinUs: number, only: Only, once: boolean): AnyEvent | null {
    if (this.#control.length > 0) return this.take(only);
    let flags = only === undefined && this.#claims.size === 0 ? 0 : this.#mask(Control.takeMask, only, undefined);
    if (once) flags |= Flag.once;
    if (this.port.native.recvSync(timeoutMs, spinUs, flags) === 0) return null;
    const event = this.#route(readEvent(this.port, 0));
    if (event instanceof LentEvent) this.#lent = event;
    return event;
  }

  /** False when the consumer has had its run and must go through the event loop: wait() then comes back in its next turn. */
  mayTakeNow(): boolean {
    const now = this.port.control[Control.clockMs]!;
    if (this.#runEvents++ === 0) this.#runStartMs = now;
    if (this.#runEvents <= RUN_EVENTS && now - this.#runStartMs < RUN_MS) return true;
    this.port.control[Control.yield] = 1;
    return false;
  }

  /** What a claim's input has to say goes to the claim. Null: not for the general stream. */
  #route(event: AnyEvent): AnyEvent | null {
    if (event instanceof LentEvent) return event;
    if (event.type === 'end') {
      for (const claim of this.#claims.values()) claim.onEvent(event);
      return event;
    }
    if (this.#claims.size === 0 || (event.type !== 'inputClosed' && event.type !== 'inputRecovered')) return event;
    const claim = this.#claims.get(this.port.inputIds.indexOf(event.id));
    if (claim === undefined) return event;
    claim.onEvent(event);
    return null;
  }

  // ---- waiting -----------------------------------------------------------------------------------------------------

  wait(waiter: Waiter): void {
    this.#waiter = waiter;
    this.#runEvents = 0;
    this.#tellNative();
  }

  /** The wait is over by other means: timeout, abort. */
  cancelWait(waiter: Waiter): void {
    if (this.#waiter !== waiter) return;
    this.#waiter = undefined;
    this.#tellNative();
  }

  /** The native side woke up. */
  wake(): void {
    this.#runEvents = 0;
    if (this.#claims.size > 0) this.#serveAll();
    this.#pollWaiter();
  }

  #serveAll(): void {
    for (const claim of this.#claims.values()) if (claim.wanting) this.#serve(claim);
  }

  #pollWaiter(): void {
    const waiter = this.#waiter;
    if (waiter?.poll() !== true || this.#waiter !== waiter) return;
    this.#waiter = undefined;
    this.#tellNative();
  }

  /** Nothing more comes: whoever waits hears of it. */
  close(): void {
    this.releaseLent();
    for (const event of this.#held.all()) event.release();
    const waiter = this.#waiter;
    this.#waiter = undefined;
    for (const claim of [...this.#claims.values()]) claim.onEvent(END);
    this.#claims.clear();
    waiter?.onClosed();
  }

  #tellNative(): void {
    const { control } = this.port;
    const waiter = this.#waiter;
    // Most nodes have no claims, and go through here twice a message.
    if (this.#claims.size === 0 && waiter?.only === undefined) {
      control[Control.waiting] = waiter === undefined ? Waiting.nobody : Waiting.all;
      if (waiter !== undefined) this.port.keepAlive();
      return;
    }
    let wanting = false;
    for (const claim of this.#claims.values()) wanting ||= claim.wanting;
    if (waiter === undefined && !wanting) {
      control[Control.waiting] = Waiting.nobody;
      return;
    }
    this.port.keepAlive();
    this.#mask(Control.sleepMask, waiter === undefined ? [] : waiter.only, true);
    control[Control.waiting] = Waiting.masked;
  }

  /** Writes a mask: `only`, or all that is not claimed; with `wanting` also the inputs of claims that want something. */
  #mask(at: number, only: Only, wanting: true | undefined): number {
    const { control } = this.port;
    const set = (input: number): void => {
      control[at + (input >> 5)]! |= 1 << (input & 31);
    };
    if (only === undefined) {
      control.fill(-1, at, at + MASK_WORDS);
      for (const input of this.#claims.keys()) control[at + (input >> 5)]! &= ~(1 << (input & 31));
    } else {
      control.fill(0, at, at + MASK_WORDS);
      for (const input of only) if (!this.#claims.has(input)) set(input);
    }
    if (wanting) for (const claim of this.#claims.values()) if (claim.wanting) set(claim.input);
    return Flag.masked;
  }

  // ---- claims ------------------------------------------------------------------------------------------------------

  /** Takes an input out of the general stream. @throws DoraError CONSUMER_BUSY when it is taken out already */
  claim(claim: Claim, what: string): void {
    if (this.#claims.has(claim.input)) {
      throw new DoraError('CONSUMER_BUSY', `${what}: this input was taken out of the stream already`, {
        hint: 'cancel the other reader first, or tee() its stream',
      });
    }
    this.#claims.set(claim.input, claim);
    this.#tellNative();
  }

  /** @throws DoraError CONSUMER_BUSY while a claim has this input */
  expectUnclaimed(input: number): void {
    if (!this.#claims.has(input)) return;
    throw new DoraError('CONSUMER_BUSY', `readable() has input "${this.port.inputIds[input] ?? ''}"`, {
      hint: 'cancel its stream before the input is shared',
    });
  }

  unclaim(claim: Claim): void {
    if (this.#claims.get(claim.input) !== claim) return;
    this.#claims.delete(claim.input);
    this.#tellNative();
  }

  /** The claim wants one event: now, or when it comes. */
  demand(claim: Claim): void {
    claim.wanting = true;
    if (this.mayTakeNow()) this.#serve(claim);
    if (this.#control.length > 0) this.#pollWaiter();
    this.#tellNative();
  }

  #serve(claim: Claim): void {
    // The drain below writes over the slab: what is lent from it becomes independent.
    this.#lent?.keep();
    for (const event of this.#lentBatch ?? []) if (event instanceof LentEvent) event.keep();
    while (claim.wanting && !this.port.closed) {
      this.#drained = this.port.native.drain(1, this.#mask(Control.takeMask, [], true));
      if (this.#drained === 0) return;
      const event = readEvent(this.port, 0);
      if (event instanceof LentEvent) {
        // The mask had every claim that wants something.
        this.#claims.get(event.input)!.onEvent(event);
        continue;
      }
      const rest = this.#route(event);
      if (rest?.type === 'end') return;
      if (rest !== null) this.#control.push(rest);
    }
  }
}
