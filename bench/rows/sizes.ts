/**
 * Payload sizes, as they stand in the names of rows.
 */

export interface Size {
  readonly label: string;
  readonly bytes: number;
}

/** 8b, 4kib, 400kib, 4mib. */
export function size(bytes: number): Size {
  if (bytes < 1024) return { label: `${bytes}b`, bytes };
  return bytes < 2 ** 20 ? { label: `${bytes / 1024}kib`, bytes } : { label: `${bytes / 2 ** 20}mib`, bytes };
}

export const KIB = 1024;
export const MIB = 2 ** 20;

/** Those that the latency rows have. */
export const latencySizes = [size(8), size(4 * KIB), size(40 * KIB), size(400 * KIB), size(4 * MIB)] as const;

/** Messages before the first that counts: enough for the compiler of JavaScript; of large ones, for every page of the pool. */
export function warmupFor(bytes: number): number {
  return bytes > MIB ? 200 : bytes > 64 * KIB ? 1000 : 5000;
}
