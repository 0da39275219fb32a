/**
 * Paths of an expanded dataflow: what a module's file names relative to itself, seen from the dataflow's folder.
 *
 * A node of the dataflow's own file keeps its paths. A relative path may mean two places (beside the file, or in the
 * working directory), and a program's name also one of PATH: the file that is there decides, and where none is yet, the
 * folder of the module. Absolute paths and paths in a clone stay. Called by flat-node.ts.
 */

import path from 'node:path';
import type { DraftNode } from './draft.js';
import { resolveFile, resolveLibrary, resolveProgram, type Found } from './files.js';

/** A program as `path` names it. */
export function flatProgram(draft: DraftNode, command: string, root: string): string {
  const { node, context } = draft;
  if (node.fetch !== undefined || stays(draft, command)) return command;
  const { folder, host } = context;
  const where = { folder, workingDirectory: node.workingDirectory, path: node.env['PATH'] ?? host['PATH'] };
  const found = resolveProgram(command, where);
  const inPath = !command.includes('/') && 'file' in found && !isBeside(found.file, command, draft);
  return inPath ? command : relocated(draft, command, root, found);
}

/** The file of an operator. */
export function flatFile(draft: DraftNode, file: string, root: string, isLibrary: boolean): string {
  if (stays(draft, file)) return file;
  const where = { folder: draft.context.folder, workingDirectory: draft.node.workingDirectory };
  return relocated(draft, file, root, isLibrary ? resolveLibrary(file, where) : resolveFile(file, where));
}

/** `working-directory`; undefined where it is the one that a node has anyway. */
export function flatFolder({ raw, node, context }: DraftNode, root: string): string | undefined {
  const { workingDirectory } = node;
  if (node.fetch?.kind === 'git') return workingDirectory === '.' ? undefined : workingDirectory;
  if (workingDirectory === root) return undefined;
  const written = raw.custom?.['working-directory'] ?? raw['working-directory'] ?? '.';
  // A folder of this machine (/data, $HOME/data) does not move with the project.
  const isFixed =
    /^[/$]/.test(written) && !isInside(workingDirectory, context.around === undefined ? root : context.folder);
  return isFixed ? workingDirectory : fromRoot(workingDirectory, root);
}

/** The address of a repository; undefined for a node that comes from none. */
export function flatRepository({ raw, node }: DraftNode, root: string): string | undefined {
  const { fetch } = node;
  if (fetch?.kind !== 'git') return undefined;
  const isRelative = path.isAbsolute(fetch.url) && !/^[/$]/.test(raw.git ?? '');
  return isRelative ? fromRoot(fetch.url, root) : fetch.url;
}

function stays({ context }: DraftNode, file: string): boolean {
  return context.around === undefined || path.isAbsolute(file);
}

/** A file beside the module's, or in the node's working directory. */
function relocated(draft: DraftNode, file: string, root: string, found: Found): string {
  const { folder } = draft.context;
  const { workingDirectory } = draft.node;
  const beside = path.dirname(path.resolve(folder, file));
  const isInWork = 'file' in found && path.dirname(found.file) !== beside;
  return fromRoot(path.resolve(isInWork ? workingDirectory : folder, file), root);
}

function isBeside(found: string, name: string, { context, node }: DraftNode): boolean {
  return [context.folder, node.workingDirectory].some((folder) => path.join(folder, name) === found);
}

/** A name alone would be looked up in PATH, and one that starts with a dash be taken for an option. */
function fromRoot(file: string, root: string): string {
  const relative = path.relative(root, file);
  return relative === '' ? '.' : relative.includes('/') && !relative.startsWith('-') ? relative : `./${relative}`;
}

function isInside(file: string, folder: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '..' && !relative.startsWith('../') && !path.isAbsolute(relative);
}
