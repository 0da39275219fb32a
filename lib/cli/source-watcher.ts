/**
 * Calls back when a file that a dataflow is made of has changed: the dataflow's, those of its modules, those under `types/`.
 *
 * Folders are watched, not files: an editor that replaces a file, or removes and makes it again, is seen all the same, and
 * so is a file that comes later; where a folder is not there, the nearest one above it is watched. Files that are no YAML
 * cost nothing. Changes that come close together are one. Used by `dora types --watch`.
 */

import { existsSync, type Stats } from 'node:fs';
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
  readonly #watched = new Set<string>();
  readonly #update: () => readonly string[];
  #timer: NodeJS.Timeout | undefined;

  private constructor(file: string, update: () => readonly string[], onError: (error: unknown) => void) {
    this.#update = update;
    this.#sources.add(path.resolve(file));
    const folder = path.dirname(path.resolve(file));
    const options = { ignoreInitial: true, ignored: (name: string, stats?: Stats) => this.#isIgnored(name, stats) };
    this.#watched.add(folder);
    this.#folders = watch(folder, { ...options, depth: 0 });
    this.#types = watch(path.join(folder, 'types'), { ...options, depth: TYPES_DEPTH });
    for (const watcher of [this.#folders, this.#types]) watcher.on('error', onError);
    this.#folders.on('all', (event, name) => {
      const changed = path.resolve(name);
      if (event === 'unlinkDir') this.#watched.delete(changed);
      if (this.#leadsToSource(changed)) this.#settle();
    });
    this.#types.on('all', () => {
      this.#settle();
    });
  }

  /**
   * Calls `update` once, and after each change; also when there may have been none. It returns the files that it
   * depends on.
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
    for (const source of this.#update()) this.#sources.add(path.resolve(source));
    let isNew = false;
    for (const source of this.#sources) {
      const folder = nearestFolder(path.dirname(source));
      if (this.#watched.has(folder)) continue;
      this.#watched.add(folder);
      this.#folders.add(folder);
      isNew = true;
    }
    // What changed after it was read and before its folder was watched was not seen.
    if (isNew) this.#settle();
  }

  /** A source, or a folder in which one lies. */
  #leadsToSource(name: string): boolean {
    return [...this.#sources].some((source) => source === name || source.startsWith(name + path.sep));
  }

  #isIgnored(name: string, stats: Stats | undefined): boolean {
    return stats?.isFile() === true && !/\.ya?ml$/.test(name) && !this.#sources.has(path.resolve(name));
  }
}

function nearestFolder(folder: string): string {
  return existsSync(folder) || path.dirname(folder) === folder ? folder : nearestFolder(path.dirname(folder));
}

function ready(watcher: FSWatcher): Promise<void> {
  return new Promise((resolve) => watcher.once('ready', resolve));
}
