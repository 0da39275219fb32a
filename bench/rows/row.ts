/**
 * What a row of the table is, and where it comes from.
 *
 * A case is one dataflow, or one peer's programs; running it once gives figures for one or more rows. A row knows what it is compared with
 * (peer, the name of another row) and its goal; it never measures its peer itself, so that both come from the same run. Adding a row
 * means adding a case in a file of this folder and naming it in cases.ts.
 */

import type { Peer, Requirement } from '../peers/peer.js';

/** Of units of time the samples are nanoseconds, and the value is their median; of others the samples are the value itself, one a round. */
export type Unit = 'ns' | 'µs' | 'ms' | 's' | 'msg/s' | 'KiB' | 'MiB' | '1/s' | '%' | 'count';

export type Goal =
  /** value / peerValue at most, or at least. */
  | { readonly ratioAtMost: number }
  | { readonly ratioAtLeast: number }
  /** value at most, or at least. */
  | { readonly valueAtMost: number }
  | { readonly valueAtLeast: number };

export interface Row {
  /** kebab-case; starts with what is measured. */
  readonly name: string;
  readonly unit: Unit;
  /** How: which call the reader waits in, from which stamp. */
  readonly mode: string;
  /** The row it is compared with; several: with the sum of their values. */
  readonly peer?: string | readonly string[];
  readonly goal?: Goal;
  /** It measures nothing: the figures are those of this row, compared with another peer. */
  readonly from?: string;
}

/** How names may start. */
export const prefixes = [
  'latency-',
  'throughput-',
  'operator-',
  'startup-',
  'memory-',
  'chain-',
  'idle-',
  'network-',
] as const;

/** What a case measured, by the name of its row. */
export type Samples = Readonly<Record<string, ArrayLike<number>>>;

export interface Case {
  readonly rows: readonly Row[];
  /** Whose figures these are, if not ours. It has to be there, or the case is left out; its failure is not ours. */
  readonly peer?: Peer;
  /** A tool without which a case of ours is left out. */
  readonly needs?: Requirement;
  /** Whether `--quick` has it too. Default false. */
  readonly quick?: boolean;
  /** Measured again in each round. Default false: once. */
  readonly rounds?: boolean;
  /** @param quick fewer messages, as far as the row allows */
  measure(quick: boolean): Promise<Samples>;
}

/** Another comparison of figures that `from` measures anyway. */
export function compare(from: Row, peer: string, label: string, goal?: Goal): Row {
  const { unit, mode } = from;
  return {
    name: `${from.name}-vs-${label}`,
    unit,
    mode,
    from: from.name,
    peer,
    ...(goal === undefined ? {} : { goal }),
  };
}
