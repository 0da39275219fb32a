/**
 * The file in which a program writes its figures: pairs of 64-bit numbers in the machine's byte order. What they mean is said by
 * bench/native/bench.h and by each program.
 */

import { existsSync, readFileSync } from 'node:fs';

/** The two columns. */
export interface Pairs {
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/** Undefined when there is none. @throws Error when it is empty or torn */
export function readPairs(file: string): Pairs | undefined {
  if (!existsSync(file)) return undefined;
  const bytes = readFileSync(file);
  if (bytes.byteLength === 0 || bytes.byteLength % 16 !== 0) throw new Error(`${file} has ${bytes.byteLength} bytes`);
  const numbers = new BigUint64Array(Uint8Array.from(bytes).buffer);
  const column = (offset: number): Float64Array =>
    Float64Array.from({ length: numbers.length / 2 }, (_, index) => Number(numbers[2 * index + offset]));
  return { first: column(0), second: column(1) };
}
