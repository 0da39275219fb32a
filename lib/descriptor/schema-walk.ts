/**
 * Walks a YAML tree and the definition of the format together, and makes plain values of it.
 *
 * zod validates values but knows neither positions nor two spellings of a key, and what it says about a union is no
 * help to anybody. So the walk does the maps, lists and unions, and asks zod about single values only. It goes on after
 * each mistake and leaves out what is wrong: the result is a `Loose` value, in which everything may be missing. Maps
 * whose keys are names of the user become Map, so that `__proto__` is a name like any other. Recursion is bounded by
 * the definition, which is finite; how many nodes are visited is bounded too, because aliases multiply.
 */

import { isMap, isScalar, isSeq } from 'yaml';
import type { Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { z } from 'zod';
import type { Place, Reporter } from './diagnostic.js';
import { isContainer, shapeHint, unknownKeyHint } from './key-hints.js';
import { notesOf } from './keys/words.js';
import { NodePlace, Places, Trail, type Loose } from './loose.js';
import type { SourceText, YamlTree } from './source-text.js';
import { checkScalar, describeNode, describeSchema, unwrap } from './scalar-check.js';
import { quote } from './suggest.js';

/** Nodes that may be visited beyond those of the file: what aliases may repeat. */
const ALIAS_ALLOWANCE = 100_000;

interface Entry {
  name: string;
  key: Scalar;
  value: Node | null;
}

export class SchemaWalk {
  readonly places = new Places();
  #visits = 0;

  constructor(
    readonly source: SourceText,
    readonly tree: YamlTree,
    readonly reporter: Reporter,
    /** What the file is, in words, where a message speaks of its root. */
    readonly what = 'a dataflow file',
  ) {}

  /** Checks the whole document by a definition. Undefined when it is not even of the right type. */
  walkRoot<S extends z.ZodType>(schema: S): Loose<z.output<S>> | undefined {
    return this.#walk(schema, this.tree.root, undefined) as Loose<z.output<S>> | undefined;
  }

  #place(node: Node | null | undefined, trail: Trail | undefined): Place {
    return new NodePlace(this.source, node, trail);
  }

  #walk(schema: z.core.$ZodType, given: Node | null, trail: Trail | undefined): unknown {
    if (!this.#visit(given, trail)) return undefined;
    const node = given === null ? null : this.tree.resolve(given);
    if (node === undefined) return undefined;
    const inner = unwrap(schema);
    if (inner instanceof z.ZodUnion) return this.#walkUnion(inner, node, given, trail);
    if (inner instanceof z.ZodUnknown) return null;
    if (inner instanceof z.ZodObject && isMap(node)) return this.#walkObject(inner, node, trail);
    if (inner instanceof z.ZodRecord && isMap(node)) return this.#walkRecord(inner, node, trail);
    if (inner instanceof z.ZodArray && isSeq(node)) return this.#walkList(inner, node, trail);
    if (isContainer(inner) || !isScalar(node)) {
      this.#wrongType(inner, node, given, trail);
      return undefined;
    }
    const result = checkScalar(inner, node, subject(trail), trail?.part);
    if ('problem' in result) {
      this.reporter.report(this.#place(given, trail), result.problem);
      return undefined;
    }
    return result.value;
  }

  /** Counts a visit; false when aliases have multiplied the file too much, which is reported once. */
  #visit(node: Node | null, trail: Trail | undefined): boolean {
    this.#visits += 1;
    const limit = this.tree.size + ALIAS_ALLOWANCE;
    if (this.#visits === limit + 1) {
      this.reporter.report(this.#place(node, trail), {
        code: 'TOO_MANY_ALIASES',
        message: 'aliases multiply this file beyond what can be checked',
        hint: 'Write out the parts that aliases repeat, or repeat less.',
      });
    }
    return this.#visits <= limit;
  }

  /** How much the document holds, aliases followed. */
  get size(): number {
    return this.#visits;
  }

  /** Whether the walk ended early, so that what it returned is not the whole file. */
  get isExhausted(): boolean {
    return this.#visits > this.tree.size + ALIAS_ALLOWANCE;
  }

  /** Takes the first branch of the right shape: branches of one union differ in shape, so no other could fit. */
  #walkUnion(schema: z.ZodUnion, node: Node | null, given: Node | null, trail: Trail | undefined): unknown {
    const branches = schema.options.map(unwrap);
    if (isMap(node)) {
      const branch = branches.find((option) => option instanceof z.ZodObject || option instanceof z.ZodRecord);
      if (branch !== undefined) return this.#walk(branch, given, trail);
    } else if (isSeq(node)) {
      const branch = branches.find((option) => option instanceof z.ZodArray);
      if (branch !== undefined) return this.#walk(branch, given, trail);
    } else if (isScalar(node)) {
      const scalars = branches.filter(
        (option) => !(option instanceof z.ZodObject || option instanceof z.ZodRecord || option instanceof z.ZodArray),
      );
      const type = typeof node.value;
      const branch = scalars.find(
        (option) =>
          notesOf(option).asWritten === true ||
          (type === 'number' && option instanceof z.ZodNumber) ||
          (type === 'boolean' && option instanceof z.ZodBoolean) ||
          (type === 'string' && (option instanceof z.ZodString || option instanceof z.ZodEnum)) ||
          option instanceof z.ZodUnion,
      );
      if (branch !== undefined && node.value !== null) return this.#walk(branch, given, trail);
    }
    this.#wrongType(schema, node, given, trail);
    return undefined;
  }

  #walkObject(schema: z.ZodObject, map: YAMLMap, trail: Trail | undefined): unknown {
    const result: Record<string, unknown> = {};
    this.places.add(result, this.#place(map, trail));
    const known = tableOf(schema).names;
    const seen = new Map<string, { spelled: string; place: Place }>();
    for (const entry of this.#entries(map, trail)) {
      if (entry.name.startsWith('x-')) continue;
      const name = known.get(normalise(entry.name));
      if (name === undefined) {
        this.#unknownKey(schema, entry, trail);
        continue;
      }
      const inside = new Trail(trail, name);
      const keyPlace = this.#place(entry.key, inside);
      const first = seen.get(name);
      if (first !== undefined) {
        this.#duplicateKey(entry.name, keyPlace, first);
        continue;
      }
      seen.set(name, { spelled: entry.name, place: keyPlace });
      const property = propertyOf(schema, name);
      const isEmpty = this.#isNull(entry.value);
      if (isEmpty && emptyOf(property) === undefined) continue;
      this.places.set(result, name, keyPlace, this.#place(isEmpty ? entry.key : entry.value, inside));
      this.#note(schema, name, keyPlace);
      const walked = isEmpty ? this.#empty(property, keyPlace, inside) : this.#walk(property, entry.value, inside);
      if (walked !== undefined) result[name] = walked;
    }
    const firstKey = map.items[0]?.key as Node | undefined;
    this.#missingKeys(schema, result, this.#place(firstKey ?? map, trail), trail);
    return result;
  }

  #isNull(node: Node | null): boolean {
    const value = node === null ? null : this.tree.resolve(node);
    return value === null || (isScalar(value) && value.value === null);
  }

  /** `outputs:` with nothing after it is an empty list; `module:` an empty map, which lacks its keys. */
  #empty(schema: z.core.$ZodType, at: Place, trail: Trail | undefined): object | undefined {
    const value = emptyOf(schema);
    if (value === undefined) return undefined;
    this.places.add(value, at);
    const inner = unwrap(schema);
    if (inner instanceof z.ZodObject) this.#missingKeys(inner, value, at, trail);
    return value;
  }

  #walkRecord(schema: z.ZodRecord, map: YAMLMap, trail: Trail | undefined): unknown {
    const result = new Map<string, unknown>();
    this.places.add(result, this.#place(map, trail));
    for (const entry of this.#entries(map, trail)) {
      const inside = new Trail(trail, entry.name);
      const keyPlace = this.#place(entry.key, inside);
      if (this.places.wrote(result, entry.name)) {
        const first = { spelled: entry.name, place: this.places.key(result, entry.name) };
        this.#duplicateKey(entry.name, keyPlace, first);
        continue;
      }
      this.places.set(result, entry.name, keyPlace, this.#place(entry.value ?? entry.key, inside));
      const value = this.#walkPart(schema.valueType, entry.value, entry.key, inside);
      if (value !== undefined) result.set(entry.name, value);
    }
    return result;
  }

  #walkList(schema: z.ZodArray, list: YAMLSeq, trail: Trail | undefined): unknown {
    const result: unknown[] = [];
    this.places.add(result, this.#place(list, trail));
    list.items.forEach((item, index) => {
      const node = item as Node | null;
      const inside = new Trail(trail, index);
      const place = this.#place(node?.range ? node : list, inside);
      this.places.set(result, index, place, place);
      result.push(this.#walkPart(schema.element, node, list, inside));
    });
    return result;
  }

  /** A part of a list or of a user's map: null is empty where a list or map is wanted, and a mistake elsewhere. */
  #walkPart(schema: z.core.$ZodType, node: Node | null, near: Node, trail: Trail | undefined): unknown {
    if (!this.#isNull(node)) return this.#walk(schema, node, trail);
    const empty = this.#empty(schema, this.#place(near, trail), trail);
    if (empty !== undefined) return empty;
    this.reporter.report(this.#place(node?.range && node.range[1] > node.range[0] ? node : near, trail), {
      code: 'WRONG_TYPE',
      message: `${subject(trail)} has no value`,
      hint: `Write ${describeSchema(schema)}.`,
    });
    return undefined;
  }

  /** The pairs of a map with `<<` merged in; keys that are not single words are reported and left out. */
  *#entries(map: YAMLMap, trail: Trail | undefined): Generator<Entry> {
    const merged: Pair[] = [];
    const own = new Set<string>();
    for (const pair of map.items) {
      const resolved = this.tree.resolve(pair.key as Node);
      // The source, not the value: under "%YAML 1.1" the value is a symbol.
      if (isScalar(resolved) && resolved.source === '<<' && resolved.type === 'PLAIN') {
        merged.push(...this.#mergedPairs(pair.value as Node | null, trail));
        continue;
      }
      const entry = this.#entry(pair, trail);
      if (entry === undefined) continue;
      own.add(normalise(entry.name));
      yield entry;
    }
    for (const pair of merged) {
      const entry = this.#entry(pair, trail);
      if (entry === undefined || own.has(normalise(entry.name))) continue;
      own.add(normalise(entry.name));
      yield entry;
    }
  }

  #mergedPairs(value: Node | null, trail: Trail | undefined): Pair[] {
    const node = value === null ? null : this.tree.resolve(value);
    if (isMap(node)) return node.items;
    if (isSeq(node)) {
      const maps = node.items.map((item) => this.tree.resolve(item as Node));
      if (maps.every((item) => isMap(item))) return maps.flatMap((item) => item.items);
    }
    this.reporter.report(this.#place(value, trail), {
      code: 'WRONG_TYPE',
      message: '"<<" takes a map or a list of maps',
      hint: 'Write "<<: *name" with the anchor of a map.',
    });
    return [];
  }

  #entry(pair: Pair, trail: Trail | undefined): Entry | undefined {
    if (!this.#visit(pair.key as Node | null, trail)) return undefined;
    const key = this.tree.resolve(pair.key as Node);
    if (isScalar(key) && key.value !== null && key.value !== '') {
      // A number or boolean as a name is taken as it stands in the file.
      const name = typeof key.value === 'string' ? key.value : (key.source ?? '');
      return { name, key, value: pair.value as Node | null };
    }
    this.reporter.report(this.#place(pair.key as Node | null, trail), {
      code: 'WRONG_TYPE',
      message: 'a key has to be a word',
      hint: isScalar(key) ? 'Write a name before the colon.' : 'Text that starts with [ or { needs quotes.',
    });
    return undefined;
  }

  #note(schema: z.ZodObject, name: string, place: Place): void {
    const { later, modern } = notesOf(propertyOf(schema, name));
    if (later === true) this.reporter.noEffectYet(name, place);
    if (modern === undefined) return;
    this.reporter.report(place, {
      code: 'OLD_KEY',
      severity: 'warning',
      message: `"${name}" is an old key`,
      hint: modern,
    });
  }

  #unknownKey(schema: z.ZodObject, entry: Entry, trail: Trail | undefined): void {
    this.reporter.report(this.#place(entry.key, new Trail(trail, entry.name)), {
      code: 'UNKNOWN_KEY',
      message: `${quote(entry.name)} is no key of ${this.#where(trail)}`,
      hint: unknownKeyHint(schema, entry.name),
    });
  }

  #duplicateKey(name: string, at: Place, first: { spelled: string; place: Place }): void {
    const other = name === first.spelled ? '' : ' ("-" and "_" spell the same key)';
    this.reporter.report(at, {
      code: 'DUPLICATE_KEY',
      message: `${quote(name)} is written twice${other}; the first is on line ${first.place.range.line}`,
      hint: 'Keep one of the two.',
    });
  }

  #missingKeys(schema: z.ZodObject, result: object, at: Place, trail: Trail | undefined): void {
    for (const name of tableOf(schema).required) {
      if (this.places.wrote(result, name)) continue;
      const property = propertyOf(schema, name);
      this.reporter.report(at, {
        code: 'MISSING_KEY',
        message: `${this.#where(trail)} needs "${name}"`,
        hint: [notesOf(property).description?.replace(/\.?$/u, '.'), `Write ${describeSchema(property)}.`]
          .filter((sentence) => sentence !== undefined)
          .join(' '),
      });
    }
  }

  /** The map at a place, in words. */
  #where(trail: Trail | undefined): string {
    return trail === undefined ? this.what : place(trail);
  }

  #wrongType(schema: z.core.$ZodType, node: Node | null, given: Node | null, trail: Trail | undefined): void {
    this.reporter.report(this.#place(given, trail), {
      code: 'WRONG_TYPE',
      message: `${subject(trail)} is ${describeNode(node)}; it has to be ${describeSchema(schema)}`,
      hint: shapeHint(schema, node, trail?.part),
    });
  }
}

/** `-` and `_` spell the same key. */
function normalise(name: string): string {
  return name.replaceAll('-', '_');
}

/** What the walk asks about a map of keys, for every map of a file. */
interface KeyTable {
  /** Normalised spelling -> name in the definition. */
  names: ReadonlyMap<string, string>;
  required: readonly string[];
}

const keyTables = new WeakMap<z.ZodObject, KeyTable>();

function tableOf(schema: z.ZodObject): KeyTable {
  let table = keyTables.get(schema);
  if (table === undefined) {
    const entries = Object.entries<z.core.$ZodType>(schema.shape);
    table = {
      names: new Map(entries.map(([name]) => [normalise(name), name])),
      required: entries.filter(([, property]) => !(property instanceof z.ZodOptional)).map(([name]) => name),
    };
    keyTables.set(schema, table);
  }
  return table;
}

function propertyOf(schema: z.ZodObject, name: string): z.core.$ZodType {
  const property = (schema.shape as Readonly<Record<string, z.core.$ZodType>>)[name];
  if (property === undefined) throw new Error(`no key ${name} in the definition`);
  return property;
}

/** What null stands for: an empty list or map where one is wanted, undefined elsewhere. */
function emptyOf(schema: z.core.$ZodType): object | undefined {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) return [];
  if (inner instanceof z.ZodRecord) return new Map();
  if (inner instanceof z.ZodObject) return {};
  if (inner instanceof z.ZodUnion && inner.options.some((option) => option instanceof z.ZodRecord)) return new Map();
  return undefined;
}

/** The thing at a place, as the subject of a sentence. */
function subject(trail: Trail | undefined): string {
  const last = trail?.part;
  if (last === undefined) return 'the file';
  return typeof last === 'number'
    ? `entry ${String(last + 1)} of "${String(trail?.parent?.part ?? 'the list')}"`
    : quote(last);
}

/** The map at a place below the root, in words. */
function place(trail: Trail): string {
  const last = trail.part;
  const parent = trail.parent?.part;
  if (typeof last === 'number') {
    const one = parent === 'nodes' ? 'a node' : parent === 'operators' ? 'an operator' : undefined;
    return one ?? `an entry of "${String(parent)}"`;
  }
  if (last === 'operator') return 'an operator';
  return parent === 'inputs' ? 'an input' : quote(last);
}
