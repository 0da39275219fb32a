/**
 * What the schema walk makes of a file: values of which any part may be missing, and where each part stood.
 *
 * Values stay plain (no wrapper around each one), so the steps after the walk read like steps over data; places are kept
 * beside them, by container and key.
 */

import type { Node } from 'yaml';
import type { Place, SourceRange } from './diagnostic.js';
import type { SourceText } from './source-text.js';

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
    readonly node: Node | null | undefined,
    readonly trail: Trail | undefined,
  ) {}

  get range(): SourceRange {
    return (this.#range ??= this.source.rangeOf(this.node));
  }

  get path(): (string | number)[] {
    return this.trail?.toPath() ?? [];
  }
}

/** Where one container and its parts stand. */
interface ContainerPlaces {
  readonly self: Place;
  readonly parts: Map<string | number, { readonly key: Place; readonly value: Place }>;
}

/** Where the parts of a walked value stand. */
export class Places {
  // Lives as long as the values do; a WeakMap of a hundred thousand entries makes every garbage collection slow.
  readonly #containers = new Map<object, ContainerPlaces>();

  add(container: object, self: Place): void {
    this.#containers.set(container, { self, parts: new Map() });
  }

  set(container: object, part: string | number, key: Place, value: Place): void {
    this.#containers.get(container)?.parts.set(part, { key, value });
  }

  /** Where a map or list stands. */
  of(container: object): Place {
    return this.#containers.get(container)?.self ?? nowhere;
  }

  /** Where the value under a key stands; the container's place when the key is not there. */
  value(container: object, part: string | number): Place {
    return this.#containers.get(container)?.parts.get(part)?.value ?? this.of(container);
  }

  /** Where the key itself stands; the container's place when the key is not there. */
  key(container: object, part: string | number): Place {
    return this.#containers.get(container)?.parts.get(part)?.key ?? this.of(container);
  }

  /** Whether the key was written, even with a value that is wrong. */
  wrote(container: object, part: string | number): boolean {
    return this.#containers.get(container)?.parts.has(part) ?? false;
  }
}

const nowhere: Place = { range: { line: 1, column: 1, endLine: 1, endColumn: 2 }, path: [] };
