/**
 * The events of the library `js-yaml` -> our tree, for what is usual; the rest makes it give up.
 *
 * Every rule here keeps it to what the other library, `yaml`, reads alike: places, values, what is text and what is a number. event-yaml.ts says what
 * that is for, and is the only file that uses this.
 */

import {
  COLLECTION_STYLE,
  EVENT_ID,
  SCALAR_STYLE,
  getScalarValue,
  type AliasEvent,
  type Event,
  type MappingEvent,
  type ScalarEvent,
  type SequenceEvent,
} from 'js-yaml';
import { Schema, type ScalarTag } from 'yaml';
import type { YamlAlias, YamlList, YamlMap, YamlNode, YamlScalar, YamlTree } from './yaml-tree.js';

/** Characters from the start of a key to its colon, by the definition of YAML. */
const MAX_KEY = 1024;

/** Tags that mean nothing to YAML: the value is as it would be without, but no word is a number. */
const LOCAL_TAG = /^![A-Za-z][\w-]*$/;

/** Offsets of a piece of the text. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

/** What was read, and the tags in it that are not known. */
export interface EventReading extends YamlTree {
  readonly unknownTags: readonly Place[];
}

/** The events are not what this reader takes. */
export class Unusual extends Error {}

type Growing<T> = { -readonly [K in keyof T]: T[K] };
type Properties = Pick<ScalarEvent, 'anchorStart' | 'anchorEnd' | 'tagStart' | 'tagEnd'>;

/** Reads one document or one entry of a list. */
export class EventReader {
  readonly #own = new Map<string, YamlNode>();
  readonly #unknownTags: Place[] = [];
  /** Of the event that is next. */
  #next = 0;
  #size = 1;

  /** @param anchors what aliases may stand for */
  constructor(
    readonly text: string,
    readonly events: readonly Event[],
    readonly anchors: Map<string, YamlNode>,
  ) {}

  /** All events, as a document. */
  document(): EventReading {
    // White space and comments.
    if (this.events.length === 0) return this.#reading(null);
    const document = this.#take();
    if (document.type !== EVENT_ID.DOCUMENT || document.explicitEnd || document.directives.length > 0)
      throw new Unusual();
    const first = this.#take();
    // The root stands on no line's key, so that other rules hold for a single value.
    if (first.type !== EVENT_ID.MAPPING && first.type !== EVENT_ID.SEQUENCE) throw new Unusual();
    const root = this.#node(first, -1, false);
    if (this.#take().type !== EVENT_ID.POP || this.#next < this.events.length) throw new Unusual();
    return this.#reading(root);
  }

  /** The entry of a list whose first event this is. */
  entry(first: number): EventReading {
    this.#next = first;
    return this.#reading(this.#node(this.#take(), -2, false));
  }

  /** Gives those who read further the anchors of what was read. */
  keepAnchors(): void {
    for (const [name, node] of this.#own) this.anchors.set(name, node);
  }

  #reading(root: YamlNode | null): EventReading {
    return { root, size: this.#size, unknownTags: this.#unknownTags };
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
        return this.#scalar(event, key, inFlow, keyStart);
      case EVENT_ID.MAPPING:
      case EVENT_ID.SEQUENCE: {
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

  #map(event: MappingEvent, isFlow: boolean): Growing<YamlMap> {
    const keys: YamlNode[] = [];
    const values: (YamlNode | null)[] = [];
    const map: Growing<YamlMap> = { kind: 'map', start: event.start, end: event.start + 1, keys, values };
    this.#properties(event, map);
    for (let next = this.#take(); next.type !== EVENT_ID.POP; next = this.#take()) {
      if (next.type !== EVENT_ID.SCALAR || next.valueStart < 0 || next.tagStart >= 0) throw new Unusual();
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

  #list(event: SequenceEvent, isFlow: boolean): Growing<YamlList> {
    const items: YamlNode[] = [];
    const list: Growing<YamlList> = { kind: 'list', start: event.start, end: event.start + 1, items };
    this.#properties(event, list);
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
    const target = this.#own.get(name) ?? this.anchors.get(name);
    if (target === undefined) throw new Unusual();
    return { kind: 'alias', start: anchorStart - 1, end: anchorEnd, target };
  }

  /** Notes the anchor and the tag of a node. */
  #properties(event: Properties, node: YamlNode): void {
    const { anchorStart, anchorEnd, tagStart, tagEnd } = event;
    if (anchorStart >= 0) {
      const name = this.text.slice(anchorStart, anchorEnd);
      // A space may be missing, or the name of a key be meant.
      if (name.endsWith(':') || !this.#isSpace(anchorEnd)) throw new Unusual();
      this.#own.set(name, node);
    }
    if (tagStart >= 0) {
      const tag = this.text.slice(tagStart, tagEnd);
      const isText = tag === '!!str' && node.kind === 'scalar';
      if (!(isText || LOCAL_TAG.test(tag)) || !this.#isSpace(tagEnd)) throw new Unusual();
      if (!isText) this.#unknownTags.push({ start: tagStart, end: tagEnd });
    }
  }

  #isSpace(at: number): boolean {
    return ' \r\n'.includes(this.text[at] ?? ' ');
  }

  #scalar(event: ScalarEvent, key: number, inFlow: boolean, keyStart = -1): YamlScalar {
    if (event.valueStart < 0) return this.#nothing(event, key, inFlow);
    const scalar = this.#written(event, inFlow ? -1 : keyStart);
    this.#properties(event, scalar);
    return scalar;
  }

  /** `keyStart`: where the key starts that the text belongs to and may go on below, or -1. */
  #written(event: ScalarEvent, keyStart: number): YamlScalar {
    const { valueStart: start, valueEnd: end, style } = event;
    const written = this.text.slice(start, end);
    const isOneLine = !written.includes('\n');
    switch (style) {
      case SCALAR_STYLE.PLAIN: {
        if (!isOneLine && !this.#isDeeper({ start, end }, keyStart, 1)) throw new Unusual();
        const source = isOneLine ? written : getScalarValue(this.text, event);
        const value = event.tagStart < 0 ? plainValue(source) : source;
        return { kind: 'scalar', start, end, value, source, plain: true };
      }
      case SCALAR_STYLE.SINGLE_QUOTED:
      case SCALAR_STYLE.DOUBLE_QUOTED: {
        // The libraries differ in what an escaped end of a line does to lines that are empty.
        if (!isOneLine && (written.includes('\\') || !this.#isDeeper({ start, end }, keyStart, 1))) throw new Unusual();
        const value = getScalarValue(this.text, event);
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
  #nothing({ anchorStart, tagStart }: ScalarEvent, colon: number, inFlow: boolean): YamlScalar {
    if (colon < 0 || anchorStart >= 0 || tagStart >= 0) throw new Unusual();
    const start = this.#skipSpaces(colon + 1);
    const next = this.text[start];
    const isPlace = inFlow ? next === ',' || next === '}' : next === undefined || '#\r\n'.includes(next);
    if (!isPlace) throw new Unusual();
    return { kind: 'scalar', start, end: start, value: null, source: '', plain: true };
  }

  #skipSpaces(at: number): number {
    let end = at;
    while (this.text.charCodeAt(end) === 32) end += 1;
    return end;
  }

  /** Whether each line after the first starts right of where the key does; one that is nothing but the last character by `last` at least. */
  #isDeeper({ start, end }: Place, keyStart: number, last = 0): boolean {
    let lineEnd = this.text.indexOf('\n', start);
    if (lineEnd < 0 || lineEnd >= end) return true;
    if (keyStart < 0) return false;
    const column = keyStart - this.text.lastIndexOf('\n', keyStart) - 1;
    for (; lineEnd >= 0 && lineEnd < end; lineEnd = this.text.indexOf('\n', lineEnd + 1)) {
      const first = this.#skipSpaces(lineEnd + 1);
      const needed = first === end - 1 ? column + last : column + 1;
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
