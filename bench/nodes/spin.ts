/**
 * How long a node of a `spin` row spins for its next message before it would sleep: longer than any message takes, so that it
 * never sleeps while the row is measured.
 */

export const SPIN_US = 1_000_000;
