/**
 * Finds the files that a dataflow names: programs, shared libraries, modules of operators, folders.
 *
 * A relative path starts at the folder of the dataflow file, then at the node's working directory. A program's name
 * without "/" that is no file there is looked up in PATH, so that `python3` and `node` work. A library is found with or
 * without its prefix `lib` and its extension. The daemon resolves by the same functions by which `dora check` checks.
 */

import { accessSync, constants, statSync, type Stats } from 'node:fs';
import path from 'node:path';
import type { Reporter } from './diagnostic.js';
import type { DraftNode, FileWish } from './draft.js';
import { didYouMeanFile, hints, listNames, quote } from './suggest.js';

/**
 * Which files have to be there. `require`: all (to start now). `allowBuildable`: all but those that some `build:` may
 * make (to build first). `warnBuildable`: the same, with a warning for those. `ignore`: no file is looked at.
 */
export type FilePolicy = 'require' | 'allowBuildable' | 'warnBuildable' | 'ignore';

/** Where a relative path starts. */
export interface SearchPlace {
  /** Folder of the dataflow file. */
  folder: string;
  workingDirectory: string;
  /** PATH in which names without "/" are looked up; absent: the one of this process. */
  path?: string | undefined;
}

/** The absolute file, or every file that was tried, in order. */
export type Found = { file: string } | { tried: string[] };

/** Finds a program. A script needs no permission to execute; isScript() says what counts as one. */
export function resolveProgram(command: string, where: SearchPlace): Found {
  const tried = bases(command, where);
  if (!command.includes('/')) {
    const folders = (where.path ?? process.env['PATH'] ?? '')
      .split(path.delimiter)
      .filter((folder) => path.isAbsolute(folder));
    const direct = tried.find(isFile);
    const inPath = folders
      .map((folder) => path.join(folder, command))
      .find((file) => isFile(file) && isExecutable(file));
    const file = direct ?? inPath;
    return file === undefined
      ? { tried: [...tried, ...folders.map((folder) => path.join(folder, command))] }
      : { file };
  }
  return firstFile(tried);
}

/** Finds a shared library: `libx`, `libx.so` and `x` all find `libx.so`. */
export function resolveLibrary(library: string, where: SearchPlace): Found {
  const extension = process.platform === 'darwin' ? '.dylib' : process.platform === 'win32' ? '.dll' : '.so';
  const base = path.basename(library);
  // A version may follow the extension: libx.so.1.
  const hasExtension = base.endsWith(extension) || base.includes(`${extension}.`);
  const withExtension = hasExtension ? [base] : [`${base}${extension}`];
  const names = withExtension.flatMap((name) => (name.startsWith('lib') ? [name, `lib${name}`] : [`lib${name}`, name]));
  // The name as written comes last: next to libx.so there may be a program x.
  const inOrder = hasExtension ? [base, ...names] : [...names, base];
  const folder = path.dirname(library);
  return firstFile([...new Set(inOrder)].flatMap((name) => bases(path.join(folder, name), where)));
}

/** Finds a file that is named in full, such as a Python or WebAssembly operator. */
export function resolveFile(file: string, where: SearchPlace): Found {
  return firstFile(bases(file, where));
}

/** Whether a program is run by an interpreter and needs no permission to execute. */
export function isScript(file: string): boolean {
  return /\.(py|[cm]?js|[cm]?ts)$/.test(file);
}

/**
 * Who may make a file that is not there yet: the build of its own node, or of another one, where `make` stands once for
 * all. A script or a folder that only another node could make is more likely misspelt.
 */
function maker(wish: FileWish, othersBuild: boolean): string | undefined {
  if (wish.buildable) return '"build" may make it.';
  if (!othersBuild || wish.what === 'folder' || isScript(wish.path)) return undefined;
  return 'It has no "build" of its own; that of another node may make it.';
}

/** Reports the files of a draft that are not there. `othersBuild`: some node of the same file has a `build:`. */
export function checkFiles(
  draft: DraftNode,
  folder: string,
  policy: FilePolicy,
  othersBuild: boolean,
  host: Readonly<Record<string, string | undefined>>,
  reporter: Reporter,
): void {
  if (policy === 'ignore') return;
  const where = {
    folder,
    workingDirectory: draft.node.workingDirectory,
    path: draft.node.env['PATH'] ?? host['PATH'] ?? '',
  };
  for (const wish of draft.files) {
    const found = find(wish, where);
    if ('file' in found) {
      if (wish.what === 'program') checkExecutable(wish, found.file, reporter);
      continue;
    }
    const made = maker(wish, othersBuild);
    const mayBeBuilt = made !== undefined && policy !== 'require';
    if (mayBeBuilt && policy === 'allowBuildable') continue;
    const severity = mayBeBuilt ? 'warning' : 'error';
    if (reporter.isFull(severity)) {
      reporter.omit(severity);
      continue;
    }
    reporter.report(wish.place, {
      code: wish.what === 'folder' ? 'FOLDER_NOT_FOUND' : 'PROGRAM_NOT_FOUND',
      severity,
      message: `the ${wish.what} ${quote(wish.path)} is not there${mayBeBuilt ? ' yet' : ''}`,
      hint: hints(
        mayBeBuilt ? made : didYouMeanFile(wish.path, /./, found.tried[0]),
        `Looked for ${shown(wish, found.tried, where)}.`,
      ),
    });
  }
}

function find(wish: FileWish, where: SearchPlace): Found {
  switch (wish.what) {
    case 'program':
      return resolveProgram(wish.path, where);
    case 'library':
      return resolveLibrary(wish.path, where);
    case 'module':
      return resolveFile(wish.path, where);
    case 'folder':
      return isFolder(wish.path) ? { file: wish.path } : { tried: [wish.path] };
  }
}

function checkExecutable(wish: FileWish, file: string, reporter: Reporter): void {
  if (isScript(file) || isExecutable(file)) return;
  reporter.report(wish.place, {
    code: 'NOT_EXECUTABLE',
    message: `the program ${quote(wish.path)} may not be executed`,
    hint: `Run: chmod +x ${file}`,
  });
}

/** Relative to the dataflow's folder where that is shorter; the message is read by a person. */
function shown(wish: FileWish, tried: readonly string[], where: SearchPlace): string {
  const inPath = wish.what === 'program' && !wish.path.includes('/');
  const names = (inPath ? bases(wish.path, where) : tried).map((file) => {
    const relative = path.relative(where.folder, file);
    return relative !== '' && !relative.startsWith(`..${path.sep}..`) ? relative : file;
  });
  const list = listNames(names, 6);
  return inPath ? `${list} beside the file, and for a program of that name in PATH` : list;
}

function bases(file: string, where: SearchPlace): string[] {
  return [...new Set([path.resolve(where.folder, file), path.resolve(where.workingDirectory, file)])];
}

function firstFile(tried: string[]): Found {
  const file = tried.find(isFile);
  return file === undefined ? { tried } : { file };
}

function isFile(file: string): boolean {
  return statusOf(file)?.isFile() ?? false;
}

function isFolder(file: string): boolean {
  return statusOf(file)?.isDirectory() ?? false;
}

/** Undefined where nothing is that can be used: also below a file, behind links in a circle, in a folder that is closed. */
export function statusOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
