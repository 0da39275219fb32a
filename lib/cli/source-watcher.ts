/**
 * Calls back when a file that a dataflow is made of has changed: the dataflow's, those of its modules, those under `types/`.
 *
 * Folders are watched, not files: an editor that replaces a file, or removes and makes it again, is seen all the same, and
 * so is a file that comes later. Files that are no YAML cost nothing. Changes that come close together are one. Used by
 * `dora types --watch`.
 */

import type { Stats } from 'node:fs';
import path from 'node:path';
import { watch, type FSWatcher } from 'chokidar';

/** Editors write a file in several steps. */
const SETTLE_MS = 80;
/** As deep as lib/descriptor looks for types. */
const TYPES_DEPTH = 8;

export class SourceWatcher {
  readonly #folders: FSWatcher;
  readonly #types: FSWatcher;
  readonly #sources = new Set<string>();
  readonly #update: () => readonly string[];
  #timer: NodeJS.Timeout | undefined;

  private constructor(file: string, update: () => readonly string[], onError: (error: unknown) => void) {
    this.#update = update;
    this.#sources.add(path.resolve(file));
    const folder = path.dirname(path.resolve(file));
    const options = { ignoreInitial: true, ignored: (name: string, stats?: Stats) => this.#isIgnored(name, stats) };
    this.#folders = watch(folder, { ...options, depth: 0 });
    this.#types = watch(path.join(folder, 'types'), { ...options, depth: TYPES_DEPTH });
    for (const watcher of [this.#folders, this.#types]) watcher.on('error', onError);
    this.#folders.on('all', (_, name) => {
      if (this.#sources.has(path.resolve(name))) this.#settle();
    });
    this.#types.on('all', () => {
      this.#settle();
    });
  }

  /**
   * Calls `update` once, and after each change. It returns the files that it has read.
   * @param onError takes what the system says about watching, such as a limit that is reached
   */
  static async start(
    file: string,
    update: () => readonly string[],
    onError: (error: unknown) => void,
  ): Promise<SourceWatcher> {
    const watcher = new SourceWatcher(file, update, onError);
    // Only what is watched already cannot change unseen.
    await Promise.all([ready(watcher.#folders), ready(watcher.#types)]);
    watcher.#run();
    return watcher;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all([this.#folders.close(), this.#types.close()]);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#run();
    }, SETTLE_MS);
  }

  #run(): void {
    for (const source of this.#update()) {
      const name = path.resolve(source);
      if (this.#sources.has(name)) continue;
      this.#sources.add(name);
      this.#folders.add(path.dirname(name));
    }
  }

  #isIgnored(name: string, stats: Stats | undefined): boolean {
    return stats?.isFile() === true && !/\.ya?ml$/.test(name) && !this.#sources.has(path.resolve(name));
  }
}

function ready(watcher: FSWatcher): Promise<void> {
  return new Promise((resolve) => watcher.once('ready', resolve));
}
