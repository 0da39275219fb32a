/**
 * `git:` sources: a repository and a branch, tag or commit -> a folder with exactly one commit.
 *
 * `<cache>/git/<hash of the address>/<commit>/`, one folder a commit, made under a temporary name and renamed, so that
 * many runs may fetch at once and nobody sees half of one. A commit that is there is used without a look at the network;
 * a branch or tag is asked for each time, since it may have moved, and what it was last is used, with a warning, when
 * nobody answers. The folder is a work tree: the node's build runs in it and its results stay for the next run.
 */

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { FetchSource } from '../message/plan.js';
import { FetchError, shownUrl } from './fetch-error.js';
import type { Git, GitResult } from './git.js';

export type GitSource = Extract<FetchSource, { kind: 'git' }>;

/** Temporary folders that are older belong to nobody any more. */
const STALE_MS = 24 * 3600 * 1000;

export interface GitContext {
  readonly git: Git;
  /** The cache's folder. */
  readonly cache: string;
  /** Something a person should know, while all goes on. */
  warn(message: string): void;
}

/**
 * The folder of the commit, and the commit in full.
 * @throws FetchError
 */
export async function fetchGit(source: GitSource, context: GitContext): Promise<{ path: string; commit: string }> {
  const store = path.join(context.cache, 'git', createHash('sha256').update(source.url).digest('hex').slice(0, 24));
  mkdirSync(store, { recursive: true, mode: 0o700 });
  removeStale(store);
  const clone = new Clone(store, source, context);
  if (source.rev !== undefined) return await clone.ofRevision(source.rev.toLowerCase());
  return await clone.ofName();
}

class Clone {
  readonly #store: string;
  readonly #source: GitSource;
  readonly #context: GitContext;
  readonly #shown: string;

  constructor(store: string, source: GitSource, context: GitContext) {
    this.#store = store;
    this.#source = source;
    this.#context = context;
    this.#shown = shownUrl(source.url);
  }

  /** A commit by its digits, all of them or the first. */
  async ofRevision(rev: string): Promise<{ path: string; commit: string }> {
    const known = readdirSync(this.#store).filter((name) => isCommit(name) && name.startsWith(rev));
    const [only, other] = known;
    if (only !== undefined && other === undefined) return { path: path.join(this.#store, only), commit: only };
    return await this.#checkOut(rev);
  }

  /** What a branch or tag is now; the default branch when neither is given. */
  async ofName(): Promise<{ path: string; commit: string }> {
    const { branch, tag, url } = this.#source;
    const ref = branch !== undefined ? `refs/heads/${branch}` : tag !== undefined ? `refs/tags/${tag}` : 'HEAD';
    const memory = path.join(this.#store, `ref-${createHash('sha256').update(ref).digest('hex').slice(0, 16)}`);
    const listed = await this.#context.git.run(this.#store, 'ls-remote', '--', url, ref, `${ref}^{}`);
    if (!listed.ok) return this.#remembered(memory, ref, listed);
    const found = new Map(listed.stdout.map((line) => [line.split('\t')[1] ?? '', line.split('\t')[0] ?? '']));
    // An annotated tag is an object of its own; ^{} is the commit it stands for.
    const commit = found.get(`${ref}^{}`) ?? found.get(ref);
    if (commit === undefined || !isCommit(commit)) throw this.#unknown(shownRef(ref));
    const result = existsSync(path.join(this.#store, commit))
      ? { path: path.join(this.#store, commit), commit }
      : await this.#checkOut(commit);
    writeWhole(memory, commit);
    return result;
  }

  #remembered(memory: string, ref: string, listed: GitResult): { path: string; commit: string } {
    const commit = existsSync(memory) ? readFileSync(memory, 'utf8') : '';
    const folder = path.join(this.#store, commit);
    if (!isCommit(commit) || !existsSync(folder)) throw this.#failed(listed);
    this.#context.warn(
      `${this.#shown} cannot be reached; taking ${shownRef(ref)} as it was last seen, commit ${commit} (${listed.lastLines.at(-1) ?? ''})`,
    );
    return { path: folder, commit };
  }

  /** Clones one commit under a temporary name and puts it in its place. */
  async #checkOut(rev: string): Promise<{ path: string; commit: string }> {
    const { git } = this.#context;
    const folder = path.join(this.#store, `tmp-${randomBytes(8).toString('hex')}`);
    mkdirSync(folder, { mode: 0o700 });
    try {
      const commit = await this.#fetchInto(folder, rev);
      const checkedOut = await git.run(folder, 'checkout', '--quiet', '--force', '--detach', commit);
      if (!checkedOut.ok) throw this.#failed(checkedOut);
      const final = path.join(this.#store, commit);
      try {
        renameSync(folder, final);
      } catch (error) {
        // Somebody else was faster; theirs is the same.
        if (!existsSync(final)) throw error;
      }
      return { path: final, commit };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Brings the commit into a new repository: alone when the server gives single commits, else with everything. */
  async #fetchInto(folder: string, rev: string): Promise<string> {
    const { git } = this.#context;
    const { url } = this.#source;
    for (const args of [
      ['init', '--quiet'],
      ['remote', 'add', '--', 'origin', url],
    ]) {
      const made = await git.run(folder, ...args);
      if (!made.ok) throw this.#failed(made);
    }
    const fetch = ['fetch', '--quiet', '--no-recurse-submodules'];
    const isWhole = rev.length === 40 || rev.length === 64;
    const alone = isWhole ? await git.run(folder, ...fetch, '--depth=1', 'origin', rev) : undefined;
    if (alone?.ok !== true) {
      const everything = ['+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*'];
      const all = await git.run(folder, ...fetch, 'origin', ...everything);
      if (!all.ok) throw this.#failed(all);
    }
    const parsed = await git.run(folder, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${rev}^{commit}`);
    const commit = parsed.stdout[0] ?? '';
    if (!parsed.ok || !isCommit(commit) || !commit.startsWith(rev)) throw this.#unknown(`commit ${rev}`);
    return commit;
  }

  #failed({ lastLines }: GitResult): FetchError {
    const said = lastLines.map((line) => line.replaceAll(this.#source.url, this.#shown));
    return new FetchError(
      'GIT_FAILED',
      `git cannot fetch ${this.#shown}: ${said.find((line) => /^(fatal|error):/.test(line)) ?? said.at(-1) ?? 'it says nothing'}`,
      'Look at the address, the network and your access: git asks for no password here, so keys or a credential helper are needed.',
      said,
    );
  }

  #unknown(what: string): FetchError {
    return new FetchError(
      'GIT_REVISION_UNKNOWN',
      `${this.#shown} has no ${what}, or more than one of that beginning`,
      `"git ls-remote ${this.#shown}" lists its branches and tags. A commit is found when a branch or tag leads to it.`,
    );
  }
}

function shownRef(ref: string): string {
  const [, kind, name] = /^refs\/(heads|tags)\/(.*)$/.exec(ref) ?? [];
  return name === undefined ? 'default branch' : `${kind === 'tags' ? 'tag' : 'branch'} "${name}"`;
}

function isCommit(text: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

function writeWhole(file: string, text: string): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, file);
}

function removeStale(store: string): void {
  const limit = Date.now() - STALE_MS;
  for (const name of readdirSync(store)) {
    if (!/^tmp-|\.tmp$/.test(name)) continue;
    const file = path.join(store, name);
    if ((statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? limit) < limit)
      rmSync(file, { recursive: true, force: true });
  }
}
