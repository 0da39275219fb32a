/**
 * Reads a large file in parts, each some entries of the list `nodes`, so that one mistake, or one form that is unusual, costs no more than its
 * neighbourhood.
 *
 * A part is read by event-yaml.ts; one that is no YAML to it is divided, down to some lines. What is left of that, and each entry with a form that is
 * unusual, is read by library-yaml.ts, which knows every form and has words for every mistake. Where entries start is seen from the indentation alone.
 * That is wrong within a text in quotes with a line that looks like an entry: the part in front of it then is no YAML, and a text that turns out to be
 * such is left to those who read it whole. So is a file without the plain line `nodes:`. Called by read-yaml.ts only.
 */

import type { Reporter } from './diagnostic.js';
import type { EventReading } from './event-reader.js';
import { canBeParted, readEventEntries, readEventYaml } from './event-yaml.js';
import {
  MANY_ERRORS,
  firstAnchors,
  reportUnknownAlias,
  readByLibrary,
  reportProblems,
  reportUnknownTags,
  type LibraryReading,
} from './library-yaml.js';
import type { SourceText } from './source-text.js';
import type { SyntaxText } from './syntax-words.js';
import { moveTree, type YamlAlias, type YamlMap, type YamlNode, type YamlScalar, type YamlTree } from './yaml-tree.js';

/** Characters of a part at the least, and of one that is not divided further. */
export interface PartSizes {
  readonly part: number;
  readonly small: number;
}
const SIZES: PartSizes = { part: 128 * 1024, small: 2 * 1024 };

/** Characters of lines that may have lost their indentation. */
const MAX_STRAY = 16 * 1024;

/** What stands in front of the entries of a part, and how much of the file's size it is: the root, a key, its list and their pair. */
const OPENING = 'nodes:\n';
const OPENING_SIZE = 4;
const noKeys = { keys: [], values: [] };

/** Reads the text as one YAML document; mistakes go to the reporter. Undefined, with nothing reported, when it cannot be read so. */
export function readPartedYaml(source: SourceText, reporter: Reporter, sizes = SIZES): YamlTree | undefined {
  const layout = layoutOf(source.text);
  return layout && new PartedReader(source, layout, sizes).read(reporter);
}

/** Offsets in a file: the line of each entry, and the first line behind them that is none. */
interface Entries {
  readonly starts: readonly number[];
  readonly end: number;
}

/** Where the key `nodes` is in a file, its entries, and how deep they are indented. */
interface Layout extends Entries {
  readonly key: number;
  readonly indentation: number;
}

function layoutOf(text: string): Layout | undefined {
  const opening = /(?<=^|\n)nodes:(?: *| +#[^\r\n]*)\r?\n/.exec(text);
  // A carriage return alone ends a line or is text, depending on who reads.
  if (opening === null || /\r(?!\n)/.test(text)) return undefined;
  const key = opening.index;
  const first = /^(?: *(?:#[^\r\n]*)?\r?\n)*( *)-(?=[ \r\n])/.exec(text.slice(key + opening[0].length));
  const indentation = first?.[1]?.length;
  if (indentation === undefined) return undefined;
  const { starts, end } = findEntries(text, key + opening[0].length, indentation);
  // A second document is no part of the first.
  if (/^(?:---|\.\.\.)/m.test(text.slice(end))) return undefined;
  return { key, indentation, starts, end };
}

/** The entries from the line at an offset on, up to the next other line of the root. */
function findEntries(text: string, from: number, indentation: number): Entries {
  const starts: number[] = [];
  let at = from;
  for (; at < text.length; at = lineAfter(text, at)) {
    if (isEntry(text, at, indentation)) starts.push(at);
    else if (/[^ \r\n#]/.test(text[at] ?? ' ')) break;
  }
  return { starts, end: at };
}

/** Whether the line at an offset starts an entry of the list that is indented so. */
function isEntry(text: string, line: number, indentation: number): boolean {
  const at = line + indentation;
  if (text[at] !== '-' || !/[ \r\n]/.test(text[at + 1] ?? '\n')) return false;
  for (let before = line; before < at; before += 1) if (text[before] !== ' ') return false;
  return true;
}

/** The line behind the one of an offset. */
function lineAfter(text: string, at: number): number {
  const lineEnd = text.indexOf('\n', at);
  return lineEnd < 0 ? text.length : lineEnd + 1;
}

/** Tells what was found in a text that lies in the file. */
type Tell = (source: SyntaxText, reporter: Reporter) => void;

/** The file is to be read whole. */
class Whole extends Error {}

class PartedReader {
  readonly #anchors = new Map<string, YamlNode>();
  readonly #items: YamlNode[] = [];
  readonly #found: { readonly text: string; readonly start: number; readonly tell: Tell }[] = [];
  #errors = 0;
  #hasMistakes = false;
  #size = 0;
  #endsEarly = false;
  /** Most entries have a form that is unusual: events are not worth their time. */
  #isUnusual = false;

  constructor(
    readonly source: SourceText,
    readonly layout: Layout,
    readonly sizes: PartSizes,
  ) {}

  read(reporter: Reporter): YamlTree | undefined {
    let root: YamlMap;
    try {
      root = this.#root();
    } catch (error) {
      if (error instanceof Whole) return undefined;
      throw error;
    }
    if (this.#endsEarly) reporter.endsEarly();
    for (const { text, start, tell } of this.#found) {
      const range = (from: number, to: number) => this.source.range(start + from, start + to);
      tell({ text, range, lineText: this.source.lineText }, reporter);
    }
    return { root, size: this.#size };
  }

  #root(): YamlMap {
    const { key, starts } = this.layout;
    const { text } = this.source;
    const head = this.#map(0, key);
    const strays: Pick<YamlMap, 'keys' | 'values'>[] = [];
    const cuts = [key, ...this.#entriesOf(this.layout)];
    let { end } = this.layout;
    for (let stray = this.#stray(end); stray !== undefined; stray = this.#stray(end)) {
      strays.push(stray.map);
      const more = findEntries(text, stray.end, this.layout.indentation);
      for (const start of this.#entriesOf(more)) cuts.push(start);
      ({ end } = more);
    }
    const tail = this.#endsEarly ? undefined : this.#map(end, text.length);
    if (this.#hasMistakes && !canBeParted(text, [...cuts, end])) throw new Whole();

    const name: YamlScalar = { kind: 'scalar', start: key, end: key + 5, value: 'nodes', source: 'nodes', plain: true };
    const start = text.indexOf('-', starts[0]);
    const list: YamlNode = { kind: 'list', start, end: this.#items.at(-1)?.end ?? start, items: this.#items };
    this.#size += OPENING_SIZE;
    const maps = [...strays, ...(tail ? [tail] : [])];
    return {
      kind: 'map',
      start: head?.start ?? key,
      end: tail?.end ?? list.end,
      keys: [...(head?.keys ?? []), name, ...maps.flatMap(({ keys }) => keys)],
      values: [...(head?.values ?? []), list, ...maps.flatMap(({ values }) => values)],
    };
  }

  /** What stands above or below the nodes; undefined when that is nothing. */
  #map(from: number, to: number): YamlMap | undefined {
    const piece = this.source.text.slice(from, to);
    // What follows the nodes starts with a plain key.
    if (from > 0 && !/^(?:$|\w[\w-]*:)/.test(piece)) throw new Whole();
    // A mark of the document's start may stand there alone.
    if (from === 0 && /^[ \r\n]*---[ \r\n]*$/.test(piece.replaceAll(/#[^\n]*/g, ''))) return undefined;
    const { root, size } = this.#part(piece, from);
    if (root === null) return undefined;
    const { text } = this.source;
    const start = root.start;
    // Keys that go on where others end start where a line does.
    if (root.kind !== 'map' || text[start] === '{' || (start > 0 && text[start - 1] !== '\n')) throw new Whole();
    this.#size += size - 1;
    return root;
  }

  /**
   * Lines behind the nodes that belong to one of them and have lost their indentation, up to an entry and with it; the nodes go on there. Undefined
   * for what stands there rightly: it goes well with an entry of another list.
   */
  #stray(from: number): { map: Pick<YamlMap, 'keys' | 'values'>; end: number } | undefined {
    if (this.#endsEarly) return undefined;
    const { text } = this.source;
    const { indentation } = this.layout;
    let end = from;
    for (let entries = 0; entries < 2;) {
      end = lineAfter(text, end);
      if (end >= text.length || end - from > MAX_STRAY) return undefined;
      if (isEntry(text, end, indentation)) entries += 1;
    }
    const above = `${OPENING}${' '.repeat(indentation)}- x\n`;
    const stray = above + text.slice(from, end);
    // What stands there rightly is read once more: an anchor would be known above its line, and an alias of nothing be told twice.
    if (/[&*]/.test(stray)) return undefined;
    const reading = this.#readByLibrary(stray);
    if (reading.errors === 0) return undefined;
    const { root } = this.#accept(reading, stray, from - above.length);
    return { map: root?.kind === 'map' ? { keys: root.keys.slice(1), values: root.values.slice(1) } : noKeys, end };
  }

  /** Reads all of these entries; returns where they start. */
  #entriesOf(entries: Entries): readonly number[] {
    this.#entries(entries, 0, entries.starts.length, this.sizes.part);
    return entries.starts;
  }

  /** Reads entries, some at a time. */
  #entries(entries: Entries, from: number, to: number, length: number): void {
    const { starts, end } = entries;
    const isWhole = length === this.sizes.part;
    let first = from;
    while (first < to && !this.#endsEarly) {
      const start = starts[first] ?? end;
      let next = first + 1;
      while (next < to && (starts[next] ?? end) - start < length) next += 1;
      const count = next - first;
      const unusual = this.#isUnusual ? undefined : this.#eventEntries(entries, first, next);
      if (unusual !== undefined) this.#isUnusual = isWhole && unusual > count / 2;
      else if (count === 1 || length <= this.sizes.small) this.#libraryEntries(entries, first, next);
      else this.#entries(entries, first, next, Math.max(this.sizes.small, length >> 4));
      first = next;
    }
  }

  /** The text of some entries as a list under a key, and where it lies in the file. */
  #textOf({ starts, end }: Entries, first: number, next: number): { text: string; start: number } {
    const from = starts[first] ?? end;
    return { text: OPENING + this.source.text.slice(from, starts[next] ?? end), start: from - OPENING.length };
  }

  /** How many of these entries the library had to read; undefined, with nothing read, when events do not show them. */
  #eventEntries(entries: Entries, first: number, next: number): number | undefined {
    const { text, start } = this.#textOf(entries, first, next);
    const starts = entries.starts.slice(first, next).map((entry) => entry - start);
    const readings = readEventEntries(text, starts, this.#anchors);
    if (readings === undefined) return undefined;
    // The entry that is read, and the first of those that the library is still to read.
    let [entry, unread, unusual] = [first, first, 0];
    for (const reading of readings) {
      if (reading === undefined) {
        entry += 1;
        unusual += 1;
        if (this.#isRun(entries, unread, entry)) continue;
        this.#libraryEntries(entries, unread, entry);
      } else {
        if (unread < entry) this.#libraryEntries(entries, unread, entry);
        if (this.#endsEarly) break;
        this.#take(reading, text, start);
        this.#size += reading.size;
        if (reading.root !== null) this.#items.push(reading.root);
        entry += 1;
      }
      unread = entry;
      if (this.#endsEarly) break;
    }
    if (unread < entry && !this.#endsEarly) this.#libraryEntries(entries, unread, entry);
    return unusual;
  }

  /** Whether these entries can wait for more to be read with them: they are few, and neither have an anchor nor need one. */
  #isRun({ starts, end }: Entries, first: number, next: number): boolean {
    const text = this.source.text.slice(starts[first], starts[next] ?? end);
    return text.length < this.sizes.small && !/[&*]/.test(text);
  }

  #libraryEntries(entries: Entries, first: number, next: number): void {
    const { text, start } = this.#textOf(entries, first, next);
    const { root, size } = this.#library(text, start);
    const list = root?.kind === 'map' && root.keys.length === 1 ? root.values[0] : undefined;
    if (list?.kind !== 'list') throw new Whole();
    this.#size += size - OPENING_SIZE;
    for (const item of list.items) this.#items.push(item);
  }

  #part(text: string, start: number): YamlTree {
    const reading = readEventYaml(text, this.#anchors);
    return reading === undefined ? this.#library(text, start) : this.#take(reading, text, start);
  }

  /** A reading goes to its place in the file. */
  #take(reading: EventReading, text: string, start: number): EventReading {
    const { root, unknownTags } = reading;
    if (unknownTags.length > 0) this.#found.push({ text, start, tell: reportUnknownTags.bind(undefined, unknownTags) });
    moveTree(root, start);
    return reading;
  }

  #library(text: string, start: number): YamlTree {
    return this.#accept(this.#readByLibrary(text), text, start);
  }

  #readByLibrary(text: string): LibraryReading {
    const reading = readByLibrary(text, this.#anchors, this.#unknownAlias);
    if (reading === undefined || reading.problems.some(({ code }) => code === 'MULTIPLE_DOCS')) throw new Whole();
    return reading;
  }

  /** Notes an alias of a text that is yet to move to its place. */
  readonly #unknownAlias = (name: string, alias: YamlAlias): void => {
    const above = firstAnchors(this.#anchors);
    this.#hasMistakes = true;
    const tell: Tell = (_, reporter) => {
      if (reporter.omitsNext()) return;
      reportUnknownAlias(name, this.source.rangeOf(alias), above, reporter);
    };
    this.#found.push({ text: '', start: 0, tell });
  };

  /** The same of what the library has read, with its mistakes. */
  #accept(reading: LibraryReading, text: string, start: number): YamlTree {
    if (reading.problems.length > 0) this.#found.push({ text, start, tell: reportProblems.bind(undefined, reading) });
    this.#errors += reading.errors;
    this.#hasMistakes ||= reading.errors > 0;
    this.#endsEarly = reading.endsEarly || this.#errors >= MANY_ERRORS;
    moveTree(reading.tree.root, start);
    return reading.tree;
  }
}
