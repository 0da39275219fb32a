/**
 * Walks a YAML tree and the definition of the format together, and makes plain values of it.
 *
 * zod validates values but knows neither positions nor two spellings of a key, and what it says about a union is no
 * help to anybody. So the walk does the maps, lists and unions, and asks zod about single values only. It goes on after
 * each mistake and leaves out what is wrong: the result is a `Loose` value, in which everything may be missing. Maps
 * whose keys are names of the user become Map, so that `__proto__` is a name like any other. Recursion is bounded by
 * the definition, which is finite; how many nodes are visited is bounded too, because aliases multiply.
 */

import type { z } from 'zod';
import type { Reporter } from './diagnostic.js';
import { shapeHint, unknownKeyHint } from './key-hints.js';
import { notesOf } from './keys/words.js';
import { ListPlace, MapPlace, NodePlace, Places, Trail, type Loose } from './loose.js';
import { emptyOf, normalise, planOf } from './schema-plan.js';
import type { KeyPlan, ListPlan, MapPlan, NamesPlan, Plan, ScalarPlan, UnionPlan } from './schema-plan.js';
import { checkScalar, describeNode, describeSchema, explainScalar } from './scalar-check.js';
import type { SourceText } from './source-text.js';
import { quote } from './suggest.js';
import {
  resolveAlias,
  type YamlList,
  type YamlMap,
  type YamlNode,
  type YamlScalar,
  type YamlTree,
} from './yaml-tree.js';

/** Nodes that may be visited beyond those of the file: what aliases may repeat. */
const ALIAS_ALLOWANCE = 100_000;

/** What is done with each entry of a map; `key` is a scalar, the value may be an alias. */
type EachEntry = (name: string, key: YamlScalar, value: YamlNode | null) => void;

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
    return this.#walk(planOf(schema), this.tree.root, undefined) as Loose<z.output<S>> | undefined;
  }

  #place(node: YamlNode | null, trail: Trail | undefined): NodePlace {
    return new NodePlace(this.source, node, trail);
  }

  #walk(plan: Plan, given: YamlNode | null, trail: Trail | undefined): unknown {
    if (!this.#visit(given, trail)) return undefined;
    const node = given === null ? null : resolveAlias(given);
    if (node === undefined) return undefined;
    switch (plan.kind) {
      case 'scalar':
        if (node?.kind === 'scalar') return this.#walkScalar(plan, node, given, trail);
        break;
      case 'map':
        if (node?.kind === 'map') return this.#walkMap(plan, node, trail);
        break;
      case 'names':
        if (node?.kind === 'map') return this.#walkNames(plan, node, trail);
        break;
      case 'list':
        if (node?.kind === 'list') return this.#walkList(plan, node, trail);
        break;
      case 'union': {
        const branch = node === null ? undefined : branchFor(plan, node);
        if (branch !== undefined) return this.#walk(branch, given, trail);
        break;
      }
      case 'anything':
        return null;
    }
    this.#wrongType(plan, node, given, trail);
    return undefined;
  }

  /** Counts a visit; false when aliases have multiplied the file too much, which is reported once. */
  #visit(node: YamlNode | null, trail: Trail | undefined): boolean {
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

  #walkScalar(plan: ScalarPlan, node: YamlScalar, given: YamlNode | null, trail: Trail | undefined): unknown {
    const value = checkScalar(plan, node);
    if (value === undefined && !this.reporter.omitsNext())
      this.reporter.report(this.#place(given, trail), explainScalar(plan, node, subject(trail), trail?.part));
    return value;
  }

  #walkMap(plan: MapPlan, map: YamlMap, trail: Trail | undefined): unknown {
    const result: Record<string, unknown> = {};
    const written = new MapPlace(this.source, map, trail);
    this.places.add(result, written);
    /** Keys without a value, which count as written when they come again. */
    let bare: Map<string, YamlScalar> | undefined;
    this.#eachEntry(map, trail, (name, key, value) => {
      if (name.startsWith('x-')) return;
      const known = plan.keys.get(normalise(name));
      if (known === undefined) {
        this.#unknownKey(plan, name, key, trail);
        return;
      }
      const first = written.keyNode(known.name) ?? bare?.get(known.name);
      if (first !== undefined) {
        this.#duplicateKey(name, key, first, new Trail(trail, known.name));
        return;
      }
      const isEmpty = isNull(value);
      if (isEmpty && emptyOf(known.value) === undefined) {
        bare = (bare ?? new Map<string, YamlScalar>()).set(known.name, key);
        return;
      }
      const inside = new Trail(trail, known.name);
      written.set(known.name, key, value === null || isEmpty ? key : value);
      this.#note(known, key, inside);
      const walked = isEmpty ? this.#empty(known.value, key, inside) : this.#walk(known.value, value, inside);
      if (walked !== undefined) result[known.name] = walked;
    });
    this.#missingKeys(plan, result, map.keys[0] ?? map, trail);
    return result;
  }

  /** `outputs:` with nothing after it is an empty list; `module:` an empty map, which lacks its keys. */
  #empty(plan: Plan, at: YamlNode, trail: Trail | undefined): object | undefined {
    const value = emptyOf(plan);
    if (value === undefined) return undefined;
    this.places.add(value, new ListPlace(this.source, at, trail));
    if (plan.kind === 'map') this.#missingKeys(plan, value, at, trail);
    return value;
  }

  #walkNames(plan: NamesPlan, map: YamlMap, trail: Trail | undefined): unknown {
    const result = new Map<string, unknown>();
    const written = new MapPlace(this.source, map, trail);
    this.places.add(result, written);
    this.#eachEntry(map, trail, (name, key, value) => {
      const inside = new Trail(trail, name);
      const first = written.keyNode(name);
      if (first !== undefined) {
        this.#duplicateKey(name, key, first, inside);
        return;
      }
      written.set(name, key, value ?? key);
      const walked = this.#walkPart(plan.value, value, key, inside);
      if (walked !== undefined) result.set(name, walked);
    });
    return result;
  }

  #walkList(plan: ListPlan, list: YamlList, trail: Trail | undefined): unknown {
    const result: unknown[] = [];
    this.places.add(result, new ListPlace(this.source, list, trail));
    for (const item of list.items) result.push(this.#walkPart(plan.entry, item, list, new Trail(trail, result.length)));
    return result;
  }

  /** A part of a list or of a user's map: null is empty where a list or map is wanted, and a mistake elsewhere. */
  #walkPart(plan: Plan, node: YamlNode | null, near: YamlNode, trail: Trail | undefined): unknown {
    if (!isNull(node)) return this.#walk(plan, node, trail);
    const empty = this.#empty(plan, near, trail);
    if (empty !== undefined) return empty;
    if (this.reporter.omitsNext()) return undefined;
    this.reporter.report(this.#place(node !== null && node.end > node.start ? node : near, trail), {
      code: 'WRONG_TYPE',
      message: `${subject(trail)} has no value`,
      hint: `Write ${describeSchema(plan.schema)}.`,
    });
    return undefined;
  }

  /** The pairs of a map with `<<` merged in; keys that are not single words are reported and left out. */
  #eachEntry(map: YamlMap, trail: Trail | undefined, each: EachEntry): void {
    const { keys, values } = map;
    let merged: YamlMap[] | undefined;
    let index = -1;
    for (const key of keys) {
      index += 1;
      const resolved = resolveAlias(key);
      const value = values[index] ?? null;
      if (isMerge(resolved)) {
        (merged ??= []).push(...this.#mergedMaps(value, trail));
        continue;
      }
      const name = this.#name(key, resolved, trail);
      if (name !== undefined) each(name, resolved as YamlScalar, value);
    }
    if (merged !== undefined) this.#eachMerged(merged, namesOf(map), trail, each);
  }

  /** The pairs of merged maps whose names are not there yet. */
  #eachMerged(maps: readonly YamlMap[], own: Set<string>, trail: Trail | undefined, each: EachEntry): void {
    for (const { keys, values } of maps) {
      for (const [index, key] of keys.entries()) {
        const resolved = resolveAlias(key);
        const name = this.#name(key, resolved, trail);
        if (name === undefined || own.has(normalise(name))) continue;
        own.add(normalise(name));
        each(name, resolved as YamlScalar, values[index] ?? null);
      }
    }
  }

  #mergedMaps(value: YamlNode | null, trail: Trail | undefined): YamlMap[] {
    const node = value === null ? null : resolveAlias(value);
    if (node?.kind === 'map') return [node];
    if (node?.kind === 'list') {
      const maps = node.items.map(resolveAlias);
      if (maps.every((item) => item?.kind === 'map')) return maps;
    }
    this.reporter.report(this.#place(value, trail), {
      code: 'WRONG_TYPE',
      message: '"<<" takes a map or a list of maps',
      hint: 'Write "<<: *name" with the anchor of a map.',
    });
    return [];
  }

  /** The name that a key is; `resolved` is the key or what its alias stands for, a scalar when there is a name. */
  #name(key: YamlNode, resolved: YamlNode | undefined, trail: Trail | undefined): string | undefined {
    if (!this.#visit(key, trail)) return undefined;
    const name = nameOf(resolved);
    if (name !== undefined) return name;
    this.reporter.report(this.#place(key, trail), {
      code: 'WRONG_TYPE',
      message: 'a key has to be a word',
      hint:
        resolved?.kind === 'scalar' ? 'Write a name before the colon.' : 'Text that starts with [ or { needs quotes.',
    });
    return undefined;
  }

  #note({ name, isLater, modern }: KeyPlan, key: YamlScalar, trail: Trail): void {
    if (isLater) this.reporter.noEffectYet(name, this.#place(key, trail));
    if (modern === undefined) return;
    this.reporter.report(this.#place(key, trail), {
      code: 'OLD_KEY',
      severity: 'warning',
      message: `"${name}" is an old key`,
      hint: modern,
    });
  }

  #unknownKey(plan: MapPlan, name: string, key: YamlScalar, trail: Trail | undefined): void {
    if (this.reporter.omitsNext()) return;
    this.reporter.report(this.#place(key, new Trail(trail, name)), {
      code: 'UNKNOWN_KEY',
      message: `${quote(name)} is no key of ${this.#where(trail)}`,
      hint: unknownKeyHint(plan.schema, name),
    });
  }

  #duplicateKey(name: string, key: YamlScalar, first: YamlNode, trail: Trail): void {
    if (this.reporter.omitsNext()) return;
    const other = name === nameOf(first) ? '' : ' ("-" and "_" spell the same key)';
    this.reporter.report(this.#place(key, trail), {
      code: 'DUPLICATE_KEY',
      message: `${quote(name)} is written twice${other}; the first is on line ${this.source.rangeOf(first).line}`,
      hint: 'Keep one of the two.',
    });
  }

  #missingKeys(plan: MapPlan, result: object, at: YamlNode, trail: Trail | undefined): void {
    for (const { name, schema } of plan.required) {
      if (this.places.wrote(result, name) || this.reporter.omitsNext()) continue;
      this.reporter.report(this.#place(at, trail), {
        code: 'MISSING_KEY',
        message: `${this.#where(trail)} needs "${name}"`,
        hint: [notesOf(schema).description?.replace(/\.?$/u, '.'), `Write ${describeSchema(schema)}.`]
          .filter((sentence) => sentence !== undefined)
          .join(' '),
      });
    }
  }

  /** The map at a place, in words. */
  #where(trail: Trail | undefined): string {
    return trail === undefined ? this.what : place(trail);
  }

  #wrongType({ schema }: Plan, node: YamlNode | null, given: YamlNode | null, trail: Trail | undefined): void {
    if (this.reporter.omitsNext()) return;
    this.reporter.report(this.#place(given, trail), {
      code: 'WRONG_TYPE',
      message: `${subject(trail)} is ${describeNode(node)}; it has to be ${describeSchema(schema)}`,
      hint: shapeHint(schema, node, trail?.part),
    });
  }
}

/** The branch of a union that takes a value of this shape. */
function branchFor(plan: UnionPlan, node: YamlNode): Plan | undefined {
  switch (node.kind) {
    case 'map':
      return plan.map;
    case 'list':
      return plan.list;
    case 'scalar':
      return node.value === null ? undefined : plan.scalar(typeof node.value);
    case 'alias':
    case 'pair':
      return undefined;
  }
}

function isNull(node: YamlNode | null): boolean {
  const value = node === null ? null : resolveAlias(node);
  return value === null || (value?.kind === 'scalar' && value.value === null);
}

/** `<<`. The source and not the value: under "%YAML 1.1" the value is a symbol. */
function isMerge(key: YamlNode | undefined): boolean {
  return key?.kind === 'scalar' && key.source === '<<' && key.plain;
}

/** The name that a key is; undefined when it is no single word. */
function nameOf(key: YamlNode | undefined): string | undefined {
  if (key?.kind !== 'scalar' || key.value === null || key.value === '') return undefined;
  // A number or boolean as a name is taken as it stands in the file.
  return typeof key.value === 'string' ? key.value : key.source;
}

/** The names of a map's keys, those that are no words and `<<` left out, with `_` for each `-`. */
function namesOf({ keys }: YamlMap): Set<string> {
  const names = new Set<string>();
  for (const key of keys) {
    const resolved = resolveAlias(key);
    const name = isMerge(resolved) ? undefined : nameOf(resolved);
    if (name !== undefined) names.add(normalise(name));
  }
  return names;
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
