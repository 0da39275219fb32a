/**
 * Durations on the command line and in the summary: `500ms`, `2s`, `1.5m`, `1h`.
 *
 * A bare number is refused, since seconds and milliseconds are both what people expect. Nothing longer than Node.js's
 * timers can hold (24 days) is accepted, for they would fire at once.
 */

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** The longest timer of Node.js. */
const MAX_MS = 2 ** 31 - 1;

/** Milliseconds, or undefined when the text is no duration. A unit is needed: `10` could be either. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim());
  const ms = Number(match?.[1]) * (UNITS[match?.[2] ?? ''] ?? NaN);
  return Number.isFinite(ms) && ms <= MAX_MS ? ms : undefined;
}

/** For people: `850 ms`, `12.3 s`, `4 m 05 s`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, '0')} s`;
}
