/**
 * A value to send as bytes and an encoding: bytes are raw, strings utf8, everything else JSON.
 *
 * Small payloads are written into the scratch memory that the native side reads, for a call per argument costs more than a copy of 4 KiB. The
 * result lies in fields of the one Outgoing of a sender, until the next encode().
 */

import { MetadataWriter, decodeMetadata } from '../message/metadata.js';
import type { Metadata } from '../message/metadata.js';
import { Limits } from '../native/binding.js';
import type { NativeNode } from '../native/binding.js';

const RAW = 0;
const UTF8 = 1;
const JSON_TEXT = 2;

/** The payload and metadata of one message, as the native calls take them. */
export class Outgoing {
  /** null: the first sizeBytes of the scratch memory. */
  bytes: Uint8Array | null = null;
  sizeBytes = 0;
  encoding = RAW;
  metadataBytes = 0;
  readonly #scratch: Buffer;
  readonly #metadata: MetadataWriter;
  readonly #metadataScratch: Uint8Array;

  constructor(native: NativeNode) {
    const { scratch } = native;
    this.#scratch = Buffer.from(scratch.buffer, scratch.byteOffset, scratch.byteLength);
    this.#metadataScratch = native.metadataScratch;
    this.#metadata = new MetadataWriter(native.metadataScratch);
  }

  /** Has V8 compile what each message runs through while the other nodes join, and not while the first message waits. */
  warmUp(): void {
    this.encode(new Uint8Array(8), { text: '', number: 0 });
    const bytes = this.ownMetadata();
    if (bytes !== undefined) decodeMetadata(bytes);
  }

  /** @throws TypeError for what has no form; DoraError TOO_LARGE for metadata */
  encode(data: unknown, metadata: Metadata | undefined): void {
    this.encodeMetadata(metadata);
    if (data instanceof Uint8Array) this.#raw(data);
    else if (typeof data === 'string') this.#text(data, UTF8);
    else if (ArrayBuffer.isView(data)) this.#raw(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    else if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) this.#raw(new Uint8Array(data));
    else this.#text(toJson(data), JSON_TEXT);
  }

  encodeMetadata(metadata: Metadata | undefined): void {
    this.metadataBytes = metadata === undefined ? 0 : this.#metadata.write(metadata);
  }

  /** The scratch payload as a copy of its own, for a send that has to wait. */
  ownBytes(): Uint8Array {
    return this.bytes ?? new Uint8Array(this.#scratch.subarray(0, this.sizeBytes));
  }

  ownMetadata(): Uint8Array | undefined {
    return this.metadataBytes === 0 ? undefined : this.#metadataScratch.slice(0, this.metadataBytes);
  }

  /** Puts metadata of a waiting send back to where the native side reads it. */
  restoreMetadata(metadata: Uint8Array | undefined): number {
    if (metadata === undefined) return 0;
    this.#metadataScratch.set(metadata);
    return metadata.byteLength;
  }

  #raw(data: Uint8Array): void {
    const size = data.byteLength;
    this.encoding = RAW;
    this.sizeBytes = size;
    if (size > Limits.smallBytes) {
      this.bytes = data;
      return;
    }
    this.bytes = null;
    this.#scratch.set(data);
  }

  #text(text: string, encoding: number): void {
    this.encoding = encoding;
    // Three bytes of utf8 at most for each unit of utf16.
    if (text.length * 3 <= Limits.smallBytes) {
      this.bytes = null;
      this.sizeBytes = this.#scratch.write(text, 0, 'utf8');
      return;
    }
    this.bytes = Buffer.from(text, 'utf8');
    this.sizeBytes = this.bytes.byteLength;
  }
}

function toJson(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) {
    throw new TypeError(`${typeof value} has no JSON form; send bytes, a string or a JSON value`);
  }
  return text;
}
