/**
 * What the schema walk makes of a file: values of which any part may be missing, and where each part stood.
 *
 * Values stay plain (no wrapper around each one), so the steps after the walk read like steps over data; places are kept
 * beside them, by container and key.
 */

import type { Place, SourceRange } from './diagnostic.js';
import type { SourceText } from './source-text.js';
import type { YamlNode } from './yaml-tree.js';

/** A checked value of which any part may be missing because it was wrong. */
export type Loose<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer E)[]
    ? readonly (Loose<E> | undefined)[]
    : T extends object
      ? string extends keyof T
        ? ReadonlyMap<string, Loose<T[keyof T]>>
        : { readonly [K in keyof T]?: Loose<Exclude<T[K], undefined>> | undefined }
      : unknown;

/** A YAML path as a chain from its end, so that each step of the walk costs one small object. */
export class Trail {
  constructor(
    readonly parent: Trail | undefined,
    readonly part: string | number,
  ) {}

  /** From the root. */
  toPath(): (string | number)[] {
    const path: (string | number)[] = [];
    for (let trail = this.parent; trail !== undefined; trail = trail.parent) path.push(trail.part);
    return [...path.reverse(), this.part];
  }
}

/** The place of a node. Lines and columns are counted only when somebody asks: most places are never reported. */
export class NodePlace implements Place {
  #range: SourceRange | undefined;

  constructor(
    readonly source: SourceText,
    readonly node: YamlNode | null | undefined,
    readonly trail: Trail | undefined,
  ) {}

  get range(): SourceRange {
    return (this.#range ??= this.source.rangeOf(this.node));
  }

  get path(): (string | number)[] {
    return this.trail?.toPath() ?? [];
  }
}

/** Where one container stands, and the nodes of its parts as they were written. */
interface ContainerPlace extends Place {
  readonly source: SourceText;
  readonly trail: Trail | undefined;
  keyNode(part: string | number): YamlNode | undefined;
  valueNode(part: string | number): YamlNode | undefined;
}

/** The place of a list; also of one that is empty because nothing is written, which stands where its key does. */
export class ListPlace extends NodePlace implements ContainerPlace {
  keyNode(part: string | number): YamlNode | undefined {
    return this.valueNode(part);
  }

  /** The list for an entry that has no place. */
  valueNode(part: string | number): YamlNode | undefined {
    if (this.node?.kind !== 'list' || typeof part === 'string') return undefined;
    const item = this.node.items[part];
    return item !== undefined && item.start < 0 ? this.node : item;
  }
}

/** Keys of a map that are looked through one by one; nearly all maps have fewer. */
const FEW = 12;

/** The place of a map, with the keys that were written. */
export class MapPlace extends NodePlace implements ContainerPlace {
  readonly names: string[] = [];
  /** Key and value of each name. */
  readonly #nodes: YamlNode[] = [];
  /** Name -> its number, of a map that has many. */
  #index: Map<string, number> | undefined;

  /** Notes a key, and what stands under it; each name once. */
  set(name: string, key: YamlNode, value: YamlNode): void {
    this.#index?.set(name, this.names.length);
    this.names.push(name);
    this.#nodes.push(key, value);
  }

  keyNode(part: string | number): YamlNode | undefined {
    const at = this.#find(part);
    return at < 0 ? undefined : this.#nodes[2 * at];
  }

  valueNode(part: string | number): YamlNode | undefined {
    const at = this.#find(part);
    return at < 0 ? undefined : this.#nodes[2 * at + 1];
  }

  /** The number of a name; below 0 when it was not written. */
  #find(name: string | number): number {
    if (typeof name === 'number') return -1;
    if (this.names.length <= FEW) return this.names.indexOf(name);
    this.#index ??= new Map(this.names.map((known, at) => [known, at]));
    return this.#index.get(name) ?? -1;
  }
}

/** Where the parts of a walked value stand. */
export class Places {
  // Lives as long as the values do; a WeakMap of a hundred thousand entries makes every garbage collection slow.
  readonly #containers = new Map<object, ContainerPlace>();

  add(container: object, place: ContainerPlace): void {
    this.#containers.set(container, place);
  }

  /** Where a map or list stands. */
  of(container: object): Place {
    return this.#containers.get(container) ?? nowhere;
  }

  /** Where the value under a key stands; the container's place when the key is not there. */
  value(container: object, part: string | number): Place {
    const place = this.#containers.get(container);
    return inside(place, place?.valueNode(part), part);
  }

  /** Where the key itself stands; the container's place when the key is not there. */
  key(container: object, part: string | number): Place {
    const place = this.#containers.get(container);
    return inside(place, place?.keyNode(part), part);
  }

  /** The keys of a map that were written, as the definition spells them. */
  names(container: object): readonly string[] {
    const place = this.#containers.get(container);
    return place instanceof MapPlace ? place.names : [];
  }

  /** Whether the key was written, even with a value that is wrong. */
  wrote(container: object, part: string | number): boolean {
    return this.#containers.get(container)?.keyNode(part) !== undefined;
  }
}

function inside(place: ContainerPlace | undefined, node: YamlNode | undefined, part: string | number): Place {
  if (place === undefined) return nowhere;
  return node === undefined ? place : new NodePlace(place.source, node, new Trail(place.trail, part));
}

const nowhere: Place = { range: { line: 1, column: 1, endLine: 1, endColumn: 2 }, path: [] };
