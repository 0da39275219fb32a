/**
 * Reads YAML from the events of the library `js-yaml`, several times as fast as the library `yaml`, for files so large that its time counts.
 *
 * Events have no words for what is wrong, and the two libraries differ at the edges of YAML. So this reader takes what programs write, and nearly
 * all that people write: maps and lists of lines or in brackets, words and quoted text on one line, blocks of text, comments, anchors and aliases.
 * Whatever is unusual or wrong makes it give up; then library-yaml.ts reads the file, and says what is wrong. It may refuse too much, and must
 * never read anything unlike the other: a test compares the two over damaged files without end. Called by read-yaml.ts only.
 */

import {
  COLLECTION_STYLE,
  EVENT_ID,
  SCALAR_STYLE,
  YAMLException,
  getScalarValue,
  parseEvents,
  type AliasEvent,
  type Event,
  type ScalarEvent,
} from 'js-yaml';
import { Schema, type ScalarTag } from 'yaml';
import type { YamlAlias, YamlList, YamlMap, YamlNode, YamlScalar, YamlTree } from './yaml-tree.js';

/** Deeper is no dataflow, and library-yaml.ts's to refuse. */
const MAX_DEPTH = 50;
/** Characters from the start of a key to its colon, by the definition of YAML. */
const MAX_KEY = 1024;
/** Where the libraries differ: tabs, carriage returns alone, marks of byte order, ends of documents, starts that are indented. */
const UNUSUAL = /\t|\r(?!\n)|\uFEFF|^\.\.\.|^ +---/m;

/**
 * The tree of a text; undefined when it is unusual, or no YAML.
 *
 * @param anchors what aliases may stand for from outside the text; the text's own come to it once it is read
 */
export function readEventYaml(text: string, anchors = new Map<string, YamlNode>()): YamlTree | undefined {
  if (UNUSUAL.test(text)) return undefined;
  const own = new Map<string, YamlNode>();
  try {
    const tree = new EventReader(text, parseEvents(text, { maxDepth: MAX_DEPTH }), anchors, own).read();
    for (const [name, node] of own) anchors.set(name, node);
    return tree;
  } catch (error) {
    if (error instanceof Unusual || error instanceof YAMLException) return undefined;
    throw error;
  }
}

/**
 * Whether the text can be taken apart at these offsets, in the order of the file: none lies within a text of several lines. True for what is no
 * YAML either.
 */
export function canBeParted(text: string, offsets: readonly number[]): boolean {
  let events: readonly Event[];
  try {
    events = parseEvents(text, { maxDepth: MAX_DEPTH });
  } catch (error) {
    if (error instanceof YAMLException) return true;
    throw error;
  }
  let next = 0;
  for (const event of events) {
    if (event.type !== EVENT_ID.SCALAR || event.valueStart < 0) continue;
    while ((offsets[next] ?? Infinity) <= event.valueStart) next += 1;
    if ((offsets[next] ?? Infinity) < event.valueEnd) return false;
  }
  return true;
}

class Unusual extends Error {}

type Growing<T> = { -readonly [K in keyof T]: T[K] };

class EventReader {
  /** Of the event that is next. */
  #next = 0;
  #size = 1;

  constructor(
    readonly text: string,
    readonly events: readonly Event[],
    readonly outer: ReadonlyMap<string, YamlNode>,
    readonly anchors: Map<string, YamlNode>,
  ) {}

  read(): YamlTree {
    // White space and comments.
    if (this.events.length === 0) return { root: null, size: this.#size };
    const document = this.#take();
    if (document.type !== EVENT_ID.DOCUMENT || document.explicitEnd || document.directives.length > 0)
      throw new Unusual();
    const first = this.#take();
    // The root stands on no line's key, so that other rules hold for a single value.
    if (first.type !== EVENT_ID.MAPPING && first.type !== EVENT_ID.SEQUENCE) throw new Unusual();
    const root = this.#node(first, -1, false);
    if (this.#take().type !== EVENT_ID.POP || this.#next < this.events.length) throw new Unusual();
    return { root, size: this.#size };
  }

  #take(): Event {
    const event = this.events[this.#next++];
    if (event === undefined) throw new Unusual();
    return event;
  }

  /** `key`: where the key ends that it belongs to, or -1; `keyStart`: where it starts. */
  #node(event: Event, key: number, inFlow: boolean, keyStart = -1): YamlNode {
    switch (event.type) {
      case EVENT_ID.ALIAS:
        return this.#alias(event);
      case EVENT_ID.SCALAR:
        return this.#scalar(event, key, inFlow);
      case EVENT_ID.MAPPING:
      case EVENT_ID.SEQUENCE: {
        if (event.tagStart >= 0) throw new Unusual();
        const isFlow = event.style === COLLECTION_STYLE.FLOW;
        const isMap = event.type === EVENT_ID.MAPPING;
        // A pair without braces, in a list in brackets.
        if (isFlow && this.text[event.start] !== (isMap ? '{' : '[')) throw new Unusual();
        const node = isMap ? this.#map(event, isFlow) : this.#list(event, isFlow);
        // A map or list of lines starts below its key.
        if (!isFlow && key >= 0 && this.text.lastIndexOf('\n', node.start) < key) throw new Unusual();
        if (!isFlow) return node;
        node.end = this.#flowEnd(node.end, isMap ? '}' : ']');
        // Which column its further lines may start at is for library-yaml.ts to judge, unless all are deeper than the key.
        if (!inFlow && key !== -1 && !this.#isDeeper(node, keyStart)) throw new Unusual();
        return node;
      }
      default:
        throw new Unusual();
    }
  }

  #map(event: { start: number; anchorStart: number; anchorEnd: number }, isFlow: boolean): Growing<YamlMap> {
    const keys: YamlNode[] = [];
    const values: (YamlNode | null)[] = [];
    const map: Growing<YamlMap> = { kind: 'map', start: event.start, end: event.start + 1, keys, values };
    this.#own(event, map);
    for (let next = this.#take(); next.type !== EVENT_ID.POP; next = this.#take()) {
      if (next.type !== EVENT_ID.SCALAR || next.valueStart < 0) throw new Unusual();
      const key = this.#scalar(next, -1, isFlow);
      // An anchor before the first key is the key's, as long as both are on one line.
      if (!isFlow && keys.length === 0) map.start = key.start;
      const colon = this.#skipSpaces(key.end);
      const value = this.#take();
      keys.push(key);
      this.#size += 3;
      if (this.text[colon] === ':') {
        if (colon > key.start + MAX_KEY) throw new Unusual();
        const node = this.#node(value, colon, isFlow, key.start);
        values.push(node);
        map.end = node.end;
      } else {
        if (!isFlow || value.type !== EVENT_ID.SCALAR || value.valueStart >= 0) throw new Unusual();
        values.push(null);
        map.end = key.end;
      }
    }
    return map;
  }

  #list(event: { start: number; anchorStart: number; anchorEnd: number }, isFlow: boolean): Growing<YamlList> {
    const items: YamlNode[] = [];
    const list: Growing<YamlList> = { kind: 'list', start: event.start, end: event.start + 1, items };
    this.#own(event, list);
    for (let next = this.#take(); next.type !== EVENT_ID.POP; next = this.#take()) {
      const item = this.#node(next, -2, isFlow);
      items.push(item);
      this.#size += 1;
      list.end = item.end;
    }
    return list;
  }

  #alias({ anchorStart, anchorEnd }: AliasEvent): YamlAlias {
    const name = this.text.slice(anchorStart, anchorEnd);
    const target = this.anchors.get(name) ?? this.outer.get(name);
    if (target === undefined) throw new Unusual();
    return { kind: 'alias', start: anchorStart - 1, end: anchorEnd, target };
  }

  #own({ anchorStart, anchorEnd }: { anchorStart: number; anchorEnd: number }, node: YamlNode): void {
    if (anchorStart < 0) return;
    const name = this.text.slice(anchorStart, anchorEnd);
    // A space may be missing, or the name of a key be meant.
    if (name.endsWith(':') || !/\s/.test(this.text[anchorEnd] ?? ' ')) throw new Unusual();
    this.anchors.set(name, node);
  }

  #scalar(event: ScalarEvent, key: number, inFlow: boolean): YamlScalar {
    if (event.tagStart >= 0) throw new Unusual();
    if (event.valueStart < 0) return this.#nothing(event, key, inFlow);
    const scalar = this.#written(event);
    this.#own(event, scalar);
    return scalar;
  }

  #written(event: ScalarEvent): YamlScalar {
    const { valueStart: start, valueEnd: end, style } = event;
    switch (style) {
      case SCALAR_STYLE.PLAIN: {
        const source = this.text.slice(start, end);
        if (source.includes('\n')) throw new Unusual();
        return { kind: 'scalar', start, end, value: plainValue(source), source, plain: true };
      }
      case SCALAR_STYLE.SINGLE_QUOTED:
      case SCALAR_STYLE.DOUBLE_QUOTED: {
        const value = getScalarValue(this.text, event);
        if (this.text.slice(start, end).includes('\n')) throw new Unusual();
        return { kind: 'scalar', start: start - 1, end: end + 1, value, source: value, plain: false };
      }
      default:
        return this.#block(event);
    }
  }

  /** Text below `|` or `>`: the event starts with the line after that. */
  #block(event: ScalarEvent): YamlScalar {
    const { valueStart, valueEnd } = event;
    const header = this.text.lastIndexOf('\n', valueStart - 2) + 1;
    const mark = /[|>][-+]? *\r?\n$/.exec(this.text.slice(header, valueStart));
    if (mark === null) throw new Unusual();
    const value = getScalarValue(this.text, event);
    if (value.trim() === '') throw new Unusual();
    const start = header + mark.index;
    const end = start + this.text.slice(start, valueEnd).trimEnd().length;
    return { kind: 'scalar', start, end, value, source: value, plain: false };
  }

  /** A value that is not there is null, right behind its colon. */
  #nothing({ anchorStart }: ScalarEvent, colon: number, inFlow: boolean): YamlScalar {
    if (colon < 0 || anchorStart >= 0) throw new Unusual();
    const start = this.#skipSpaces(colon + 1);
    const next = this.text[start];
    // Where it lies among comments is for library-yaml.ts to know.
    const isPlace = inFlow ? next === ',' || next === '}' : next === '\n' || next === undefined;
    if (!isPlace || (next === '\n' && this.#isComment(start))) throw new Unusual();
    return { kind: 'scalar', start, end: start, value: null, source: '', plain: true };
  }

  /** Whether the next line that is not empty is a comment. */
  #isComment(lineEnd: number): boolean {
    let at = lineEnd;
    while (this.text[at] === '\n' || this.text[at] === ' ') at += 1;
    return this.text[at] === '#';
  }

  #skipSpaces(at: number): number {
    let end = at;
    while (this.text.charCodeAt(end) === 32) end += 1;
    return end;
  }

  /** Whether each line after the first starts right of where the key does; the bracket that closes may stand below it. */
  #isDeeper({ start, end }: YamlNode, keyStart: number): boolean {
    let lineEnd = this.text.indexOf('\n', start);
    if (lineEnd < 0 || lineEnd >= end) return true;
    if (keyStart < 0) return false;
    const column = keyStart - this.text.lastIndexOf('\n', keyStart) - 1;
    for (; lineEnd >= 0 && lineEnd < end; lineEnd = this.text.indexOf('\n', lineEnd + 1)) {
      const first = this.#skipSpaces(lineEnd + 1);
      const needed = first === end - 1 ? column : column + 1;
      if (first - lineEnd - 1 < needed && !/[\r\n]/.test(this.text[first] ?? '')) return false;
    }
    return true;
  }

  /** Behind the bracket that closes, from the end of the last entry. */
  #flowEnd(last: number, bracket: string): number {
    for (let at = last; at < this.text.length; at += 1) {
      const character = this.text[at];
      if (character === bracket) return at + 1;
      if (character === '#') at = this.text.indexOf('\n', at);
      else if (!' \r\n,'.includes(character ?? '?')) throw new Unusual();
      if (at < 0) break;
    }
    throw new Unusual();
  }
}

/** What words mean by the core schema of YAML 1.2, the very rules by which library-yaml.ts reads them. */
const constants = new Schema({ schema: 'core' }).tags.filter(
  (tag): tag is ScalarTag => 'test' in tag && tag.default === true,
);

function plainValue(source: string): unknown {
  // Most words start like no constant.
  if (!/^[-+.~0-9nNtTfF]/.test(source)) return source;
  const tag = constants.find(({ test }) => test?.test(source));
  if (tag === undefined) return source;
  const value = tag.resolve(source, () => undefined, {});
  return value instanceof Object && 'value' in value ? value.value : value;
}
