/**
 * Where this machine keeps what can be made again: compiled programs, clones, downloads.
 *
 * `$XDG_CACHE_HOME/dora-ts` or `~/.cache/dora-ts`, for the owner only; everything in it may be deleted at any time.
 * Whoever writes there writes under a temporary name and renames, for several runs use it at once.
 */

import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import path from 'node:path';

/** The folder; made when it is not there. */
export function cacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'];
  const folder = base !== undefined && path.isAbsolute(base) ? base : path.join(homedir(), '.cache');
  try {
    mkdirSync(path.join(folder, 'dora-ts'), { recursive: true, mode: 0o700 });
    return path.join(folder, 'dora-ts');
  } catch {
    // A home that is not there or not ours (containers): one folder a user, which nobody else may enter.
    const own = path.join(tmpdir(), `dora-ts-cache-${userInfo().uid}`);
    mkdirSync(own, { recursive: true, mode: 0o700 });
    const status = statSync(own);
    if (status.uid === userInfo().uid && (status.mode & 0o077) === 0) return own;
    return path.join(tmpdir(), `dora-ts-cache-${randomBytes(8).toString('hex')}`);
  }
}
