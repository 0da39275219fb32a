/**
 * What the sink knows of the frames it has received: whether each has the pixels it must have, how many were lost and where, and
 * how long they took.
 *
 * Frames repeat after as many as there are checksums. The latency of a frame is the time from the camera's send to the sink's
 * loop, through the operator, both read from the dataflow's clock.
 */

import { createHash } from 'node:crypto';
import type { InputEvent } from 'dora-ts';

export interface Frame {
  readonly frame: number;
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** Metadata that sobel.c writes. */
const keys = ['frame', 'width', 'height', 'sent_at_ns', 'lost'] as const;

export class FrameCheck {
  received = 0;
  /** Frames dropped between the operator and the sink. */
  dropped = 0;
  /** Frames dropped between the camera and the operator. */
  lost = 0;
  /** One sentence each; empty when all is well. */
  readonly problems: string[] = [];
  readonly #checksums: readonly string[];
  readonly #lossy: boolean;
  readonly #latenciesNs: bigint[] = [];
  /** Frames that the camera has sent up to the last one received. */
  #sent = 0;

  /** `checksums`: a line for each frame, the SHA-256 of its pixels first. */
  constructor(checksums: string, options: { lossy: boolean }) {
    this.#checksums = checksums
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.slice(0, 64));
    this.#lossy = options.lossy;
  }

  /** Counts and checks one message of the operator. Its pixels are lent, as the event is. */
  take(event: InputEvent, nowNs: bigint): Frame {
    const [frame, width, height, sentAtNs, lost] = keys.map((key) => readInteger(event, key)) as [
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    this.#latenciesNs.push(nowNs - sentAtNs);
    this.received += 1;
    this.dropped += event.dropped;
    this.lost = Number(lost);
    const expected = Number(frame) + 1;
    if (!this.#lossy && expected !== this.#sent + 1)
      this.problems.push(`frame ${frame} came after ${this.#sent} frames`);
    if (this.received + this.dropped + this.lost !== expected) {
      this.problems.push(
        `${expected} frames were sent, but ${this.received} received and ${this.dropped + this.lost} dropped`,
      );
    }
    this.#sent = expected;
    const checksum = createHash('sha256').update(event.data).digest('hex');
    if (checksum !== this.#checksums[Number(frame) % this.#checksums.length]) {
      this.problems.push(`frame ${frame} has the checksum ${checksum}, which is wrong`);
    }
    return { frame: Number(frame), width: Number(width), height: Number(height), pixels: event.data };
  }

  /** Four lines for people, and one for each of the first problems. */
  report(): string {
    const wrong = this.problems.slice(0, 10).map((problem) => `problem: ${problem}`);
    return [
      `frames: ${this.#sent} sent by the camera, ${this.received} received and compared`,
      `drops: ${this.lost} on the way to sobel, ${this.dropped} on the way to the sink`,
      `latency: p50 ${this.#percentileMs(0.5)} ms, p99 ${this.#percentileMs(0.99)} ms from the camera's send to the sink`,
      `result: ${this.problems.length === 0 ? 'every frame is as it must be' : `problems: ${this.problems.length}`}`,
      ...wrong,
    ].join('\n');
  }

  #percentileMs(share: number): string {
    const sorted = this.#latenciesNs.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const at = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    return at === undefined ? '-' : (Number(at) / 1e6).toFixed(2);
  }
}

function readInteger(event: InputEvent, key: string): bigint {
  const value = event.metadata[key];
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw new TypeError(`the message has no integer "${key}" in its metadata`);
}
