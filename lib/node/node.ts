/**
 * Node: a process's place in a dataflow, as its author uses it. The facade of lib/node: checks arguments, then hands over.
 *
 * Misuse (unknown id, closed node, wrong option) is a TypeError or RangeError thrown at the call; what the world does is a DoraError; an aborted wait
 * rejects with the signal's reason. What a taken event lives for, and who may take, is told in inbox.ts; what a send waits for, in sender.ts.
 */

import type { ReadableStream } from 'node:stream/web';
import type { Metadata } from '../message/metadata.js';
import { Limits } from '../native/binding.js';
import { BatchStream } from './batches.js';
import { Clock } from './clock.js';
import type { AnyEvent } from './events.js';
import type { Only } from './inbox.js';
import { Logger } from './logger.js';
import { Membership, connectNative, setV8Flags } from './membership.js';
import { makeReadable } from './readable.js';
import type { ReadableMessage } from './readable.js';
import { runHandlers } from './run.js';
import { makeShare } from './share.js';
import type { NodeShare, ShareOptions, SharedIo } from './share.js';
import { LONGEST_MS } from './slices.js';
import { EventStream } from './stream.js';
import type {
  BatchOptions,
  ConnectOptions,
  Event,
  Handlers,
  Id,
  InputState,
  Io,
  Loan,
  OutputState,
  Payload,
  RunOptions,
  WaitOptions,
} from './types.js';
import { waitForEvent } from './wait.js';

export class Node<I extends Io = Io> implements AsyncDisposable, AsyncIterable<Event<I>> {
  /** The node's id in the dataflow file. */
  readonly id: string;
  /** How often this node was started again in this run of the dataflow; 0: never. */
  readonly restartCount: number;
  readonly inputs: ReadonlyMap<Id<I['inputs']>, InputState>;
  readonly outputs: ReadonlyMap<Id<I['outputs']>, OutputState>;
  readonly clock: Clock;
  /** Lines on stderr with level and fields; console.log also works. */
  readonly log: Logger;
  readonly #member: Membership;
  readonly #spinUs: number;

  private constructor(member: Membership, spinUs: number) {
    const { info } = member.port.native;
    this.#member = member;
    this.#spinUs = spinUs;
    this.id = info.id;
    this.restartCount = info.restartCount;
    this.inputs = member.inputFigures as ReadonlyMap<string, InputState> as typeof this.inputs;
    this.outputs = member.outputFigures as ReadonlyMap<string, OutputState> as typeof this.outputs;
    this.clock = new Clock(member.port);
    this.log = new Logger();
  }

  /**
   * Joins the dataflow that started this process (DORA_NODE_CONFIG) and resolves when all its nodes have joined, so that no first message is
   * lost. One node a process; worker threads take over parts of it by `parent`, which is what share() gave. It keeps the process alive while
   * something waits for an event or for room to send; a process that ends with exit code 0 leaves as by close().
   * @throws DoraError NOT_IN_DATAFLOW, JOIN_REFUSED, VERSION_MISMATCH, ALREADY_CONNECTED, ADDON_MISSING; with `parent` NOT_A_WORKER, PARENT_NOT_CONNECTED,
   * PARENT_CLOSED, SHARE_IN_USE
   */
  static async connect<I extends Io = Io>(options: ConnectOptions<I> = {}): Promise<Node<I>> {
    const spinUs = duration('spinUs', options.spinUs) ?? 0;
    options.signal?.throwIfAborted();
    const isPart = options.parent !== undefined;
    if (!isPart) await setV8Flags();
    const native = connectNative(options.parent);
    const member = new Membership(native, { spinUs, strict: process.env['DORA_RELEASE'] !== '1', isPart });
    await member.started(options.signal);
    return new Node<I>(member, spinUs);
  }

  // ---- taking: one consumer at a time; a second is DoraError CONSUMER_BUSY ----------------------------------------

  /** Events until the end of the dataflow. Each is released when the next is asked for, or the loop is left. */
  [Symbol.asyncIterator](): AsyncIterator<Event<I>, undefined> {
    return new EventStream(this.#member.inbox) as unknown as AsyncIterator<Event<I>, undefined>;
  }

  /**
   * The next event; null when timeoutMs is over. The event before it is released.
   * @throws TypeError unknown input, closed node. Rejects: DoraError CONSUMER_BUSY; signal.reason
   */
  recv(options: WaitOptions<I> = {}): Promise<Event<I> | null> {
    const { inbox } = this.#open();
    const only = this.#only(options.only);
    const timeoutMs = duration('timeoutMs', options.timeoutMs);
    return this.#recv(inbox, only, timeoutMs, options.signal) as Promise<Event<I> | null>;
  }

  async #recv(
    inbox: Membership['inbox'],
    only: Only,
    timeoutMs: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<AnyEvent | null> {
    inbox.acquire('recv()');
    try {
      inbox.releaseLent();
      signal?.throwIfAborted();
      const take = (): AnyEvent | null => inbox.take(only);
      if (timeoutMs === 0) return take();
      const event = inbox.mayTakeNow() ? take() : null;
      return event ?? (await waitForEvent(inbox, only, { timeoutMs, signal }, take));
    } finally {
      inbox.free();
    }
  }

  /** The next event if there is one now. @throws TypeError unknown input, closed node; DoraError CONSUMER_BUSY */
  tryRecv(options: Pick<WaitOptions<I>, 'only'> = {}): Event<I> | null {
    const { inbox } = this.#open();
    const only = this.#only(options.only);
    inbox.acquire('tryRecv()');
    try {
      inbox.releaseLent();
      return inbox.take(only) as Event<I> | null;
    } finally {
      inbox.free();
    }
  }

  /**
   * The next event, blocking this thread and its event loop: no timers, no promises, no signal handlers
   * meanwhile; a first SIGTERM shows as `stop`. Lowest latency, most of all with
   * `spinUs` (default: that of connect). null when timeoutMs is over.
   * @throws TypeError unknown input, closed node; DoraError CONSUMER_BUSY
   */
  recvSync(options: Omit<WaitOptions<I>, 'signal'> & { spinUs?: number | undefined } = {}): Event<I> | null {
    const { inbox, sender } = this.#open();
    const only = this.#only(options.only);
    const spinUs = duration('spinUs', options.spinUs) ?? this.#spinUs;
    const timeoutMs = duration('timeoutMs', options.timeoutMs) ?? Infinity;
    inbox.acquire('recvSync()');
    try {
      inbox.releaseLent();
      sender.retryAll();
      let leftMs = timeoutMs;
      const endMs = timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs;
      for (;;) {
        const once = sender.waitingSends > 0;
        const sliceMs = Math.min(leftMs, LONGEST_MS);
        const event = inbox.takeBlocking(sliceMs === Infinity ? -1 : sliceMs, spinUs, only, once);
        if (event !== null) return event as Event<I>;
        sender.retryAll();
        leftMs = endMs === Infinity ? Infinity : endMs - performance.now();
        if (leftMs <= 0) return null;
      }
    } finally {
      inbox.free();
    }
  }

  /**
   * Arrays of events: one promise a batch. All of a batch is released when the next is asked for. With timeoutMs an empty array says that nothing came.
   * @throws TypeError, RangeError wrong options
   */
  batches(options: BatchOptions<I> = {}): AsyncIterable<readonly Event<I>[]> {
    const { inbox } = this.#open();
    const max = options.max ?? 256;
    if (!Number.isInteger(max) || max < 1 || max > Limits.records) {
      throw new RangeError(`max is a whole number from 1 to ${Limits.records}, not ${String(max)}`);
    }
    const limits = {
      max,
      only: this.#only(options.only),
      maxWaitMs: duration('maxWaitMs', options.maxWaitMs) ?? 0,
      timeoutMs: duration('timeoutMs', options.timeoutMs),
      signal: options.signal,
    };
    return {
      [Symbol.asyncIterator]: () => new BatchStream(inbox, limits) as unknown as AsyncIterator<readonly Event<I>[]>,
    };
  }

  /**
   * Calls handlers for events until the end of the stream. A handler's promise keeps its sample alive until it settles and counts against `concurrency`.
   * What a handler throws goes to onError, or rejects run() when the others at work are done.
   */
  run(handlers: Handlers<I>, options: RunOptions = {}): Promise<void> {
    const { inbox, inputs } = this.#open();
    const { concurrency = 1 } = options;
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      throw new RangeError(`concurrency is a whole number from 1, not ${String(concurrency)}`);
    }
    for (const id of Object.keys(handlers.input ?? {})) inputs.index(id);
    return runHandlers(inbox, handlers as unknown as Handlers, options);
  }

  /**
   * Web stream of copies of one input (safe to buffer, tee and pipe); the input leaves the general stream. For zero copies use the loop.
   * @throws TypeError unknown input; DoraError CONSUMER_BUSY
   */
  readable(id: Id<I['inputs']>): ReadableStream<ReadableMessage> {
    const { inbox, inputs } = this.#open();
    return makeReadable(inbox, inputs.index(id));
  }

  // ---- publishing ---------------------------------------------------------------------------------------------------

  /**
   * Publishes a copy: bytes as they are, strings as utf8, other values as JSON. Resolves when accepted: at once unless a `backpressure` subscriber is
   * full. Not awaiting it is legal for drop_oldest; a second send on an output while one waits is SEND_PENDING.
   * @throws TypeError unknown output, closed node. Rejects: DoraError SHM_EXHAUSTED, TOO_LARGE, ENDED, SEND_PENDING, BACKPRESSURE_CYCLE
   */
  send<K extends Id<I['outputs']>>(id: K, data: Payload<I['outputs'][K]>, metadata?: Metadata): Promise<void> {
    return this.#open().sender.send(id, data, metadata);
  }

  /**
   * Publishes now or not at all. false: a `backpressure` subscriber is full, and nobody got it.
   * @throws TypeError unknown output, closed node; DoraError SHM_EXHAUSTED, TOO_LARGE, ENDED
   */
  trySend<K extends Id<I['outputs']>>(id: K, data: Payload<I['outputs'][K]>, metadata?: Metadata): boolean {
    return this.#open().sender.trySend(id, data, metadata);
  }

  /**
   * Publishes, blocking this thread while a `backpressure` subscriber is full. false: no room within timeoutMs (absent: for ever), or the node is
   * stopping and there is none. @throws like trySend; DoraError SEND_PENDING, BACKPRESSURE_CYCLE
   */
  sendSync<K extends Id<I['outputs']>>(
    id: K,
    data: Payload<I['outputs'][K]>,
    metadata?: Metadata,
    options: { timeoutMs?: number | undefined } = {},
  ): boolean {
    const { sender } = this.#open();
    const timeoutMs = duration('timeoutMs', options.timeoutMs) ?? Infinity;
    return sender.sendSync(id, data, metadata, timeoutMs === Infinity ? -1 : timeoutMs);
  }

  /**
   * Memory to write a message into, published without a copy. Give it back by send(), trySend(), discard() or `using`.
   * @throws TypeError unknown output; RangeError size; DoraError SHM_EXHAUSTED, TOO_LARGE, ENDED
   */
  loan(id: Id<I['outputs']>, sizeBytes: number): Loan {
    return this.#open().loans.loan(id, sizeBytes);
  }

  /** No more messages on this output: its subscribers see it closed when they have read what is queued. */
  closeOutput(id: Id<I['outputs']>): void {
    const { port, outputs } = this.#open();
    port.native.closeOutput(outputs.index(id));
  }

  // ---- other threads ------------------------------------------------------------------------------------------------

  /**
   * Gives inputs and outputs to a worker thread: hand the result to it by workerData or postMessage, and call `Node.connect({ parent })` there. They leave
   * this thread at once; the worker takes and sends on an event loop of its own. See NodeShare for how they come back.
   * @throws TypeError unknown id, nothing named, in a worker; DoraError ALREADY_SHARED, CONSUMER_BUSY (readable()), SEND_PENDING, SHM_EXHAUSTED
   */
  share<In extends Id<I['inputs']> = never, Out extends Id<I['outputs']> = never>(
    what: ShareOptions<In, Out>,
  ): NodeShare<SharedIo<I, In, Out>> {
    return makeShare(this.#open(), what) as unknown as NodeShare<SharedIo<I, In, Out>>;
  }

  // ---- leaving ------------------------------------------------------------------------------------------------------

  /** Asks the daemon to stop the whole dataflow; every node gets a `stop` event, this one too. */
  requestStop(): void {
    this.#open().port.native.requestStop();
  }

  /**
   * Leaves the dataflow: sends what waits for room, releases all samples, detaches their views. Loops over this node end. Idempotent; dispose does the same.
   */
  close(): Promise<void> {
    return this.#member.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): Membership {
    if (this.#member.port.closed) throw new TypeError(`node "${this.id}" is closed`);
    return this.#member;
  }

  #only(ids: readonly string[] | undefined): Only {
    return ids?.map((id) => this.#member.inputs.index(id));
  }
}

/** A checked option. */
function duration(name: string, value: number | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw new TypeError(`${name} is a number, not ${typeof value}`);
  if (!(value >= 0)) throw new RangeError(`${name} is 0 or more, not ${value}`);
  return value;
}
