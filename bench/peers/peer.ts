/**
 * Those that the benchmark compares with, and the tools that its own programs need: whether they are here, and how to get them.
 *
 * What a peer needs is put into one folder outside the repository (DORA_BENCH_CACHE, default ~/.cache/dora-ts-bench), so that it
 * survives a clean clone. What is installed in a minute is installed when a run needs it; what has to be compiled only by
 * `npm run bench -- --install`. What is not here is a reason in words, never an error.
 */

import { homedir } from 'node:os';
import path from 'node:path';

export interface Requirement {
  readonly title: string;
  /** What getting it takes: nothing; a download of a minute; a compiler for longer. */
  readonly effort: 'none' | 'install' | 'compile';
  /** Whether it can be used now. */
  isHere(): boolean;
  /** Gets it. @param log told what is going on. @throws Error with the reason when it cannot be had */
  install(log: (line: string) => void): Promise<void>;
}

/** One that a row of ours is compared with. */
export type Peer = Requirement;

/** How long an installer may take. */
export const INSTALL_MS = 10 * 60_000;

/** Where peers are kept. */
export function cacheFolder(...parts: string[]): string {
  const root = process.env['DORA_BENCH_CACHE'] ?? path.join(homedir(), '.cache/dora-ts-bench');
  return path.join(root, ...parts);
}

/** Makes sure of it. @returns why it is left out, or undefined. @param thorough compile it too, if that is what it takes */
export async function makeReady(
  requirement: Requirement,
  thorough: boolean,
  log: (line: string) => void,
): Promise<string | undefined> {
  if (requirement.isHere()) return undefined;
  if (requirement.effort === 'compile' && !thorough) return 'it is not built here; run: npm run bench -- --install';
  try {
    await requirement.install(log);
    return requirement.isHere() ? undefined : 'it was installed and is not there';
  } catch (error) {
    return reasonOf(error);
  }
}

/** The first line of an error, and the last of what the program printed: that is where installers say why. */
function reasonOf(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error))
    .split('\n')
    .filter((line) => line.trim() !== '');
  const [first = 'no reason', ...others] = lines;
  const last = others.at(-1);
  return last === undefined ? first : `${first}: ${last.trim()}`;
}
