/**
 * What all parts of one node share: the native node, the arrays that both sides know, and the samples that live on.
 *
 * Invariant: a sample's handle is given back exactly once, by the sample's release(), by the net under a leak, or by close(). The net: a retained
 * sample that was collected without release() gives its slot back and warns, once per input. A view keeps its sample alive (WeakMap), so
 * the net never detaches memory that somebody can still read.
 */

import { MetadataReader } from '../message/metadata.js';
import { Control } from '../native/binding.js';
import type { NativeNode } from '../native/binding.js';

/** A retained sample, as close() and the leak net know it. */
export interface Retained {
  release(): void;
}
interface Leak {
  readonly handle: number;
  readonly input: number;
  readonly key: number;
}

export class Port {
  readonly native: NativeNode;
  readonly records: Int32Array;
  readonly control: Int32Array;
  /** Small payloads and metadata of the last drain. */
  readonly slab: Uint8Array;
  /** The same memory, for reading text. (slice() of a Buffer would share it.) */
  readonly slabText: Buffer;
  /** The same, for metadata. */
  readonly slabMetadata: MetadataReader;
  readonly nodeId: string;
  readonly inputIds: readonly string[];
  /** Small copies are detached at release as well, so that code that is wrong fails at 4 bytes as it does at 4 MiB. */
  readonly strict: boolean;
  closed = false;

  readonly #retained = new Map<number, WeakRef<Retained>>();
  #nextKey = 1;
  readonly #keptByView = new WeakMap<ArrayBufferLike, Retained>();
  readonly #warned = new Set<number>();
  readonly #leaks = new FinalizationRegistry<Leak>((leak) => {
    this.#onLeak(leak);
  });

  constructor(native: NativeNode, strict: boolean) {
    this.native = native;
    this.records = native.records;
    this.control = native.control;
    this.slab = native.slab;
    this.slabText = Buffer.from(native.slab.buffer, native.slab.byteOffset, native.slab.byteLength);
    this.slabMetadata = new MetadataReader(native.slab);
    this.nodeId = native.info.id;
    this.inputIds = native.info.inputs.map((input) => input.id);
    this.strict = strict;
  }

  /** Somebody waits for the loop from now on: it must not end for want of other work. */
  keepAlive(): void {
    if (this.control[Control.referenced] === 0) this.native.ref();
  }

  /** Something other than a consumer needs the loop, until letGo(). */
  hold(): void {
    this.#addHolds(1);
    this.keepAlive();
  }

  letGo(): void {
    this.#addHolds(-1);
  }

  #addHolds(change: number): void {
    this.control[Control.holds] = (this.control[Control.holds] ?? 0) + change;
  }

  /** Remembers a retained sample until forget(). Returns the key for that. */
  remember(sample: Retained, handle: number, input: number): number {
    const key = this.#nextKey++;
    this.#retained.set(key, new WeakRef(sample));
    this.#leaks.register(sample, { handle, input, key }, sample);
    return key;
  }

  forget(sample: Retained, key: number): void {
    this.#retained.delete(key);
    this.#leaks.unregister(sample);
  }

  /** As long as `buffer` is reachable, so is `sample`. */
  keepWithView(buffer: ArrayBufferLike, sample: Retained): void {
    this.#keptByView.set(buffer, sample);
  }

  /** For close(): every retained sample that is still there. */
  releaseRetained(): void {
    for (const reference of [...this.#retained.values()]) reference.deref()?.release();
    this.#retained.clear();
  }

  #onLeak({ handle, input, key }: Leak): void {
    if (!this.#retained.delete(key) || this.closed) return;
    if (handle >= 0) this.native.release(handle, null);
    if (this.#warned.has(input)) return;
    this.#warned.add(input);
    process.emitWarning(
      `a retained sample of input "${this.inputIds[input] ?? ''}" was never released; the garbage collector found it. ` +
        'Call release() on what retain() returns, or hold it by `using`: until then its memory is missing in the queue',
      { type: 'DoraWarning', code: 'DORA_SAMPLE_LEAK' },
    );
  }
}
