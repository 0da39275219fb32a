/**
 * The shapes that a node's author meets: events, samples, loans, options, handlers. No behaviour.
 *
 * An event is lent: it is released when the next one is asked for, by whatever way of taking, or when the loop is left; retain() keeps its
 * data. Everything else of lib/node is a way to wait for events or to publish. `Io` is what `dora types` writes for a node; without
 * it every id is `string` and data is unknown.
 */

import type { DoraError } from '../errors.js';
import type { Metadata } from '../message/metadata.js';

/** Inputs and outputs of a node with the type of their JSON values, or Uint8Array for bytes. */
export interface Io {
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
}

/** The ids among the keys of T. */
export type Id<T> = Extract<keyof T, string>;

export type Bytes = ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/** What may be sent where T is declared: bytes for bytes, else a value that becomes text or JSON. */
export type Payload<T = unknown> = T extends ArrayBufferView ? Bytes : T;

/**
 * What json() gives where T is declared. Bytes and text have no JSON form: read bytes by `data`, `as()`, `copy()`, text by `text()`; a program that
 * takes their json() for anything does not compile.
 */
export type Json<T = unknown> = T extends ArrayBufferView | string ? NoJson : T;

/** Not made by anything: its key is what the compiler says to who calls json() on bytes or text. */
export interface NoJson {
  readonly 'this is no JSON: read bytes by data, as() or copy(), text by text()': never;
}

export type Encoding = 'raw' | 'utf8' | 'json' | 'arrow';

export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** A typed array's class, such as Float64Array. */
export interface TypedArrayConstructor<A extends TypedArray> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): A;
}

/**
 * Bytes that another process wrote. Valid until released. READ ONLY: larger payloads are read where they lie, in memory mapped so; a store
 * into them ends the process with a message that names node and input. Take a copy() to change.
 */
export interface Sample<T = unknown> extends Disposable {
  /**
   * A view, never a copy the caller pays for. The same object each time. Of up to 64 bytes V8 keeps no ArrayBuffer until somebody asks for `data.buffer`,
   * which then takes 0.3 µs: where that counts read `data[0]` or `Buffer.prototype.readDoubleLE.call(data, 0)`. @throws TypeError after release
   */
  readonly data: Uint8Array;
  readonly sizeBytes: number;
  readonly encoding: Encoding;
  /** Decoded at first use; survives release. @throws DoraError METADATA_INVALID */
  readonly metadata: Metadata;
  /** Sender's hybrid logical clock, ns since 1970. */
  readonly sentAtNs: bigint;
  /** Of this output, from 1; a gap means dropped. Of a timer: the number of the tick. */
  readonly sequence: bigint;
  /** The payload as text; the string survives release. @throws DoraError DECODE_FAILED; TypeError after release */
  text(): string;
  /** The payload as JSON; the value survives release. @throws DoraError DECODE_FAILED; TypeError after release */
  json(): Json<T>;
  /** A copy that survives release. @throws TypeError after release */
  copy(): Uint8Array;
  /** A typed view into `data`, which dies with it. @throws RangeError when sizeBytes is no multiple; TypeError after release */
  as<A extends TypedArray>(type: TypedArrayConstructor<A>): A;
  readonly released: boolean;
  /** Gives the memory back and detaches every view taken from it. Twice is harmless. */
  release(): void;
}

export interface InputEvent<I extends Io = Io, K extends Id<I['inputs']> = Id<I['inputs']>> extends Sample<
  I['inputs'][K]
> {
  readonly type: 'input';
  readonly id: K;
  /** Messages of this input dropped since its previous event (drop_oldest), or ticks missed (timer). */
  readonly dropped: number;
  /**
   * Moves the sample out of the loop: it now lives until *you* release it, and counts against the input's queue. Same `data`, no copy. A
   * second call returns the same object. @throws TypeError after release
   */
  retain(): Sample<I['inputs'][K]>;
}

export type CloseReason = 'ended' | 'crashed' | 'timeout' | 'link' | 'corrupt';
export type StopReason = 'user' | 'allInputsClosed' | 'failure' | 'shutdown';

/**
 * An input closed, or came back. `timeout`: nothing came for the input's `input_timeout`; it counts as closed until its next message, before which
 * `inputRecovered` comes. One that was closed by a timeout and then closes for good says so by a second `inputClosed`.
 */
export interface InputChangeEvent<I extends Io = Io> {
  readonly type: 'inputClosed' | 'inputRecovered';
  readonly id: Id<I['inputs']>;
  /** Why it closed; of `inputRecovered`: why it had been closed. */
  readonly reason: CloseReason;
}
/**
 * The node should end: `end` follows at once, and what is still queued for it stays unread. Sending still works until close(), as far as there is room: a
 * send that waits for a full `backpressure` subscriber resolves now, and its message is gone.
 */
export interface StopEvent {
  readonly type: 'stop';
  readonly reason: StopReason;
  /** Time until the process is ended by force; 0: nobody has set a limit (the inputs are closed, the node may take its time). */
  readonly graceMs: number;
}
/** Something the node survives, such as a corrupt peer. */
export interface ErrorEvent {
  readonly type: 'error';
  readonly error: DoraError;
}
/** The last one; `for await` ends instead of yielding it. */
export interface EndEvent {
  readonly type: 'end';
}

export type Event<I extends Io = Io> =
  | { [K in Id<I['inputs']>]: InputEvent<I, K> }[Id<I['inputs']>]
  | InputChangeEvent<I>
  | StopEvent
  | ErrorEvent
  | EndEvent;

/** Writable memory, not yet visible to anyone. Contents are what this node last wrote there, not zeros. */
export interface Loan extends Disposable {
  /** @throws TypeError after send or discard: the memory is the subscribers' then, and views are detached */
  readonly data: Uint8Array;
  readonly sizeBytes: number;
  /** Fewer bytes than were asked for (encoders). @throws RangeError when larger */
  resize(sizeBytes: number): void;
  /** Like Node.send(), without a copy. */
  send(metadata?: Metadata): Promise<void>;
  /** Like Node.trySend(), without a copy. After false the loan, its views included, is still yours. */
  trySend(metadata?: Metadata): boolean;
  /** Gives the memory back unsent. Harmless after send or discard; dispose does the same. */
  discard(): void;
}

export interface WaitOptions<I extends Io = Io> {
  /** Absent: for ever; 0: a look. Elapsed: null, not an error. */
  timeoutMs?: number | undefined;
  /** Rejects with signal.reason, unchanged. Nothing is lost: the event stays queued. */
  signal?: AbortSignal | undefined;
  /** Which inputs may wake; others stay queued under their own policy. Stop, end and changes of inputs always come. */
  only?: readonly Id<I['inputs']>[] | undefined;
}

export interface BatchOptions<I extends Io = Io> extends WaitOptions<I> {
  /** Most events in one batch, 1 to 1024. Default 256. */
  max?: number | undefined;
  /** How long to wait for more once there is one. Default 0. */
  maxWaitMs?: number | undefined;
}

export interface Handlers<I extends Io = Io> {
  input?: { [K in Id<I['inputs']>]?: (event: InputEvent<I, K>) => void | Promise<void> };
  inputClosed?(event: InputChangeEvent<I>): void | Promise<void>;
  stop?(event: StopEvent): void | Promise<void>;
  /** Takes what a handler threw, and error events. Without it the first one ends run(). */
  onError?(error: unknown, event: Event<I>): void;
}

export interface RunOptions {
  /** Handlers at work at once, each with its own sample. Default 1: the next event waits for the last handler. */
  concurrency?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface InputState {
  readonly source: string;
  readonly received: bigint;
  readonly dropped: bigint;
  readonly open: boolean;
}

export interface OutputState {
  readonly sent: bigint;
  readonly subscribers: number;
}

/**
 * What Node.share() gives, as it arrives in a worker (plain data): which node of this process, and which of its inputs and outputs.
 */
export interface NodeHandle<I extends Io = Io> {
  /** The node's id. */
  readonly node: string;
  /** The process that it is good in. */
  readonly pid: number;
  readonly key: number;
  /** Never there: it carries the types from share() to connect(). */
  readonly io?: I;
}

export interface ConnectOptions<I extends Io = Io> {
  /**
   * In a worker thread: takes over what another thread of this process has shared, instead of joining. The node has that thread's id, and only
   * the inputs and outputs that were shared.
   */
  parent?: NodeHandle<I> | undefined;
  /** How long the event loop spins for a message before it sleeps, in microseconds; lower latency for a busy core. Default 0. */
  spinUs?: number | undefined;
  /** Ends the wait for the other nodes of the dataflow. */
  signal?: AbortSignal | undefined;
}
