/**
 * Reads a large file in parts, each some entries of the list `nodes`, so that one mistake, or one form that is unusual, costs no more than its
 * neighbourhood.
 *
 * A part is read by event-yaml.ts; one that it gives up on is divided, down to some lines, and what is left of it is read by library-yaml.ts, which
 * knows every form and has words for every mistake. Where entries start is seen from the indentation alone. That is wrong within a text in quotes
 * with a line that looks like an entry: the part in front of it then is no YAML, and a text that turns out to be such is left to those who
 * read it whole. So is a file without the plain line `nodes:`. Called by read-yaml.ts only.
 */

import type { Reporter } from './diagnostic.js';
import { canBeParted, readEventYaml } from './event-yaml.js';
import { MANY_ERRORS, readByLibrary, reportProblems, type LibraryReading } from './library-yaml.js';
import type { SourceText } from './source-text.js';
import { moveTree, type YamlMap, type YamlNode, type YamlScalar, type YamlTree } from './yaml-tree.js';

/** Characters of a part at the least, and of one that is not divided further. */
export interface PartSizes {
  readonly part: number;
  readonly small: number;
}
const SIZES: PartSizes = { part: 128 * 1024, small: 2 * 1024 };

/** What stands in front of the entries of a part, and how much of the file's size it is: the root, a key, its list and their pair. */
const OPENING = 'nodes:\n';
const OPENING_SIZE = 4;

/** Reads the text as one YAML document; mistakes go to the reporter. Undefined, with nothing reported, when it cannot be read so. */
export function readPartedYaml(source: SourceText, reporter: Reporter, sizes = SIZES): YamlTree | undefined {
  const layout = layoutOf(source.text);
  return layout && new PartedReader(source, layout, sizes).read(reporter);
}

/** Offsets in a file: its key `nodes`, the line of each entry, the first line that belongs to neither. */
interface Layout {
  readonly key: number;
  readonly entries: readonly number[];
  readonly end: number;
}

function layoutOf(text: string): Layout | undefined {
  const opening = /^nodes:(?: *| +#.*)\r?\n/m.exec(text);
  // A carriage return alone ends a line or is text, depending on who reads.
  if (opening === null || /\r(?!\n)/.test(text)) return undefined;
  const entries: number[] = [];
  let indentation = -1;
  let end = text.length;
  let at = opening.index + opening[0].length;
  while (at < text.length) {
    let first = at;
    while (text.charCodeAt(first) === 32) first += 1;
    const isNothing = /[\r\n#]/.test(text[first] ?? '\n');
    const isEntry = text[first] === '-' && /[ \r\n]/.test(text[first + 1] ?? '\n');
    if (!isNothing) {
      if (indentation < 0) {
        if (!isEntry) return undefined;
        indentation = first - at;
      }
      if (isEntry && first - at === indentation) entries.push(at);
      else if (first === at) {
        end = at;
        break;
      }
    }
    const lineEnd = text.indexOf('\n', first);
    at = lineEnd < 0 ? text.length : lineEnd + 1;
  }
  // What follows the nodes starts with a plain key, and a second document is no part of the first.
  const tail = text.slice(end);
  if (entries.length === 0 || !/^(?:$|\w[\w-]*:)/.test(tail) || /^(?:---|\.\.\.)/m.test(tail)) return undefined;
  return { key: opening.index, entries, end };
}

/** A part that library-yaml.ts has read, its text, and the offset of that in the file. */
interface Read {
  readonly reading: LibraryReading;
  readonly text: string;
  readonly start: number;
}

/** The file is to be read whole. */
class Whole extends Error {}

class PartedReader {
  readonly #anchors = new Map<string, YamlNode>();
  readonly #items: YamlNode[] = [];
  readonly #read: Read[] = [];
  #errors = 0;
  #size = 0;
  #endsEarly = false;

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
    for (const { reading, text, start } of this.#read) {
      const range = (from: number, to: number) => this.source.range(start + from, start + to);
      reportProblems(reading, { text, range, lineText: this.source.lineText }, reporter);
    }
    return { root, size: this.#size };
  }

  #root(): YamlMap {
    const { key, entries, end } = this.layout;
    const { text } = this.source;
    const head = this.#map(0, key);
    this.#entries(0, entries.length, this.sizes.part);
    const tail = this.#endsEarly ? undefined : this.#map(end, text.length);
    if (this.#errors > 0 && !canBeParted(text, [key, ...entries, end])) throw new Whole();

    const name: YamlScalar = { kind: 'scalar', start: key, end: key + 5, value: 'nodes', source: 'nodes', plain: true };
    const start = text.indexOf('-', entries[0]);
    const list: YamlNode = { kind: 'list', start, end: this.#items.at(-1)?.end ?? start, items: this.#items };
    this.#size += OPENING_SIZE;
    return {
      kind: 'map',
      start: head?.start ?? key,
      end: tail?.end ?? list.end,
      keys: [...(head?.keys ?? []), name, ...(tail?.keys ?? [])],
      values: [...(head?.values ?? []), list, ...(tail?.values ?? [])],
    };
  }

  /** What stands above or below the nodes; undefined when that is nothing. */
  #map(from: number, to: number): YamlMap | undefined {
    const piece = this.source.text.slice(from, to);
    // A mark of the document's start may stand there alone.
    if (from === 0 && piece.replace(/#.*$/gm, '').trim() === '---') return undefined;
    const { root, size } = this.#part(piece, from);
    if (root === null) return undefined;
    const { text } = this.source;
    const start = root.start;
    // Keys that go on where others end start where a line does.
    if (root.kind !== 'map' || text[start] === '{' || (start > 0 && text[start - 1] !== '\n')) throw new Whole();
    this.#size += size - 1;
    return root;
  }

  /** Reads entries, some at a time. */
  #entries(from: number, to: number, length: number): void {
    const { entries, end } = this.layout;
    let first = from;
    while (first < to && !this.#endsEarly) {
      const start = entries[first] ?? end;
      let next = first + 1;
      while (next < to && (entries[next] ?? end) - start < length) next += 1;
      const text = OPENING + this.source.text.slice(start, entries[next] ?? end);
      const offset = start - OPENING.length;
      const isSmall = next === first + 1 || length <= this.sizes.small;
      const tree = isSmall ? this.#part(text, offset) : this.#event(text, offset);
      if (tree !== undefined) this.#add(tree);
      else this.#entries(first, next, Math.max(this.sizes.small, length >> 4));
      first = next;
    }
  }

  #add({ root, size }: YamlTree): void {
    const list = root?.kind === 'map' && root.keys.length === 1 ? root.values[0] : undefined;
    if (list?.kind !== 'list') throw new Whole();
    this.#size += size - OPENING_SIZE;
    for (const item of list.items) this.#items.push(item);
  }

  #part(text: string, start: number): YamlTree {
    return this.#event(text, start) ?? this.#library(text, start);
  }

  #event(text: string, start: number): YamlTree | undefined {
    const tree = readEventYaml(text, this.#anchors);
    if (tree === undefined) return undefined;
    moveTree(tree.root, start);
    return tree;
  }

  #library(text: string, start: number): YamlTree {
    const reading = readByLibrary(text, this.#anchors, () => {
      throw new Whole();
    });
    if (reading === undefined || reading.problems.some(({ code }) => code === 'MULTIPLE_DOCS')) throw new Whole();
    if (reading.problems.length > 0) this.#read.push({ reading, text, start });
    this.#errors += reading.errors;
    this.#endsEarly = reading.endsEarly || this.#errors >= MANY_ERRORS;
    moveTree(reading.tree.root, start);
    return reading.tree;
  }
}
