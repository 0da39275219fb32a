/**
 * One file on its way through the checks: its text, its tree, what the definition makes of it, and what is wrong.
 *
 * The file that the caller named is one, and so is every module's; each has a reporter of its own, so that a problem
 * names the file it is in. A module that is used several times is read and walked once, and its reporter drops what it
 * has heard before, so its mistakes are told once.
 */

import path from 'node:path';
import type { z } from 'zod';
import { Reporter, type Diagnostic, type Place } from './diagnostic.js';
import type { Loose } from './loose.js';
import { parseYaml } from './read-yaml.js';
import { SchemaWalk } from './schema-walk.js';
import { SourceText, type ReadFailure } from './source-text.js';
import { mapKeys, type YamlNode, type YamlTree } from './yaml-tree.js';

/** The kinds of file; `unknown` when the text is not even a map. */
export type FileKind = 'dataflow' | 'module' | 'node' | 'cluster' | 'unknown';

/** How a file is called. */
export interface FileName {
  /** Absolute. */
  file: string;
  /** In messages. */
  shown: string;
  /** Who includes it, as a sentence; undefined for the file that the caller named. */
  included?: string | undefined;
}

export class SourceFile {
  readonly kind: FileKind;
  readonly reporter: Reporter;
  readonly walk: SchemaWalk;
  /** The YAML itself has mistakes: what is read of it is not all of it. */
  readonly broken: boolean;
  /** Absolute. */
  readonly folder: string;
  /** Set when a use of the module has found mistakes in it: to look at it again would find the same. */
  hasFailed = false;
  #raw: { value: unknown } | undefined;

  constructor(
    readonly name: FileName,
    text: string,
  ) {
    this.folder = path.dirname(name.file);
    const source = new SourceText(text);
    this.reporter = new Reporter(name.shown, source.lineText, name.included);
    const tree = parseYaml(source, this.reporter);
    this.walk = new SchemaWalk(source, tree, this.reporter);
    const keys = mapKeys(tree);
    this.kind = kindOf(keys);
    if (keys === undefined && !this.reporter.hasErrors) {
      const place = { range: source.rangeOf(tree.root), path: [] };
      this.reporter.report(place, tree.root === null ? emptyFile : notADataflow);
    }
    const first = this.reporter.finish().find((diagnostic) => diagnostic.severity === 'error');
    this.broken = first !== undefined;
    if (first !== undefined) this.reporter.distrustFrom(first.line, entryAt(tree, source, first.line));
  }

  /** The document as the definition reads it, the same object each time; undefined when it is not even of the right type. */
  raw<S extends z.ZodType>(schema: S): Loose<z.output<S>> | undefined {
    this.#raw ??= { value: this.walk.walkRoot(schema) };
    return this.#raw.value as Loose<z.output<S>> | undefined;
  }

  /** What is read of it is all of it, so that what is missing is really missing. */
  get isComplete(): boolean {
    return !this.broken && !this.walk.isExhausted;
  }
}

/** The diagnostics for a file that could not become text. */
export function unreadable(shown: string, failure: ReadFailure): Diagnostic[] {
  const { at } = failure;
  const reporter = new Reporter(shown, () => at?.lineText);
  const range = at && { line: at.line, column: at.column, endLine: at.line, endColumn: at.column + 1 };
  reporter.report(range === undefined ? fileStart : { range, path: [] }, failure);
  return reporter.finish();
}

/** The first character of a file: the place of what concerns the file as a whole. */
export const fileStart: Place = { range: { line: 1, column: 1, endLine: 1, endColumn: 2 }, path: [] };

/** The line on which the entry of a list of the root (a node) starts that a line belongs to. */
function entryAt({ root }: YamlTree, source: SourceText, line: number): number {
  const end = source.startOf(line);
  let last: YamlNode | undefined;
  for (const list of root?.kind === 'map' ? root.values : []) {
    for (const entry of list?.kind === 'list' ? list.items : []) if (entry.start < end) last = entry;
  }
  return last === undefined ? line : source.rangeOf(last).line;
}

function kindOf(keys: ReadonlySet<string> | undefined): FileKind {
  if (keys === undefined) return 'unknown';
  if (keys.has('module') && keys.has('nodes')) return 'module';
  if (keys.has('nodes')) return 'dataflow';
  if (keys.has('id')) return 'node';
  return keys.has('machines') || keys.has('coordinator') ? 'cluster' : 'dataflow';
}

const emptyFile = {
  code: 'EMPTY_FILE',
  message: 'the file is empty',
  hint: 'A dataflow is a map with the key "nodes": a list of nodes.',
};
const notADataflow = {
  code: 'WRONG_TYPE',
  message: 'a dataflow file has to be a map with the key "nodes"',
  hint: 'Start it with "nodes:" and a list of nodes below.',
};
