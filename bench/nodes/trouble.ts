/**
 * What a steady stream should not meet: page faults of this process, and major collections of its heap.
 */

import { PerformanceObserver, constants } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';

export class Trouble {
  #faultsBefore = 0;
  #collections = 0;
  readonly #observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { detail } = entry as unknown as { detail: { kind: number } };
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) this.#collections++;
    }
  });

  /** Counts from here on. */
  begin(): void {
    this.#observer.observe({ entryTypes: ['gc'] });
    this.#faultsBefore = faults();
  }

  /** Page faults and major collections since. */
  async end(): Promise<[faults: bigint, collections: bigint]> {
    const seen = faults() - this.#faultsBefore;
    // What it has observed is told in a later turn.
    await turn();
    await turn();
    this.#observer.disconnect();
    return [BigInt(seen), BigInt(this.#collections)];
  }
}

function faults(): number {
  const { minorPageFault, majorPageFault } = process.resourceUsage();
  return minorPageFault + majorPageFault;
}
