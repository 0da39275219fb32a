/**
 * Finds and reads the files that `module:` names.
 *
 * A path is relative to the file in which it stands, and the file lies inside the project: the folder of the file that
 * the caller named, after all symbolic links were followed. A module that is checked by itself has no project, so there
 * only absolute paths are refused. Each file is read once. What all of them may hold is bounded, and so is how deep they
 * may name each other.
 */

import { realpathSync } from 'node:fs';
import path from 'node:path';
import type { Place, Problem } from './diagnostic.js';
import { statusOf } from './files.js';
import { SourceFile } from './source-file.js';
import { readText } from './source-text.js';
import { didYouMeanFile, hints, quote } from './suggest.js';

export const MAX_MODULE_DEPTH = 8;
/** Of all module files together, in characters. */
const MAX_TOTAL_TEXT = 16 * 1024 * 1024;
const MAX_FILES = 500;

/** The files that lead to a module, the outermost first. */
export interface Chain {
  readonly file: SourceFile;
  /** Without symbolic links. */
  readonly real: string;
  readonly outer: Chain | undefined;
  /** How many modules deep: 0 for the file that the caller named. */
  readonly depth: number;
}

export class ModuleFiles {
  readonly #files = new Map<string, SourceFile>();
  readonly #looked = new Set<string>();
  readonly #root: SourceFile;
  readonly #project: string | undefined;
  #text = 0;

  /** @param root the file that the caller named; it need not exist */
  constructor(root: SourceFile) {
    this.#root = root;
    this.#project = root.kind === 'module' ? undefined : (realPath(root.folder) ?? root.folder);
  }

  /** The chain that begins with the file that the caller named. */
  start(): Chain {
    const { file } = this.#root.name;
    return { file: this.#root, real: realPath(file) ?? file, outer: undefined, depth: 0 };
  }

  /** All module files that were read, in the order of their first use. */
  all(): SourceFile[] {
    return [...this.#files.values()];
  }

  /** Absolute paths inside the project that modules were looked for at, whether or not a file is there. */
  looked(): readonly string[] {
    return [...this.#looked];
  }

  /** Opens the file that a node of the chain's last file names; a problem is reported at `place`, in that file. */
  open(written: string, chain: Chain, place: Place): Chain | undefined {
    const opened = this.#open(written, chain, place);
    if (!('code' in opened)) return opened;
    chain.file.reporter.report(place, opened);
    return undefined;
  }

  #open(written: string, chain: Chain, place: Place): Chain | Problem {
    const { file, depth } = chain;
    if (depth >= MAX_MODULE_DEPTH) {
      return {
        code: 'MODULE_TOO_DEEP',
        message: `modules name each other more than ${String(MAX_MODULE_DEPTH)} deep: ${shownChain(chain, written)}`,
        hint: 'Name the inner modules side by side in fewer files.',
      };
    }
    const found = this.#find(written, file);
    if ('code' in found) return found;
    const { real } = found;
    for (let link: Chain | undefined = chain; link !== undefined; link = link.outer) {
      if (link.real !== real) continue;
      return {
        code: 'MODULE_CYCLE',
        message: `the module names itself: ${shownChain(chain, this.#shown(real))}`,
        hint: 'A module may be used many times, but not inside itself.',
      };
    }
    const opened = this.#files.get(real) ?? this.#read(real, file, place);
    if ('code' in opened) return opened;
    if (opened.kind !== 'module' && opened.kind !== 'unknown') {
      return {
        code: 'NOT_A_MODULE',
        message: `${quote(written)} is ${opened.kind === 'node' ? 'a node alone' : `a ${opened.kind}`}, not a module`,
        hint: 'A module has the keys "module" (its name, inputs and outputs) and "nodes".',
      };
    }
    return { file: opened, real, outer: chain, depth: depth + 1 };
  }

  #find(written: string, from: SourceFile): { real: string } | Problem {
    if (path.isAbsolute(written) || /^[A-Za-z]:[\\/]|^\\/.test(written)) {
      return {
        code: 'MODULE_OUTSIDE',
        message: `the path of a module has to be relative, not ${quote(written)}`,
        hint: 'It starts at the folder of the file in which it stands.',
      };
    }
    const wanted = path.resolve(from.folder, written);
    const outside: Problem = {
      code: 'MODULE_OUTSIDE',
      message: `the module ${quote(written)} lies outside the project`,
      hint: `Modules lie in the folder of the dataflow file (${this.#root.folder}) or below it, also after links were followed.`,
    };
    const real = realPath(wanted);
    if (real === undefined) {
      const near = realPath(path.dirname(wanted));
      if (this.#isOutside(near ?? wanted) && near !== undefined) return outside;
      this.#looked.add(wanted);
      return {
        code: 'FILE_NOT_FOUND',
        message: `there is no module file ${quote(written)}`,
        hint: hints(
          didYouMeanFile(written, /\.ya?ml$/, wanted),
          `Looked for ${wanted}. The path starts at the folder of the file in which it stands.`,
        ),
      };
    }
    if (this.#isOutside(real)) return outside;
    // Where a link stands, another file may come; where it leads, the file may change.
    this.#looked.add(wanted).add(this.#inFolder(real));
    const status = statusOf(real);
    if (status?.isFile() === true) return { real };
    return {
      code: 'FILE_NOT_FOUND',
      message: `${quote(written)} is ${status?.isDirectory() === true ? 'a folder' : 'a device, pipe or socket'}, not a module file`,
      hint: 'Give the path of a YAML file with the keys "module" and "nodes".',
    };
  }

  #isOutside(real: string): boolean {
    return this.#project !== undefined && !isInside(real, this.#project);
  }

  #read(real: string, from: SourceFile, place: Place): SourceFile | Problem {
    const text = readText(real);
    if (typeof text !== 'string') return { ...text, message: `the module cannot be read: ${text.message}` };
    this.#text += text.length;
    if (this.#text > MAX_TOTAL_TEXT || this.#files.size >= MAX_FILES) {
      return {
        code: 'FILE_TOO_LARGE',
        message: `the modules of this dataflow hold more than ${String(MAX_TOTAL_TEXT / 1024 / 1024)} MiB or ${String(MAX_FILES)} files`,
        hint: 'Are these the right files?',
      };
    }
    const included = `Included by ${from.name.shown}:${String(place.range.line)}.`;
    const more = from.name.included === undefined ? included : `${included} ${from.name.included}`;
    const opened = new SourceFile({ file: this.#inFolder(real), shown: this.#shown(real), included: more }, text);
    this.#files.set(real, opened);
    return opened;
  }

  /** The path as the project's folder is called, which may itself be a link. */
  #inFolder(real: string): string {
    return this.#project === undefined ? real : path.join(this.#root.folder, path.relative(this.#project, real));
  }

  /** Relative to where the caller is, as the name of the first file is. */
  #shown(real: string): string {
    const { shown } = this.#root.name;
    if (this.#project === undefined) {
      const folder = realPath(this.#root.folder) ?? this.#root.folder;
      return path.join(path.dirname(shown), path.relative(folder, real));
    }
    return path.join(path.dirname(shown), path.relative(this.#project, real));
  }
}

function isInside(file: string, folder: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

function shownChain(chain: Chain, last: string): string {
  const names = [last];
  for (let link: Chain | undefined = chain; link !== undefined; link = link.outer) names.push(link.file.name.shown);
  return names.reverse().join(' -> ');
}

function realPath(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}
