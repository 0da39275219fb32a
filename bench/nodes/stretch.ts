/**
 * The messages that count of a stream: how long they took, and what a steady one should not meet while they passed, page faults of this
 * process and major collections of its heap.
 *
 * Looking must not be what is seen. So marks are taken all through the warm-up, and the last two count: V8 compiles what is called for
 * the first time, and throws away a loop in which a branch is taken that never was before. And collections are noticed by an object that
 * only a major one finds dead: a PerformanceObserver is called for each minor one too, and what it is given touches new memory.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';
import { nowNs, setting } from './bench-node.js';

/** Messages from one mark of the warm-up to the next. */
const EVERY = 500;
/** Of them, how many until the young generation is filled. */
const FILLS = 10;
/** What a receiver rests at each. */
const REST_MS = 1;
const ITEMS = 50;
const still = new Int32Array(new SharedArrayBuffer(4));

interface Mark {
  ns: bigint;
  faults: number;
  collections: number;
}

export class Stretch {
  readonly warmup = setting('BENCH_WARMUP');
  readonly count = setting('BENCH_COUNT');
  readonly total = this.warmup + this.count;
  #next = this.warmup % EVERY === 0 ? EVERY : this.warmup % EVERY;
  #from: Mark = { ns: 0n, faults: 0, collections: 0 };
  #to: Mark = { ns: 0n, faults: 0, collections: 0 };
  #marks = 0;
  #collections = 0;
  readonly #dead = new FinalizationRegistry(() => {
    this.#collections++;
    this.#watch();
  });
  readonly #rests: boolean;

  /** @param rests a receiver: its sender fills the queue meanwhile, and its pool with it, and waits for room */
  constructor({ rests = false } = {}) {
    this.#rests = rests;
    this.#watch();
  }

  /** To be called after each message, with how many there were. */
  after(messages: number): void {
    if (messages === this.#next) this.#mark(messages);
  }

  /** Of the messages that counted. */
  async end(): Promise<{ ns: bigint; faults: bigint; collections: bigint }> {
    // Of a collection it is told in a later turn.
    await turn();
    await turn();
    return {
      ns: this.#to.ns - this.#from.ns,
      faults: BigInt(this.#to.faults - this.#from.faults),
      collections: BigInt(this.#collections - this.#from.collections),
    };
  }

  #mark(messages: number): void {
    if (messages < this.warmup) {
      if (++this.#marks % FILLS === 0) fillYoungGeneration();
      if (this.#rests) Atomics.wait(still, 0, 0, REST_MS);
    }
    this.#next = messages < this.warmup ? messages + EVERY : this.total;
    const mark = this.#from;
    this.#from = this.#to;
    this.#to = mark;
    const { minorPageFault, majorPageFault } = process.resourceUsage();
    mark.faults = minorPageFault + majorPageFault;
    mark.collections = this.#collections;
    mark.ns = nowNs();
  }

  #watch(): void {
    this.#dead.register({}, undefined);
  }
}

/** Objects that nobody keeps, and small ones, which fit to the end of each page: until both of its halves were full. */
function fillYoungGeneration(): void {
  const { space_size: size = 0 } = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space') ?? {};
  for (let bytes = 0; bytes < 3 * size; bytes += 8 * ITEMS) void new Array<number>(ITEMS).fill(0);
}
