/**
 * Received data: lent by the loop (LentEvent) or kept by the program (RetainedSample).
 *
 * A payload of up to Limits.copiedBytes lies in the port's slab until the next drain; it becomes an array of its own when somebody asks for `data`. A
 * larger one stays in shared memory behind a handle and becomes an external ArrayBuffer when asked for. Release detaches that buffer and gives the
 * slot back; under strict lifetimes small arrays are detached as well.
 * Who calls keep() before the next drain makes a sample independent of the slab (retain(), run(), claims), and one of up to Limits.smallBytes
 * of shared memory too, unless its `data` was handed out already: a program may keep many small ones without running out of slots.
 */

/* eslint-disable @typescript-eslint/no-non-null-assertion -- fields of a record, all inside the array */
import { isUtf8 } from 'node:buffer';
import { inspect, types } from 'node:util';
import { markAsUntransferable } from 'node:worker_threads';
import { DoraError } from '../errors.js';
import { NO_METADATA, decodeMetadata } from '../message/metadata.js';
import type { Metadata } from '../message/metadata.js';
import { Control, Field, Limits } from '../native/binding.js';
import type { Port } from './port.js';
import type { Encoding, InputEvent, Sample, TypedArray, TypedArrayConstructor } from './types.js';

const ENCODINGS: readonly Encoding[] = ['raw', 'utf8', 'json', 'arrow'];
const TWO_32 = 2n ** 32n;

/** What both kinds are: one payload and what was sent with it. Fields are assigned in constructors, for speed. */
abstract class BaseSample {
  declare sizeBytes: number;
  declare released: boolean;
  /** @internal */ declare port: Port;
  /** @internal */ declare input: number;
  /** @internal */ declare encodingCode: number;
  /** @internal Shared memory; -1: small. */ declare handle: number;
  /** @internal Of small payloads in the slab. */ declare offset: number;
  /** @internal */ declare metadataSize: number;
  /** @internal */ declare metadataOffset: number;
  /** @internal */ declare sequenceLow: number;
  /** @internal */ declare sequenceHigh: number;
  /** @internal */ declare sentAtLow: number;
  /** @internal */ declare sentAtHigh: number;
  /** @internal */ declare view: Uint8Array | undefined;
  /** @internal */ declare metadataBytes: Uint8Array | undefined;
  /** @internal */ declare decoded: Metadata | undefined;

  get data(): Uint8Array {
    if (this.released) throw this.deadError();
    return this.view ?? this.makeView();
  }

  get encoding(): Encoding {
    return ENCODINGS[this.encodingCode] ?? 'raw';
  }

  get metadata(): Metadata {
    if (this.decoded !== undefined) return this.decoded;
    if (this.metadataSize === 0) return NO_METADATA;
    this.decoded =
      this.metadataBytes === undefined
        ? this.port.slabMetadata.read(this.metadataOffset, this.metadataSize)
        : decodeMetadata(this.metadataBytes);
    this.metadataBytes = undefined;
    return this.decoded;
  }

  get sentAtNs(): bigint {
    return BigInt(this.sentAtHigh >>> 0) * TWO_32 + BigInt(this.sentAtLow >>> 0);
  }

  get sequence(): bigint {
    return BigInt(this.sequenceHigh >>> 0) * TWO_32 + BigInt(this.sequenceLow >>> 0);
  }

  copy(): Uint8Array {
    if (this.released) throw this.deadError();
    return this.view === undefined && this.handle < 0
      ? this.port.slab.slice(this.offset, this.offset + this.sizeBytes)
      : this.data.slice();
  }

  text(): string {
    if (this.released) throw this.deadError();
    let bytes = this.port.slabText;
    let start = this.offset;
    if (this.view !== undefined || this.handle >= 0) {
      // A copy: its publisher could change the bytes between the check and the reading.
      const own = this.data.slice();
      bytes = Buffer.from(own.buffer, own.byteOffset, own.byteLength);
      start = 0;
    }
    const end = start + this.sizeBytes;
    if (!isUtf8(bytes.subarray(start, end))) throw undecodable(this, 'is not valid utf8', undefined);
    return bytes.toString('utf8', start, end);
  }

  json(): unknown {
    const text = this.text();
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw undecodable(this, `is not JSON (${cause instanceof Error ? cause.message : ''})`, cause);
    }
  }

  as<A extends TypedArray>(type: TypedArrayConstructor<A>): A {
    const { data } = this;
    const items = this.sizeBytes / type.BYTES_PER_ELEMENT;
    if (!Number.isInteger(items)) {
      throw new RangeError(
        `${nameOfMessage(this)} has ${this.sizeBytes} bytes, which is no multiple of ${type.BYTES_PER_ELEMENT} (${nameOf(type)})`,
      );
    }
    return new type(data.buffer as ArrayBuffer, data.byteOffset, items);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  [inspect.custom](): unknown {
    const { sizeBytes, encoding, sequence, released } = this;
    const shown = { sizeBytes, encoding, sequence, released };
    return 'type' in this ? { type: 'input', id: this.port.inputIds[this.input], ...shown } : shown;
  }

  abstract release(): void;

  /** @internal Makes this independent of the slab. */
  keep(): void {
    if (this.released) return;
    if (this.view === undefined) {
      if (this.handle < 0) this.makeView();
      else if (this.sizeBytes <= Limits.smallBytes) copyOut(this);
    }
    this.keepMetadata();
  }

  /** @internal */
  keepMetadata(): void {
    if (this.metadataSize === 0 || this.decoded !== undefined || this.metadataBytes !== undefined) return;
    this.metadataBytes = this.port.slab.slice(this.metadataOffset, this.metadataOffset + this.metadataSize);
  }

  /** @internal Ends the views and gives the slot back. */
  freeStorage(): void {
    const { view } = this;
    this.view = undefined;
    if (this.handle >= 0)
      this.port.native.release(this.handle, view === undefined ? null : (view.buffer as ArrayBuffer));
    else if (view !== undefined && this.port.strict) this.port.native.detach(view.buffer as ArrayBuffer);
  }

  /** @internal */
  makeView(): Uint8Array {
    const { port } = this;
    const large = this.handle >= 0;
    const view = large ? new Uint8Array(lend(this)) : port.slab.slice(this.offset, this.offset + this.sizeBytes);
    // structuredClone and postMessage may copy what is detached at release, never take it away.
    if (large || port.strict) markAsUntransferable(view.buffer);
    return (this.view = view);
  }

  /** @internal */
  abstract deadError(): TypeError;
}

/**
 * An input event of the loop. The loop releases it.
 *
 * It inherits from BaseSample by its prototype and not by `extends`: there is one a message, and a constructor that calls another costs a second call, which V8 does not inline.
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- see below: what the interface promises is in the prototype chain
export class LentEvent implements InputEvent {
  declare readonly type: 'input';
  declare readonly id: string;
  declare readonly dropped: number;
  /** @internal */ declare kept: RetainedSample | undefined;

  /** `at`: where its record starts in port.records. */
  constructor(port: Port, at: number) {
    const { records } = port;
    const input = records[at + Field.input]!;
    this.type = 'input';
    this.id = port.inputIds[input]!;
    this.dropped = records[at + Field.dropped]!;
    this.sizeBytes = records[at + Field.sizeBytes]! >>> 0;
    this.released = false;
    this.port = port;
    this.input = input;
    this.encodingCode = records[at + Field.encoding]!;
    this.handle = records[at + Field.handle]!;
    this.offset = records[at + Field.dataOffset]!;
    this.metadataSize = records[at + Field.metadataBytes]!;
    this.metadataOffset = records[at + Field.metadataOffset]!;
    this.sequenceLow = records[at + Field.sequenceLow]!;
    this.sequenceHigh = records[at + Field.sequenceHigh]!;
    this.sentAtLow = records[at + Field.sentAtLow]!;
    this.sentAtHigh = records[at + Field.sentAtHigh]!;
    this.view = undefined;
    this.metadataBytes = undefined;
    this.decoded = undefined;
    this.kept = undefined;
  }

  retain(): Sample {
    if (this.kept !== undefined) return this.kept;
    if (this.released) throw this.deadError();
    this.keep();
    this.kept = new RetainedSample(this);
    return this.kept;
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    if (this.metadataSize > 0) this.keepMetadata();
    if (this.kept === undefined) {
      if (this.handle >= 0 || this.view !== undefined) this.freeStorage();
    } else this.view = undefined;
  }

  /** @internal The retained sample was released: the event that it came from is dead with it. */
  die(): void {
    this.released = true;
    this.view = undefined;
  }

  /** @internal */
  makeView(): Uint8Array {
    // Whoever asks for `data` of a retained event must get the very array of the sample.
    return this.kept === undefined ? BaseSample.prototype.makeView.call(this) : (this.view = this.kept.data);
  }

  /** @internal */
  deadError(): TypeError {
    return new TypeError(
      `the data of input "${this.id}" is gone: an event is released when the next one is asked for. Keep it with retain(), or take a copy(), before that`,
    );
  }
}
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging, @typescript-eslint/no-empty-object-type -- as above
export interface LentEvent extends BaseSample {}
Object.setPrototypeOf(LentEvent.prototype, BaseSample.prototype);

/** What retain() returns. The program releases it. */
export class RetainedSample extends BaseSample implements Sample {
  readonly #event: LentEvent;
  readonly #key: number;

  constructor(event: LentEvent) {
    super();
    this.sizeBytes = event.sizeBytes;
    this.released = false;
    this.port = event.port;
    this.input = event.input;
    this.encodingCode = event.encodingCode;
    this.handle = event.handle;
    this.offset = event.offset;
    this.metadataSize = event.metadataSize;
    this.metadataOffset = event.metadataOffset;
    this.sequenceLow = event.sequenceLow;
    this.sequenceHigh = event.sequenceHigh;
    this.sentAtLow = event.sentAtLow;
    this.sentAtHigh = event.sentAtHigh;
    this.view = event.view;
    this.metadataBytes = event.metadataBytes;
    this.decoded = event.decoded;
    this.#event = event;
    this.#key = this.port.remember(this, this.handle, this.input);
    if (this.view !== undefined && this.handle >= 0) this.port.keepWithView(this.view.buffer, this);
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    this.port.forget(this, this.#key);
    this.#event.die();
    this.freeStorage();
  }

  /** @internal */
  override makeView(): Uint8Array {
    const view = super.makeView();
    this.port.keepWithView(view.buffer, this);
    return view;
  }

  /** @internal */
  deadError(): TypeError {
    return new TypeError(
      `the data of input "${this.port.inputIds[this.input] ?? ''}" is gone: this retained sample was released, or its node closed`,
    );
  }
}

function nameOf(type: unknown): string {
  return types.isProxy(type) || typeof type !== 'function' ? 'its elements' : type.name;
}

/** What is in shared memory, in place. */
function lend({ port, handle }: BaseSample): ArrayBuffer {
  port.control[Control.handle] = handle;
  return port.native.view();
}

/** From shared memory to the heap. */
function copyOut(sample: BaseSample): void {
  const { native, strict } = sample.port;
  const buffer = lend(sample);
  const view = new Uint8Array(buffer).slice();
  native.release(sample.handle, buffer);
  sample.handle = -1;
  if (strict) markAsUntransferable(view.buffer);
  sample.view = view;
}

function nameOfMessage(sample: BaseSample): string {
  return `the message of input "${sample.port.inputIds[sample.input] ?? ''}"`;
}

function undecodable(sample: BaseSample, what: string, cause: unknown): DoraError {
  return new DoraError(
    'DECODE_FAILED',
    `${nameOfMessage(sample)} ${what}; it was sent as ${sample.encoding}, ${sample.sizeBytes} bytes`,
    {
      hint: 'read it as `data`, or let the sender send a string or a JSON value',
      cause,
    },
  );
}
