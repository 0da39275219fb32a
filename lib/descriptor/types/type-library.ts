/**
 * The types that a dataflow can name: the standard library, and those of the user's files when there are any.
 *
 * Entries are definitions whose fields are still text; definition() makes the model's form of one. A field names another
 * type in full, or in short (`Vector3`) where exactly one type has that name. hintAt() says what to write in place of a
 * name that no type has.
 */

import { didYouMean, hints, listNames, nearest, quote } from '../suggest.js';
import {
  arrowPrimitives,
  type ArrowPrimitive,
  type FieldType,
  type TypeDefinition,
  type TypeMetadata,
  type TypeParameter,
} from './definition.js';
import { standardTypes } from './standard.js';
import { parseTypeName, shortName, withoutVersion } from './type-name.js';

/** A type as it was written. */
export interface TypeEntry {
  name: string;
  arrow: ArrowPrimitive | 'Struct';
  description?: string;
  params: readonly TypeParameter[];
  fields: readonly WrittenField[];
  metadata: readonly TypeMetadata[];
}

export interface WrittenField {
  name: string;
  type: string;
  nullable: boolean;
  description?: string;
}

/** Lists in lists; deeper is a mistake. */
const MAX_LISTS = 8;
/** Pairs of names that are compared to find hints; a hostile file could have more than anybody reads. */
const MAX_COMPARED = 400_000;

export class TypeLibrary {
  readonly #entries = new Map<string, TypeEntry>();
  readonly #byShortName = new Map<string, string[]>();
  readonly #definitions = new Map<string, TypeDefinition>();
  readonly #hints = new Map<string, string | undefined>();
  #compared = 0;

  constructor() {
    for (const entry of standardTypes()) this.add(entry);
  }

  /** Adds a type; false when there is one of that name. */
  add(entry: TypeEntry): boolean {
    if (this.#entries.has(entry.name)) return false;
    this.#entries.set(entry.name, entry);
    const short = shortName(entry.name);
    const known = this.#byShortName.get(short);
    if (known === undefined) this.#byShortName.set(short, [entry.name]);
    else known.push(entry.name);
    return true;
  }

  get(name: string): TypeEntry | undefined {
    return this.#entries.get(name);
  }

  /** The model's form of a type that exists. */
  definition(name: string): TypeDefinition | undefined {
    const known = this.#definitions.get(name);
    const entry = this.#entries.get(name);
    if (known !== undefined || entry === undefined) return known;
    const fields = entry.fields.map(({ type, ...rest }) => {
      const found = this.fieldType(type);
      return { ...rest, type: 'message' in found ? ({ kind: 'unknown' } as const) : found };
    });
    const definition = { ...entry, fields };
    this.#definitions.set(name, definition);
    return definition;
  }

  /** The definitions of some types and of all that their fields name, in the order of their names. */
  closure(names: Iterable<string>): TypeDefinition[] {
    const found = new Map<string, TypeDefinition>();
    const open = [...names];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const definition = found.has(name) ? undefined : this.definition(name);
      if (definition === undefined) continue;
      found.set(name, definition);
      open.push(...definition.fields.flatMap(({ type }) => typeNames(type)));
    }
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The text of a field's type: an Arrow type, `List<…>`, a name in full or in short. */
  fieldType(text: string, depth = 0): FieldType | { message: string; hint: string | undefined } {
    const word = text.trim();
    const list = /^List<(.*)>$/s.exec(word)?.[1];
    if (list !== undefined) {
      if (depth >= MAX_LISTS)
        return { message: `${quote(word)} nests lists too deep`, hint: 'Name a type of its own.' };
      const of = this.fieldType(list, depth + 1);
      return 'message' in of ? of : { kind: 'list', of };
    }
    const arrow = arrowPrimitives.find((primitive) => primitive === word);
    if (arrow !== undefined) return { kind: 'primitive', arrow };
    const name = parseTypeName(word);
    if ('message' in name) return { ...name, hint: `Write ${fieldForms}.` };
    if (this.#entries.has(name.base)) return { kind: 'type', name: name.base };
    const [only, ...others] = name.base.includes('/') ? [] : (this.#byShortName.get(name.base) ?? []);
    if (only !== undefined && others.length === 0) return { kind: 'type', name: only };
    if (only !== undefined) {
      return {
        message: `${quote(word)} could be ${[only, ...others].slice(0, 4).join(' or ')}`,
        hint: 'Write the full name.',
      };
    }
    return {
      message: `there is no type ${quote(name.base)}`,
      hint: didYouMean(word, arrowPrimitives) ?? this.hintAt(name.base) ?? `Write ${fieldForms}.`,
    };
  }

  /** What to write in place of a name that no type has. */
  hintAt(name: string): string | undefined {
    if (!this.#hints.has(name) && this.#compared < MAX_COMPARED) {
      this.#compared += this.#entries.size;
      this.#hints.set(name, this.#findHint(name));
    }
    return this.#hints.get(name);
  }

  #findHint(name: string): string | undefined {
    const names = [...this.#entries.keys()];
    const versions = names.filter((known) => withoutVersion(known) === withoutVersion(name));
    if (versions.length > 0) return `There is ${listNames(versions)}: write a version that exists.`;
    const short = shortName(name);
    const samePackage = names.filter(
      (known) => known.slice(0, -shortName(known).length) === name.slice(0, -short.length),
    );
    const inPackage = nearest(short, samePackage.map(shortName));
    const better = samePackage.filter((known) => shortName(known) === inPackage);
    if (better.length === 0)
      better.push(...(this.#byShortName.get(nearest(short, this.#byShortName.keys()) ?? '') ?? []));
    // A package that does not exist may be misspelt; of one that exists the whole name would always be near.
    if (better.length === 0 && samePackage.length === 0) better.push(...[nearest(name, names) ?? []].flat());
    if (better.length > 0) return `Did you mean ${better.slice(0, 3).join(' or ')}?`;
    if (samePackage.length > 0) return `Types there: ${listNames(samePackage.map(shortName), 12)}.`;
    const prefix = name.slice(0, Math.max(0, name.length - short.length - 1));
    return hints(
      name.startsWith('std/') || prefix === ''
        ? 'docs/types.md lists the standard types.'
        : `A type of your own is defined in types/${prefix}.yml beside the dataflow file.`,
    );
  }
}

const fieldForms = 'an Arrow type such as Float64 or Utf8, List<…> of one, or the name of a type';

/** The types that a field names. */
export function typeNames(type: FieldType): string[] {
  if (type.kind === 'type') return [type.name];
  return type.kind === 'list' ? typeNames(type.of) : [];
}
