/**
 * Metadata of a message: a small map that travels beside the payload, and its binary form.
 *
 *   u8 version = 1, u8 0, u16 count; then per entry: u8 type, u8 key length (1..255), u16 0, u32 value length, key utf8, value
 *
 * Little endian, no alignment, 64 KiB in all; an empty map is no bytes. native/core/metadata.cc is the other implementation and
 * test/fixtures/metadata/golden.txt holds both to the same bytes. The encoder takes what a program gives it (misuse is a
 * TypeError or RangeError that names the key); the decoder takes what another process wrote: every length is checked,
 * utf8 is read with replacement characters, the last of equal keys wins, and anything else is METADATA_INVALID.
 * The value types are those of dora/types.h, DORA_META_*. Callers: lib/node, lib/operator.
 */

import { isAscii } from 'node:buffer';
import { DoraError } from '../errors.js';

/** A number that is sent as float64 even when it is a whole one: `float64(1)`. */
export class Float64 {
  readonly value: number;
  private constructor(value: number) {
    this.value = value;
  }
  /** @internal Use float64(). */
  static of(value: number): Float64 {
    return new Float64(value);
  }
}

/** Forces float64 for a metadata value. @throws TypeError when it is no number */
export function float64(value: number): Float64 {
  if (typeof value !== 'number') throw new TypeError(`float64() takes a number, not ${describe(value)}`);
  return Float64.of(value);
}

/**
 * Sent: a safe-integer `number` or a `bigint` is int64, other numbers float64. Received: int64 is a `number` where it is safe
 * and a `bigint` where not. Lists hold one kind; whole and fractional numbers together are float64.
 */
export type MetaValue =
  boolean | number | bigint | string | Uint8Array | Float64 | readonly (boolean | number | bigint | string)[];

/** Values are copied in both directions. At most 64 KiB in all, encoded. What was received has no prototype: look-ups find keys only. */
export type Metadata = Readonly<Record<string, MetaValue>>;

/** Largest encoded metadata of one message, in bytes (DORA_MAX_METADATA). */
export const MAX_METADATA_BYTES = 65536;

const VERSION = 1;
const HEAD = 4;
const ENTRY_HEAD = 8;
const Type = {
  bool: 1,
  int64: 2,
  float64: 3,
  string: 4,
  bytes: 5,
  listBool: 6,
  listInt64: 7,
  listFloat64: 8,
  listString: 9,
} as const;

const TWO_32 = 2 ** 32;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** What is received when nothing was sent along. */
export const NO_METADATA: Metadata = Object.freeze(Object.create(null) as Record<string, MetaValue>);

// ---- encoding ----------------------------------------------------------------------------------------------------

/** Encodes into memory of its own or of the caller's, again and again; what a write left there lies until the next one. */
export class MetadataWriter {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;

  /** `target`: where to write, at most MAX_METADATA_BYTES of it are used. */
  constructor(target: Uint8Array = new Uint8Array(MAX_METADATA_BYTES)) {
    const size = Math.min(target.byteLength, MAX_METADATA_BYTES);
    this.#bytes = Buffer.from(target.buffer, target.byteOffset, size);
    this.#view = new DataView(target.buffer, target.byteOffset, size);
  }

  /**
   * Encodes a map from offset 0 on; returns the size in bytes, 0 for an empty map.
   * @throws TypeError and RangeError for values that have no form; DoraError TOO_LARGE
   */
  write(metadata: Metadata): number {
    this.#at = HEAD;
    let count = 0;
    for (const key in metadata) {
      if (!Object.hasOwn(metadata, key)) continue;
      this.#entry(key, metadata[key]);
      count++;
    }
    if (count === 0) return 0;
    this.#view.setUint16(0, VERSION, true);
    this.#view.setUint16(2, count, true);
    return this.#at;
  }

  #entry(key: string, value: unknown): void {
    const start = this.#at;
    this.#room(ENTRY_HEAD);
    this.#at += ENTRY_HEAD;
    const keySize = this.#text(key);
    if (keySize === 0 || keySize > 255) {
      throw new RangeError(`a metadata key takes 1 to 255 bytes, and ${JSON.stringify(key.slice(0, 40))} ${keySize}`);
    }
    const from = this.#at;
    const type = this.#value(key, value);
    this.#bytes[start] = type;
    this.#bytes[start + 1] = keySize;
    this.#view.setUint16(start + 2, 0, true);
    this.#view.setUint32(start + 4, this.#at - from, true);
  }

  #value(key: string, value: unknown): number {
    switch (typeof value) {
      case 'number':
        return this.#number(value);
      case 'string':
        this.#text(value);
        return Type.string;
      case 'boolean':
        this.#byte(value ? 1 : 0);
        return Type.bool;
      case 'bigint':
        this.#bigint(key, value);
        return Type.int64;
      default:
        return this.#object(key, value);
    }
  }

  #object(key: string, value: unknown): number {
    if (value instanceof Float64) {
      this.#float(value.value);
      return Type.float64;
    }
    if (value instanceof Uint8Array) {
      this.#room(value.byteLength);
      this.#bytes.set(value, this.#at);
      this.#at += value.byteLength;
      return Type.bytes;
    }
    if (Array.isArray(value)) return this.#list(key, value);
    throw new TypeError(
      `metadata "${key}" is ${describe(value)}; it takes boolean, number, bigint, string, Uint8Array, float64(…) or a list of one kind`,
    );
  }

  #number(value: number): number {
    if (!isInt64(value)) {
      this.#float(value);
      return Type.float64;
    }
    this.#integer(value);
    return Type.int64;
  }

  #list(key: string, list: readonly unknown[]): number {
    const type = listType(key, list);
    for (const item of list) {
      if (type === Type.listBool) this.#byte(item === true ? 1 : 0);
      else if (type === Type.listFloat64) this.#float(item as number);
      else if (type === Type.listInt64) {
        if (typeof item === 'bigint') this.#bigint(key, item);
        else this.#integer(item as number);
      } else {
        this.#room(4);
        const at = this.#at;
        this.#at += 4;
        this.#view.setUint32(at, this.#text(item as string), true);
      }
    }
    return type;
  }

  #byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  #float(value: number): void {
    this.#room(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  #integer(value: number): void {
    this.#room(8);
    this.#view.setInt32(this.#at, value | 0, true);
    this.#view.setInt32(this.#at + 4, Math.floor(value / TWO_32), true);
    this.#at += 8;
  }

  #bigint(key: string, value: bigint): void {
    if (value < MIN_INT64 || value > MAX_INT64) throw new RangeError(`metadata "${key}" does not fit into 64 bits`);
    this.#room(8);
    this.#view.setBigInt64(this.#at, value, true);
    this.#at += 8;
  }

  /** Writes utf8 and returns its length. Most keys and values are short ASCII, for which a call into C++ costs more than the bytes. */
  #text(text: string): number {
    const start = this.#at;
    const length = text.length;
    if (length <= 24 && start + length <= this.#bytes.length) {
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 127) break;
        this.#bytes[start + i] = code;
      }
      if (i === length) {
        this.#at += length;
        return length;
      }
    }
    this.#room(Buffer.byteLength(text));
    const size = this.#bytes.write(text, start, 'utf8');
    this.#at += size;
    return size;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    throw new DoraError('TOO_LARGE', `metadata of one message takes at most ${this.#bytes.length} bytes encoded`, {
      hint: 'send large values as payload of an output of their own',
    });
  }
}

/** Encodes a map into fresh memory. @throws like MetadataWriter.write() */
export function encodeMetadata(metadata: Metadata): Uint8Array {
  const target = new Uint8Array(MAX_METADATA_BYTES);
  return target.slice(0, new MetadataWriter(target).write(metadata));
}

function isInt64(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}

/** The one type that holds every item; an empty list is a list of int64. */
function listType(key: string, list: readonly unknown[]): number {
  let type: number = Type.listInt64;
  let bigints = false;
  for (const [index, item] of list.entries()) {
    const kind = itemType(key, index, item);
    bigints ||= typeof item === 'bigint';
    if (index === 0 || kind === type) type = kind;
    else if (isNumeric(kind) && isNumeric(type)) type = Type.listFloat64;
    else throw new TypeError(`metadata "${key}" mixes kinds at index ${index}; a list holds one kind`);
  }
  if (bigints && type === Type.listFloat64) {
    throw new TypeError(`metadata "${key}" mixes bigint with fractional numbers; a list holds one kind`);
  }
  return type;
}

function isNumeric(type: number): boolean {
  return type === Type.listInt64 || type === Type.listFloat64;
}

function itemType(key: string, index: number, item: unknown): number {
  switch (typeof item) {
    case 'boolean':
      return Type.listBool;
    case 'bigint':
      return Type.listInt64;
    case 'number':
      return isInt64(item) ? Type.listInt64 : Type.listFloat64;
    case 'string':
      return Type.listString;
    default:
      throw new TypeError(
        `metadata "${key}" has ${describe(item)} at index ${index}; lists hold boolean, number, bigint or string`,
      );
  }
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor?.name;
  return name === undefined || name === '' ? 'an object' : `an object of class ${name}`;
}

// ---- decoding ----------------------------------------------------------------------------------------------------

/**
 * Decodes what another process wrote. `bytes` must be a private copy; nothing of the result points into it.
 * @throws DoraError METADATA_INVALID
 */
export function decodeMetadata(bytes: Uint8Array): Metadata {
  return new MetadataReader(bytes).read(0, bytes.byteLength);
}

/** Keys are few and come again and again: some that were read are remembered, each at the place that its bytes' hash says. */
const knownKeys = new Array<string>(64).fill('');

/** Decodes from one piece of memory again and again, which must not change while read() runs. */
export class MetadataReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @throws DoraError METADATA_INVALID */
  read(start: number, size: number): Metadata {
    if (size === 0) return NO_METADATA;
    if (size > MAX_METADATA_BYTES) throw invalid(`it has ${size} bytes`);
    if (size < HEAD) throw invalid('it is cut off');
    const bytes = this.#bytes;
    const view = this.#view;
    if (bytes[start] !== VERSION || bytes[start + 1] !== 0) throw invalid(`its version is ${String(bytes[start])}`);
    const result = Object.create(null) as Record<string, MetaValue>;
    const end = start + size;
    let at = start + HEAD;
    for (let left = view.getUint16(start + 2, true); left > 0; left--) {
      if (end - at < ENTRY_HEAD) throw invalid('it is cut off');
      const type = view.getUint8(at);
      const keySize = view.getUint8(at + 1);
      const valueSize = view.getUint32(at + 4, true);
      if (keySize === 0 || view.getUint16(at + 2, true) !== 0) throw invalid('an entry is malformed');
      at += ENTRY_HEAD;
      if (keySize + valueSize > end - at) throw invalid('an entry is longer than the rest');
      const key = this.#key(at, keySize);
      at += keySize;
      result[key] = this.#value(type, at, valueSize);
      at += valueSize;
    }
    if (at !== end) throw invalid('bytes are left over');
    return result;
  }

  /** A key that was read before is the same string object, which a look-up need not hash again. */
  #key(at: number, size: number): string {
    const bytes = this.#bytes;
    if (size > 32) return this.#text(at, size);
    let hash = size;
    for (let i = at; i < at + size; i++) hash = (hash * 31 + (bytes[i] ?? 0)) | 0;
    const place = hash & (knownKeys.length - 1);
    const known = knownKeys[place] ?? '';
    if (known.length === size) {
      let i = 0;
      while (i < size && known.charCodeAt(i) === bytes[at + i]) i++;
      // Only keys of ASCII are remembered, for which a byte is a character.
      if (i === size) return known;
    }
    const key = this.#text(at, size);
    if (key.length === size && isAscii(bytes.subarray(at, at + size))) knownKeys[place] = key;
    return key;
  }

  #value(type: number, at: number, size: number): MetaValue {
    switch (type) {
      case Type.bool:
        expect(size === 1);
        return this.#bytes[at] !== 0;
      case Type.int64:
        expect(size === 8);
        return this.#integer(at);
      case Type.float64:
        expect(size === 8);
        return this.#view.getFloat64(at, true);
      case Type.string:
        return this.#text(at, size);
      case Type.bytes:
        return new Uint8Array(this.#bytes.subarray(at, at + size));
      case Type.listBool:
        return Array.from({ length: size }, (_, index) => this.#bytes[at + index] !== 0);
      case Type.listInt64:
        expect(size % 8 === 0);
        return Array.from({ length: size / 8 }, (_, index) => this.#integer(at + 8 * index));
      case Type.listFloat64:
        expect(size % 8 === 0);
        return Array.from({ length: size / 8 }, (_, index) => this.#view.getFloat64(at + 8 * index, true));
      case Type.listString:
        return this.#strings(at, size);
      default:
        throw invalid(`it has an entry of unknown type ${type}`);
    }
  }

  #strings(at: number, size: number): string[] {
    const end = at + size;
    const list: string[] = [];
    while (at < end) {
      expect(end - at >= 4);
      const length = this.#view.getUint32(at, true);
      at += 4;
      expect(length <= end - at);
      list.push(this.#text(at, length));
      at += length;
    }
    return list;
  }

  #integer(at: number): number | bigint {
    const value = this.#view.getInt32(at + 4, true) * TWO_32 + this.#view.getUint32(at, true);
    return Number.isSafeInteger(value) ? value : this.#view.getBigInt64(at, true);
  }

  #text(at: number, size: number): string {
    if (size <= 24) {
      let text = '';
      for (let i = at; i < at + size; i++) {
        const code = this.#view.getUint8(i);
        if (code > 127) return this.#bytes.toString('utf8', at, at + size);
        text += String.fromCharCode(code);
      }
      return text;
    }
    return this.#bytes.toString('utf8', at, at + size);
  }
}

function expect(fits: boolean): void {
  if (!fits) throw invalid('the length of a value does not fit its type');
}

function invalid(what: string): DoraError {
  return new DoraError('METADATA_INVALID', `the metadata of a received message cannot be read: ${what}`, {
    hint: 'its sender uses another version of dora or is faulty; the payload is not affected',
  });
}
