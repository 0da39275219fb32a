/**
 * The user's own types: the files under `types/` beside the dataflow, such as `types/robot/arm/v1.yml` for `robot/arm/v1/…`.
 *
 * Read only when a dataflow names a type outside `std/`. A folder of that name may hold other things: a file without the
 * key `types` is left alone unless the dataflow names a type that would stand in it. Links to folders, hidden folders and
 * node_modules are not entered; depth and number of files are bounded. Each file is checked like a dataflow file and has
 * diagnostics of its own; what is wrong with a file is an error, what is wrong with a type it names is as bad as in the dataflow.
 */

import { readdirSync, type Dirent } from 'node:fs';
import path from 'node:path';
import type { z } from 'zod';
import { Reporter, type Diagnostic, type Place, type Problem, type Severity } from '../diagnostic.js';
import { typeFile } from '../keys/types.js';
import type { Loose, Places } from '../loose.js';
import { findCycles } from '../cycles.js';
import { statusOf } from '../files.js';
import { SchemaWalk } from '../schema-walk.js';
import { parseYaml } from '../read-yaml.js';
import { SourceText, readText } from '../source-text.js';
import { mapKeys } from '../yaml-tree.js';
import { quote } from '../suggest.js';
import { typeNames, type TypeEntry, type TypeLibrary } from './type-library.js';
import { shortName } from './type-name.js';

type RawTypes = NonNullable<Loose<z.output<typeof typeFile>>['types']>;
type RawType = RawTypes extends ReadonlyMap<string, infer T> ? T : never;

const MAX_DEPTH = 8;
const MAX_FILES = 1000;
const MAX_FOLDERS = 10_000;
const start: Place = { range: { line: 1, column: 1, endLine: 1, endColumn: 2 }, path: [] };

export interface TypeFilesOptions {
  /** Absolute. */
  folder: string;
  /** The folder as messages name it. */
  shown: string;
  /** Names of types, without parameters, that the dataflow uses. */
  used: Iterable<string>;
  /** How bad an unknown type is. */
  severity: Severity;
}

/** Adds the types of all files under a folder, and returns what is wrong with them. */
export function readTypeFiles({ folder, shown, used, severity }: TypeFilesOptions, library: TypeLibrary): Diagnostic[] {
  const found = listFiles(folder);
  const wanted = new Set([...used].map((name) => name.slice(0, name.lastIndexOf('/'))));
  const files = found.files.flatMap((file) => {
    const prefix = file.replace(/\.ya?ml$/, '').replaceAll(path.sep, '/');
    // A name outside these characters could not be written in a dataflow.
    if (!/^[A-Za-z0-9_./-]+$/.test(prefix)) return [];
    const isWanted = wanted.has(prefix);
    return [new TypeFile(path.join(folder, file), path.join(shown, file), prefix, isWanted, severity)];
  });
  if (found.problem !== undefined) {
    const reporter = new Reporter(shown, () => undefined);
    reporter.report(start, found.problem);
    return reporter.finish();
  }
  for (const file of files) file.addTo(library);
  // Files may name each other's types: fields are looked at when all are there.
  const names = files.flatMap((file) => file.names());
  const inner = (name: string): string[] =>
    (library.definition(name)?.fields ?? []).flatMap(({ type }) => typeNames(type));
  const cyclic = new Set(findCycles(new Map(names.map((name) => [name, inner(name)]))).flat());
  for (const file of files) file.checkFields(library, cyclic);
  return files.flatMap((file) => file.reporter.finish());
}

class TypeFile {
  reporter: Reporter;
  readonly #added: { entry: TypeEntry; raw: RawType; place: Place }[] = [];
  #places: Places | undefined;

  constructor(
    readonly file: string,
    readonly shown: string,
    /** `robot/arm/v1` of `types/robot/arm/v1.yml`. */
    readonly prefix: string,
    /** The dataflow names a type of this prefix: the file has to be one of types. */
    readonly isWanted: boolean,
    readonly severity: Severity,
  ) {
    this.reporter = new Reporter(shown, () => undefined);
  }

  /** Reads the file and adds its types. */
  addTo(library: TypeLibrary): void {
    const text = readText(this.file);
    if (typeof text !== 'string') {
      if (this.isWanted) this.reporter.report(start, text);
      return;
    }
    const types = this.#parse(text);
    if (types === undefined) return;
    if (this.prefix === 'std' || this.prefix.startsWith('std/')) {
      this.reporter.report(start, {
        code: 'INVALID_NAME',
        message: 'names that start with "std/" are those of the standard types',
        hint: 'Move the file into a folder of another name, such as types/robot.',
      });
      return;
    }
    for (const [name, raw] of types) this.#add(`${this.prefix}/${name}`, name, raw, types, library);
  }

  #parse(text: string): RawTypes | undefined {
    const source = new SourceText(text);
    this.reporter = new Reporter(this.shown, source.lineText);
    const tree = parseYaml(source, this.reporter);
    const keys = mapKeys(tree);
    if (keys?.has('types') !== true && !this.isWanted) {
      this.reporter = new Reporter(this.shown, source.lineText);
      return undefined;
    }
    if (keys === undefined) {
      if (!this.reporter.hasErrors) {
        this.reporter.report(start, {
          code: tree.root === null ? 'EMPTY_FILE' : 'WRONG_TYPE',
          message: tree.root === null ? 'the file is empty' : 'a file of types has to be a map with the key "types"',
          hint: 'Start it with "types:" and the names of types below, or move it out of the folder "types".',
        });
      }
      return undefined;
    }
    const broken = this.reporter.finish().find((diagnostic) => diagnostic.severity === 'error');
    if (broken !== undefined) this.reporter.distrustFrom(broken.line);
    const walk = new SchemaWalk(source, tree, this.reporter, 'a file of types');
    this.#places = walk.places;
    return walk.walkRoot(typeFile)?.types;
  }

  #add(full: string, name: string, raw: RawType, types: RawTypes, library: TypeLibrary): void {
    const place = this.#places?.key(types, name) ?? start;
    if (!/^[A-Za-z0-9_.-]+$/.test(name) || name === '__proto__') {
      this.reporter.report(place, {
        code: 'INVALID_NAME',
        message: `${quote(name)} cannot be the name of a type`,
        hint: 'Use letters, digits, "_", "-" and ".", for example JointLimits.',
      });
      return;
    }
    const entry = toEntry(full, raw);
    if (entry.arrow !== 'Struct' && entry.fields.length > 0) {
      this.reporter.report(this.#places?.key(raw, 'fields') ?? place, {
        code: 'MISPLACED_KEY',
        message: `"fields" has no meaning with "arrow: ${entry.arrow}"`,
        hint: 'Write "arrow: Struct", or remove the fields.',
      });
    }
    this.#checkNames(raw);
    if (library.add(entry)) {
      this.#added.push({ entry, raw, place });
      return;
    }
    this.reporter.report(place, {
      code: 'DUPLICATE_ID',
      message: `the type ${quote(full)} is defined twice: there is a .yml and a .yaml file of that name`,
      hint: 'Keep one of the two.',
    });
  }

  /** Fields and parameters have names of their own, which programs and the brackets of a type's name can hold. */
  #checkNames(raw: RawType): void {
    const check = (item: object, key: string, name: string, seen: Set<string>, isRight: boolean): void => {
      const place = this.#places?.value(item, key) ?? start;
      if (!isRight || name === '__proto__') {
        const message = `${quote(name)} cannot be the name of a field, parameter or metadata key`;
        const hint = 'Use a word of letters, digits and "_", for example frame_id.';
        this.reporter.report(place, { code: 'INVALID_NAME', message, hint });
      } else if (seen.has(name)) {
        const message = `the name ${quote(name)} is given twice`;
        this.reporter.report(place, { code: 'DUPLICATE_ID', message, hint: 'Give each a name of its own.' });
      }
      seen.add(name);
    };
    const [fields, params, keys] = [new Set<string>(), new Set<string>(), new Set<string>()];
    for (const field of raw.fields ?? [])
      if (field?.name !== undefined) check(field, 'name', field.name, fields, isWord(field.name));
    for (const param of raw.params ?? [])
      if (param?.name !== undefined) check(param, 'name', param.name, params, /^[A-Za-z0-9_.-]+$/.test(param.name));
    for (const item of raw.metadata ?? [])
      if (item?.key !== undefined) check(item, 'key', item.key, keys, isWord(item.key));
  }

  /** The full names of the types that it has added. */
  names(): string[] {
    return this.#added.map(({ entry }) => entry.name);
  }

  /** Reports fields whose type does not exist, and types that hold themselves. */
  checkFields(library: TypeLibrary, cyclic: ReadonlySet<string>): void {
    for (const { entry, raw, place } of this.#added) {
      for (const field of raw.fields ?? []) {
        if (field?.type === undefined) continue;
        const found = library.fieldType(field.type);
        if ('kind' in found) continue;
        this.#reportType(this.#places?.value(field, 'type') ?? place, { code: 'UNKNOWN_TYPE', ...found });
      }
      if (!cyclic.has(entry.name)) continue;
      this.#reportType(place, {
        code: 'INVALID_TYPE',
        message: `the type ${quote(shortName(entry.name))} holds itself, and no layout has room for that`,
        hint: 'Take the field out that leads back to it; a tree can be a list of nodes that name each other by number.',
      });
    }
  }

  #reportType(place: Place, problem: Problem): void {
    this.reporter.report(place, { severity: this.severity, ...problem });
  }
}

/** Something to read, with no character that cannot be seen or sent. */
function isWord(name: string): boolean {
  return name.trim() !== '' && name.length <= 255 && !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(name);
}

function toEntry(name: string, raw: RawType): TypeEntry {
  return {
    name,
    arrow: raw.arrow ?? 'Struct',
    ...(raw.description === undefined ? {} : { description: raw.description }),
    params: (raw.params ?? []).flatMap((param) => {
      if (param?.name === undefined) return [];
      const values = param.values?.filter((value) => value !== undefined);
      return [
        {
          name: param.name,
          kind: param.kind ?? 'word',
          ...(param.default === undefined ? {} : { default: param.default }),
          ...(param.description === undefined ? {} : { description: param.description }),
          ...(values === undefined ? {} : { values }),
        },
      ];
    }),
    fields: (raw.fields ?? []).flatMap((field) =>
      field?.name === undefined || field.type === undefined
        ? []
        : [
            {
              name: field.name,
              type: field.type,
              nullable: field.nullable ?? false,
              ...(field.description === undefined ? {} : { description: field.description }),
            },
          ],
    ),
    metadata: (raw.metadata ?? []).flatMap((item) =>
      item?.key === undefined
        ? []
        : [{ key: item.key, ...(item.description === undefined ? {} : { description: item.description }) }],
    ),
  };
}

/** Files of types, relative to the folder, in the order of their names. No folder is no types. */
function listFiles(folder: string): { files: string[]; problem?: Problem } {
  const files: string[] = [];
  const open = [{ at: '', depth: 0 }];
  let folders = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    let entries: Dirent[];
    try {
      entries = readdirSync(path.join(folder, next.at), { withFileTypes: true });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (next.depth === 0 && (code === 'ENOENT' || code === 'ENOTDIR')) return { files };
      return {
        files,
        problem: {
          code: 'FILE_UNREADABLE',
          message: `the folder ${quote(path.join('types', next.at))} cannot be read: ${(error as Error).message}`,
          hint: 'Look at its permissions.',
        },
      };
    }
    for (const entry of entries) {
      const at = path.join(next.at, entry.name);
      const isOurs = !entry.name.startsWith('.') && entry.name !== 'node_modules';
      if (entry.isDirectory() && isOurs && next.depth + 1 < MAX_DEPTH) open.push({ at, depth: next.depth + 1 });
      if (/\.ya?ml$/.test(entry.name) && isPlainFile(entry, path.join(folder, at))) files.push(at);
    }
    folders += 1;
    if (files.length > MAX_FILES || folders > MAX_FOLDERS) {
      const message = `the folder "types" holds more than ${String(MAX_FILES)} YAML files, and none is read`;
      const hint = 'Keep what is no type out of it.';
      return { files: [], problem: { code: 'FILE_TOO_LARGE', severity: 'warning', message, hint } };
    }
  }
  return { files: files.sort() };
}

function isPlainFile(entry: Dirent, file: string): boolean {
  return entry.isFile() || (entry.isSymbolicLink() && statusOf(file)?.isFile() === true);
}
