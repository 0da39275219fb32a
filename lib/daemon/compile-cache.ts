/**
 * Compiled programs on disk: `<cache>/dora-ts/<hash of the source's path>/`, one entry a source file.
 *
 * An entry is good while every file that went into it has the same content, every package that it names is the same,
 * and compiler and settings (`key`) are; nothing is trusted by its time stamp. Files are written under a
 * temporary name and renamed, so two dataflows may compile the same source at once. The cache may be deleted at any time.
 */

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from './cache-folder.js';

/** Outputs of older contents may still be read by nodes that run (source maps); they go after a day. */
const KEEP_MS = 24 * 3600 * 1000;

/** What an output was made from. */
export interface CacheRecord {
  readonly key: string;
  /** File name of the output inside the entry. */
  readonly output: string;
  /** Absolute path -> SHA-256 of the content: sources, their tsconfig, package.json of imported packages. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Absolute files that the output imports. */
  readonly imports: readonly string[];
}

export class CompileCache {
  readonly #folder: string;

  /** @param folder absent: $XDG_CACHE_HOME/dora-ts, or ~/.cache/dora-ts */
  constructor(folder: string = cacheFolder()) {
    this.#folder = folder;
  }

  /** The compiled file of this source when it is still good. */
  find(source: string, key: string): string | undefined {
    try {
      const entry = this.entry(source);
      const record = JSON.parse(readFileSync(path.join(entry, 'record.json'), 'utf8')) as CacheRecord;
      const output = path.join(entry, record.output);
      const good =
        record.key === key &&
        existsSync(output) &&
        record.imports.every((file) => existsSync(file)) &&
        Object.entries(record.inputs).every(([file, hash]) => hashFile(file) === hash);
      return good ? output : undefined;
    } catch {
      return undefined;
    }
  }

  /** Stores an output with its source map and returns its path. `map` is written beside it as `<output>.map`. */
  store(source: string, record: CacheRecord, code: Uint8Array, map: Uint8Array): string {
    const entry = this.entry(source);
    mkdirSync(entry, { recursive: true, mode: 0o700 });
    const output = path.join(entry, record.output);
    writeWhole(`${output}.map`, map);
    writeWhole(output, code);
    writeWhole(path.join(entry, 'record.json'), JSON.stringify(record));
    this.#removeOld(entry, record.output);
    return output;
  }

  /** The folder in which the output of this source lies. */
  entry(source: string): string {
    return path.join(this.#folder, createHash('sha256').update(source).digest('hex').slice(0, 24));
  }

  #removeOld(entry: string, current: string): void {
    const limit = Date.now() - KEEP_MS;
    for (const name of readdirSync(entry)) {
      if (name === 'record.json' || name.startsWith(current)) continue;
      const file = path.join(entry, name);
      if ((statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? limit) < limit) rmSync(file, { force: true });
    }
  }
}

/** SHA-256 of a file's content; empty when it cannot be read. */
export function hashFile(file: string): string {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return '';
  }
}

function writeWhole(file: string, content: Uint8Array | string): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  writeFileSync(temporary, content, { mode: 0o600 });
  renameSync(temporary, file);
}
