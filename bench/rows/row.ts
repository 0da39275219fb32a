/**
 * What a row of the table is, and where it comes from.
 *
 * A case is one dataflow; running it once gives figures for one or more rows. A row knows what it is compared with (peer, the
 * name of another row) and its goal; it never measures its peer itself, so that both come from the same run. Adding a row
 * means adding a case in a file of this folder and naming it in cases.ts.
 */

export type Goal =
  /** value / peerValue at most. */
  | { readonly ratioAtMost: number }
  /** value at least. */
  | { readonly valueAtLeast: number };

interface RowCommon {
  /** kebab-case; starts with what is measured: `latency-`, `throughput-`. */
  readonly name: string;
  /** How: which call the reader waits in, from which stamp. */
  readonly mode: string;
  /** The row it is compared with. */
  readonly peer?: string;
  readonly goal?: Goal;
}

/** Values are times, lower is better; the value is the median. */
export interface LatencyRow extends RowCommon {
  readonly unit: 'µs';
}
/** Values are rates, higher is better; the value is the median of the rounds. */
export interface RateRow extends RowCommon {
  readonly unit: 'msg/s';
}
export type Row = LatencyRow | RateRow;

/** How much to measure in one round. */
export interface Scale {
  /** The share of a full round, above 0 to 1. */
  readonly factor: number;
}

export interface Case {
  readonly rows: readonly Row[];
  /** Runs once. One array for each row: nanoseconds of each message, or one rate. */
  measure(scale: Scale): Promise<Float64Array[]>;
}
