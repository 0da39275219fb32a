/**
 * The tree of a YAML file as the steps after it see it: values with their places, and nothing else.
 *
 * Both readers make it, event-yaml.ts and library-yaml.ts, and nobody but them knows how. A megabyte of text is a hundred
 * thousand nodes, so each is one small object. Offsets are UTF-16 units of the text; `end` is exclusive; a
 * list or map of lines ends where its last entry does.
 */

/** A word, a text, a number; also a value that is not there, which is null and has no length. */
export interface YamlScalar {
  readonly kind: 'scalar';
  readonly start: number;
  readonly end: number;
  /** As YAML 1.2 understands it; an object under a tag. */
  readonly value: unknown;
  /** As it stands in the file, quotes and escapes resolved. */
  readonly source: string;
  /** Without quotes, on the line of its key. */
  readonly plain: boolean;
}

/** The value under `keys[i]` is `values[i]`; null when there is not even a colon. */
export interface YamlMap {
  readonly kind: 'map';
  readonly start: number;
  readonly end: number;
  readonly keys: YamlNode[];
  readonly values: (YamlNode | null)[];
}

export interface YamlList {
  readonly kind: 'list';
  readonly start: number;
  readonly end: number;
  readonly items: YamlNode[];
}

/** `*name`. */
export interface YamlAlias {
  readonly kind: 'alias';
  readonly start: number;
  readonly end: number;
  /** What it stands for, never an alias itself; undefined when nothing above has the name. */
  readonly target: YamlNode | undefined;
}

/** A pair that is an entry of a list, under tags that no dataflow needs. It has no place: `start` is -1. */
export interface YamlPair {
  readonly kind: 'pair';
  readonly start: number;
  readonly end: number;
  readonly key: YamlNode;
  readonly value: YamlNode | null;
}

export type YamlNode = YamlScalar | YamlMap | YamlList | YamlAlias | YamlPair;

/** The root of a document. */
export interface YamlTree {
  readonly root: YamlNode | null;
  /** Nodes of the file, aliases not followed; a pair of a map counts as one, and so do its key and its value. */
  readonly size: number;
}

/** The node itself, or what an alias stands for; undefined for an alias of nothing. */
export function resolveAlias(node: YamlNode): YamlNode | undefined {
  return node.kind === 'alias' ? node.target : node;
}

/** The words among the keys of the root; undefined when the root is no map. */
export function mapKeys({ root }: YamlTree): ReadonlySet<string> | undefined {
  if (root?.kind !== 'map') return undefined;
  const words = new Set<string>();
  for (const key of root.keys) if (key.kind === 'scalar' && typeof key.value === 'string') words.add(key.value);
  return words;
}

/** Moves a tree that was read from a piece of the text to where the piece lies; what an alias stands for moves with its own tree. */
export function moveTree(node: YamlNode | null, by: number): void {
  if (node === null) return;
  if (node.start >= 0) {
    const place = node as { start: number; end: number };
    place.start += by;
    place.end += by;
  }
  if (node.kind === 'list') for (const item of node.items) moveTree(item, by);
  else if (node.kind === 'pair') {
    moveTree(node.key, by);
    moveTree(node.value, by);
  } else if (node.kind === 'map') {
    for (const key of node.keys) moveTree(key, by);
    for (const value of node.values) moveTree(value, by);
  }
}
