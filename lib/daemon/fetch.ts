/**
 * Brings to this machine what a dataflow takes from elsewhere, before anything is built: repositories and downloads.
 *
 * One after the other, the same source once however many nodes name it, into the cache folder. The first failure ends
 * it. Called by the daemon; the coordinator puts the folders and files that come back into build steps and plan.
 */

import type { FetchSource, Fetched, FetchStep } from '../message/plan.js';
import { cacheFolder } from './cache-folder.js';
import { fetchDownload } from './fetch-download.js';
import { FetchError, shownUrl } from './fetch-error.js';
import { fetchGit } from './fetch-git.js';
import { Git } from './git.js';
import type { Guard } from './guard.js';

export interface FetchCallbacks {
  onStart(owner: string, source: string): void;
  /** `pinned` says exactly what came: a commit, or the SHA-256 of a file. */
  onDone(owner: string, source: string, pinned: string): void;
  warn(owner: string, message: string): void;
}

export class Fetch {
  readonly #abort = new AbortController();
  readonly #cache: string;

  /** @param cache absent: the machine's */
  constructor(cache: string = cacheFolder()) {
    this.#cache = cache;
  }

  /** @throws FetchError with the node in its details */
  async run(steps: readonly FetchStep[], guard: Guard | undefined, callbacks: FetchCallbacks): Promise<Fetched[]> {
    const done = new Map<string, { path: string; pinned: string }>();
    const git = new Git(guard, this.#abort.signal);
    const fetched: Fetched[] = [];
    for (const { owner, source } of steps) {
      const key = JSON.stringify(source);
      let found = done.get(key);
      if (found === undefined) {
        callbacks.onStart(owner, describe(source));
        found = await this.#fetch(owner, source, git, callbacks);
        callbacks.onDone(owner, describe(source), found.pinned);
        done.set(key, found);
      }
      fetched.push({ owner, path: found.path, pinned: found.pinned });
    }
    return fetched;
  }

  /** run() then rejects with FETCH_STOPPED. */
  cancel(): void {
    this.#abort.abort();
  }

  async #fetch(
    owner: string,
    source: FetchSource,
    git: Git,
    callbacks: FetchCallbacks,
  ): Promise<{ path: string; pinned: string }> {
    const context = {
      cache: this.#cache,
      git,
      signal: this.#abort.signal,
      warn: (message: string): void => {
        callbacks.warn(owner, message);
      },
    };
    try {
      if (source.kind === 'git') {
        const { path, commit } = await fetchGit(source, context);
        return { path, pinned: `commit ${commit}` };
      }
      const { path, sha256 } = await fetchDownload(source, context);
      return { path, pinned: `sha256 ${sha256}` };
    } catch (error) {
      if (error instanceof FetchError) error.details = { ...error.details, node: owner };
      throw error;
    }
  }
}

function describe(source: FetchSource): string {
  const url = shownUrl(source.url);
  if (source.kind === 'download') return url;
  const { branch, tag, rev } = source;
  const what =
    branch !== undefined
      ? `branch ${branch}`
      : tag !== undefined
        ? `tag ${tag}`
        : rev !== undefined
          ? `rev ${rev}`
          : 'default branch';
  return `${url} (${what})`;
}
