/**
 * Reads the plain part of YAML in one pass, many times as fast as the YAML library does, for files so large that its time counts.
 *
 * Plain is what programs write, and nearly all that people write: maps and lists of lines or in brackets, words, quoted
 * text on one line, `|` blocks, comments, anchors and aliases. Whatever is not plain, and whatever is not right, makes this
 * reader give up; then the library reads the file, and says what is wrong. So it may refuse too much, and must never read
 * anything unlike the library: a test compares the two over damaged files without end. Recursion is bounded by MAX_DEPTH.
 * Called by read-yaml.ts only.
 */

import type { YamlAlias, YamlList, YamlMap, YamlNode, YamlScalar, YamlTree } from './yaml-tree.js';

/** Deeper is no dataflow, and the library's to refuse. */
const MAX_DEPTH = 50;
/** Characters from the start of a key to its colon, by the definition of YAML. */
const MAX_KEY = 1024;

const LINE_END = 10;
const SPACE = 32;
const DOUBLE_QUOTE = 34;
const HASH = 35;
const AMPERSAND = 38;
const SINGLE_QUOTE = 39;
const STAR = 42;
const COMMA = 44;
const DASH = 45;
const DOT = 46;
const COLON = 58;
const LIST_START = 91;
const BACKSLASH = 92;
const LIST_END = 93;
const MAP_START = 123;
const BAR = 124;
const MAP_END = 125;
const BYTE_ORDER_MARK = 0xfeff;
/** Stands for the end of the text. */
const END = -1;

/** The tree of a text; undefined when it is not plain, or no YAML. */
export function readPlainYaml(text: string): YamlTree | undefined {
  try {
    return new PlainReader(text).read();
  } catch (error) {
    if (error instanceof NotPlain) return undefined;
    throw error;
  }
}

class NotPlain extends Error {}

type Growing<T> = { -readonly [K in keyof T]: T[K] };

class PlainReader {
  readonly #text: string;
  readonly #anchors = new Map<string, YamlNode>();
  /** The next character. */
  #at = 0;
  #size = 1;
  /** After nextLine(): the column, from 0, of the first character of the line; END after the last line. */
  #column = 0;
  /** Where the library lets the value end that was read last, a comment behind it included. */
  #outerEnd = 0;
  /** Comments between that value and the next line that belong to a collection that ends there: their deepest column. */
  #looseColumn = END;
  #looseEnd = 0;
  /** The end of the line that `#at` was in when it was last looked for. */
  #lineEnd = END;

  constructor(text: string) {
    this.#text = text;
  }

  read(): YamlTree {
    this.#nextLine(0, 0, false);
    if (this.#column === END) return { root: null, size: this.#size };
    if (this.#column === 0 && this.#text.startsWith('---', this.#at)) this.#documentStart();
    // The root stands on no line's key, so that other rules hold for a single value.
    if (this.#column !== 0 || !this.#isScalar(this.#code(this.#at))) throw new NotPlain();
    const root = this.#lines(0, END, undefined, 0);
    if (this.#at < this.#text.length || (root.kind !== 'map' && root.kind !== 'list')) throw new NotPlain();
    return { root, size: this.#size };
  }

  #documentStart(): void {
    this.#at += 3;
    if (!this.#isBlank(this.#at)) throw new NotPlain();
    this.#endOfLine();
    this.#nextLine(0, 0, false);
  }

  #code(at: number): number {
    return at < this.#text.length ? this.#text.charCodeAt(at) : END;
  }

  /** Whether there is white space or nothing; tabs and carriage returns are not plain. */
  #isBlank(at: number): boolean {
    const code = this.#code(at);
    if (code === 9 || code === 13) throw new NotPlain();
    return code === SPACE || code === LINE_END || code === END;
  }

  /** Whether a dash or colon stands alone, so that it is not part of a word. */
  #isIndicator(at: number, inFlow: boolean): boolean {
    return this.#isBlank(at + 1) || (inFlow && isFlowCode(this.#code(at + 1)));
  }

  #skipSpaces(): void {
    while (this.#code(this.#at) === SPACE) this.#at += 1;
  }

  /** Goes to the end of the line, on which there may be a comment; returns the end of that, or END. */
  #endOfLine(): number {
    this.#skipSpaces();
    const code = this.#code(this.#at);
    if (code === LINE_END || code === END) return END;
    if (code !== HASH || this.#code(this.#at - 1) !== SPACE) throw new NotPlain();
    this.#at = this.#findLineEnd();
    return this.#at;
  }

  #findLineEnd(): number {
    if (this.#lineEnd < this.#at) {
      const found = this.#text.indexOf('\n', this.#at);
      this.#lineEnd = found < 0 ? this.#text.length : found;
    }
    return this.#lineEnd;
  }

  /**
   * From the end of a value to the first character of the next line that is no comment.
   *
   * Comments matter to where lists and maps end: one that is indented deeper than the collection of the value belongs to
   * the value, others to the collections that end here, which ask for `#looseColumn`.
   * @param indent column of the collection of the value
   * @param end where the value ends
   * @param takesComments whether comments can belong to the value
   */
  #nextLine(indent: number, end: number, takesComments: boolean): void {
    const text = this.#text;
    this.#outerEnd = end;
    this.#looseColumn = END;
    let at = this.#at;
    let start = at === 0 ? 0 : at + 1;
    for (;;) {
      at = start;
      while (at < text.length && text.charCodeAt(at) === SPACE) at += 1;
      if (at >= text.length) {
        this.#at = text.length;
        this.#column = END;
        return;
      }
      const code = text.charCodeAt(at);
      if (code === HASH) {
        const column = at - start;
        this.#at = at;
        at = this.#findLineEnd();
        if (takesComments && column > indent && this.#looseColumn === END) this.#outerEnd = at;
        else {
          this.#looseColumn = Math.max(this.#looseColumn, column);
          this.#looseEnd = at;
        }
      } else if (code !== LINE_END) {
        this.#at = at;
        this.#column = at - start;
        return;
      }
      start = at + 1;
    }
  }

  /** A node that starts at the first character of what is left of a line: a map or list of lines, or a value of its own. */
  #lines(column: number, parent: number, anchor: string | undefined, depth: number): YamlNode {
    const start = this.#at;
    if (this.#code(start) === DASH && this.#isBlank(start + 1)) return this.#listOfLines(column, anchor, depth);
    if (!this.#isScalar(this.#code(start))) return this.#value(parent, anchor, depth);
    const scalar = this.#scalar(false);
    this.#skipSpaces();
    if (this.#code(this.#at) === COLON) return this.#mapOfLines(column, scalar, anchor, depth);
    this.#own(anchor, scalar);
    this.#afterValue(parent, scalar.end);
    return scalar;
  }

  #listOfLines(column: number, anchor: string | undefined, depth: number): YamlList {
    if (depth > MAX_DEPTH) throw new NotPlain();
    const items: YamlNode[] = [];
    const list: Growing<YamlList> = { kind: 'list', start: this.#at, end: 0, items };
    this.#own(anchor, list);
    do {
      if (this.#code(this.#at) !== DASH || !this.#isBlank(this.#at + 1)) break;
      this.#at += 1;
      this.#size += 1;
      const from = this.#at;
      this.#skipSpaces();
      items.push(this.#item(column, column + 1 + this.#at - from, depth));
    } while (this.#column === column);
    list.end = this.#outerEnd;
    this.#leave(column);
    return list;
  }

  /** What stands behind a dash, or on the lines below it. */
  #item(indent: number, column: number, depth: number): YamlNode {
    const code = this.#code(this.#at);
    if (code === LINE_END || code === END || code === HASH) return this.#below(indent, undefined, false, depth);
    if (code !== AMPERSAND) return this.#lines(column, indent, undefined, depth + 1);
    const anchor = this.#name();
    this.#skipSpaces();
    if (this.#isBlank(this.#at)) return this.#below(indent, anchor, false, depth);
    return this.#value(indent, anchor, depth + 1);
  }

  #mapOfLines(column: number, first: YamlScalar, anchor: string | undefined, depth: number): YamlMap {
    if (depth > MAX_DEPTH) throw new NotPlain();
    const keys: YamlNode[] = [];
    const values: YamlNode[] = [];
    const map: Growing<YamlMap> = { kind: 'map', start: first.start, end: 0, keys, values };
    this.#own(anchor, map);
    let key = first;
    for (;;) {
      // At the colon.
      if (!this.#isBlank(this.#at + 1) || this.#at > key.start + MAX_KEY) throw new NotPlain();
      this.#at += 1;
      this.#size += 3;
      keys.push(key);
      values.push(this.#valueOfKey(column, depth));
      if (this.#column !== column) break;
      key = this.#scalar(false);
      this.#skipSpaces();
      if (this.#code(this.#at) !== COLON) throw new NotPlain();
    }
    map.end = this.#outerEnd;
    this.#leave(column);
    return map;
  }

  #valueOfKey(indent: number, depth: number): YamlNode {
    this.#skipSpaces();
    let anchor: string | undefined;
    let code = this.#code(this.#at);
    if (code === AMPERSAND) {
      anchor = this.#name();
      this.#skipSpaces();
      code = this.#code(this.#at);
    }
    if (code === LINE_END || code === END || code === HASH) return this.#below(indent, anchor, true, depth);
    return this.#value(indent, anchor, depth + 1);
  }

  /** The node on the lines below a dash or a key; null when they hold something else. */
  #below(indent: number, anchor: string | undefined, isMap: boolean, depth: number): YamlNode {
    const at = this.#at;
    const comment = this.#endOfLine();
    this.#nextLine(indent, at, false);
    const column = this.#column;
    const isSameLevel = isMap && column === indent && this.#code(this.#at) === DASH && this.#isBlank(this.#at + 1);
    if (column > indent || isSameLevel) return this.#lines(column, indent, anchor, depth + 1);
    // Where an empty value lies among comments and anchors is the library's to know.
    if (comment !== END || this.#looseColumn !== END || anchor !== undefined) throw new NotPlain();
    return { kind: 'scalar', start: at, end: at, value: null, source: '', plain: true };
  }

  /** A value that has no key behind it, and the rest of its last line. */
  #value(indent: number, anchor: string | undefined, depth: number): YamlNode {
    const code = this.#code(this.#at);
    if (code === BAR) return this.#block(indent, anchor);
    const value = this.#flowNode(indent + 1, anchor, depth, false);
    this.#afterValue(indent, value.end);
    return value;
  }

  #afterValue(indent: number, end: number): void {
    const comment = this.#endOfLine();
    this.#nextLine(indent, comment === END ? end : comment, true);
    // A deeper line would go on with the value.
    if (this.#column > indent) throw new NotPlain();
  }

  /** A list or map of lines has ended: comments that are indented like it are its own, others those of what is around it. */
  #leave(column: number): void {
    if (this.#column > column) throw new NotPlain();
    if (this.#looseColumn === END || column === 0 || this.#looseColumn < column) return;
    this.#outerEnd = this.#looseEnd;
    this.#looseColumn = END;
  }

  /** A node that may stand in brackets. `least`: the column at which further lines of it have to start. */
  #flowNode(least: number, anchor: string | undefined, depth: number, inFlow: boolean): YamlNode {
    switch (this.#code(this.#at)) {
      case LIST_START:
        return this.#flowList(least, anchor, depth, inFlow);
      case MAP_START:
        return this.#flowMap(least, anchor, depth, inFlow);
      case AMPERSAND: {
        if (anchor !== undefined) throw new NotPlain();
        const name = this.#name();
        this.#skipSpaces();
        return this.#flowNode(least, name, depth, inFlow);
      }
      case STAR:
        if (anchor !== undefined) throw new NotPlain();
        return this.#alias();
      default: {
        const scalar = this.#scalar(inFlow);
        this.#own(anchor, scalar);
        return scalar;
      }
    }
  }

  #flowList(least: number, anchor: string | undefined, depth: number, inFlow: boolean): YamlList {
    if (depth > MAX_DEPTH) throw new NotPlain();
    const items: YamlNode[] = [];
    const list: Growing<YamlList> = { kind: 'list', start: this.#at, end: 0, items };
    this.#own(anchor, list);
    for (this.#at += 1; ; this.#at += 1) {
      this.#flowSpace(least, inFlow);
      if (this.#code(this.#at) === LIST_END) break;
      items.push(this.#flowNode(least, undefined, depth + 1, true));
      this.#size += 1;
      this.#flowSpace(least, inFlow);
      const code = this.#code(this.#at);
      if (code === LIST_END) break;
      if (code !== COMMA) throw new NotPlain();
    }
    this.#at += 1;
    list.end = this.#at;
    return list;
  }

  #flowMap(least: number, anchor: string | undefined, depth: number, inFlow: boolean): YamlMap {
    if (depth > MAX_DEPTH) throw new NotPlain();
    const keys: YamlNode[] = [];
    const values: (YamlNode | null)[] = [];
    const map: Growing<YamlMap> = { kind: 'map', start: this.#at, end: 0, keys, values };
    this.#own(anchor, map);
    for (this.#at += 1; ; this.#at += 1) {
      this.#flowSpace(least, inFlow);
      if (this.#code(this.#at) === MAP_END) break;
      keys.push(this.#scalar(true));
      this.#size += 3;
      this.#skipSpaces();
      values.push(this.#code(this.#at) === COLON ? this.#flowValue(least, depth, inFlow) : null);
      this.#flowSpace(least, inFlow);
      const code = this.#code(this.#at);
      if (code === MAP_END) break;
      if (code !== COMMA) throw new NotPlain();
    }
    this.#at += 1;
    map.end = this.#at;
    return map;
  }

  #flowValue(least: number, depth: number, inFlow: boolean): YamlNode {
    this.#at += 1;
    const next = this.#code(this.#at);
    if (next !== COMMA && next !== MAP_END && !this.#isBlank(this.#at)) throw new NotPlain();
    this.#skipSpaces();
    const at = this.#at;
    this.#flowSpace(least, inFlow);
    const code = this.#code(this.#at);
    if (code !== COMMA && code !== MAP_END) return this.#flowNode(least, undefined, depth + 1, true);
    if (this.#at !== at) throw new NotPlain();
    return { kind: 'scalar', start: at, end: at, value: null, source: '', plain: true };
  }

  /** White space, lines and comments between the parts of a list or map in brackets. */
  #flowSpace(least: number, inFlow: boolean): void {
    for (;;) {
      this.#skipSpaces();
      const code = this.#code(this.#at);
      if (code === HASH) {
        if (!this.#isBlank(this.#at - 1)) throw new NotPlain();
        this.#at = this.#findLineEnd();
        continue;
      }
      if (code !== LINE_END) return;
      const start = this.#at + 1;
      this.#at = start;
      this.#skipSpaces();
      const column = this.#at - start;
      const first = this.#code(this.#at);
      if (column >= least || first === LINE_END || first === HASH) continue;
      // The last bracket may stand below the key.
      if (inFlow || column !== least - 1 || (first !== LIST_END && first !== MAP_END)) throw new NotPlain();
    }
  }

  /** `&name` or `*name`. */
  #name(): string {
    const start = this.#at + 1;
    let at = start;
    while (isNameCode(this.#code(at))) at += 1;
    this.#at = at;
    const next = this.#code(at);
    if (at === start || !(next === COMMA || next === LIST_END || next === MAP_END || this.#isBlank(at)))
      throw new NotPlain();
    return this.#text.slice(start, at);
  }

  #alias(): YamlAlias {
    const start = this.#at;
    const target = this.#anchors.get(this.#name());
    if (target === undefined) throw new NotPlain();
    return { kind: 'alias', start, end: this.#at, target };
  }

  #own(anchor: string | undefined, node: YamlNode): void {
    if (anchor !== undefined) this.#anchors.set(anchor, node);
  }

  #isScalar(code: number): boolean {
    return (
      code === DOUBLE_QUOTE ||
      code === SINGLE_QUOTE ||
      (code > 127 && code !== BYTE_ORDER_MARK) ||
      startsWord[code] === 1
    );
  }

  /** A word or a quoted text on one line. */
  #scalar(inFlow: boolean): YamlScalar {
    const code = this.#code(this.#at);
    if (code === DOUBLE_QUOTE) return this.#doubleQuoted();
    if (code === SINGLE_QUOTE) return this.#singleQuoted();
    if (!this.#isScalar(code) || (code === DASH && this.#isIndicator(this.#at, inFlow))) throw new NotPlain();
    const text = this.#text;
    const start = this.#at;
    let end = start;
    let at = start;
    for (; at < text.length; at += 1) {
      const next = text.charCodeAt(at);
      if (next > COLON) {
        if (inFlow && isFlowCode(next)) break;
        end = at + 1;
      } else if (next === SPACE) {
        const after = this.#code(at + 1);
        if (after === HASH) break;
      } else if (next < SPACE) {
        if (next !== LINE_END) throw new NotPlain();
        break;
      } else if (next === COLON) {
        if (this.#isIndicator(at, inFlow)) break;
        end = at + 1;
      } else if (next === COMMA && inFlow) break;
      else end = at + 1;
    }
    this.#at = at;
    const source = text.slice(start, end);
    if ((code === DASH || code === DOT) && (source.startsWith('---') || source.startsWith('...'))) throw new NotPlain();
    return { kind: 'scalar', start, end, value: plainValue(source, code), source, plain: true };
  }

  #singleQuoted(): YamlScalar {
    const start = this.#at;
    const text = this.#text;
    let end = text.indexOf("'", start + 1);
    let isEscaped = false;
    while (end >= 0 && text.charCodeAt(end + 1) === SINGLE_QUOTE) {
      isEscaped = true;
      end = text.indexOf("'", end + 2);
    }
    if (end < 0 || end > this.#findLineEnd()) throw new NotPlain();
    const inside = text.slice(start + 1, end);
    const value = isEscaped ? inside.replaceAll("''", "'") : inside;
    this.#at = end + 1;
    return { kind: 'scalar', start, end: end + 1, value, source: value, plain: false };
  }

  #doubleQuoted(): YamlScalar {
    const start = this.#at;
    const text = this.#text;
    let end = text.indexOf('"', start + 1);
    if (end < 0 || end > this.#findLineEnd()) throw new NotPlain();
    let value = text.slice(start + 1, end);
    if (value.includes('\\')) {
      end = start + 1;
      while (this.#code(end) !== DOUBLE_QUOTE) {
        end += this.#code(end) === BACKSLASH ? 2 : 1;
        if (end >= this.#findLineEnd()) throw new NotPlain();
      }
      value = unescape(text.slice(start + 1, end));
    }
    this.#at = end + 1;
    return { kind: 'scalar', start, end: end + 1, value, source: value, plain: false };
  }

  /** `|` or `|-`, and the lines below. */
  #block(indent: number, anchor: string | undefined): YamlScalar {
    const start = this.#at;
    const text = this.#text;
    const isStripped = text.charCodeAt(start + 1) === DASH;
    this.#at += isStripped ? 2 : 1;
    this.#skipSpaces();
    if (this.#code(this.#at) !== LINE_END) throw new NotPlain();
    const lines: string[] = [];
    let column = END;
    let end = this.#at;
    while (end < text.length) {
      const from = end + 1;
      this.#at = from;
      this.#skipSpaces();
      const code = this.#code(this.#at);
      const depth = this.#at - from;
      if (column === END) {
        column = depth;
        if (column <= indent || code === LINE_END || code === END) throw new NotPlain();
      }
      if (code === LINE_END || code === END) {
        // More spaces than the text is indented by would be a part of it.
        if (depth > column) throw new NotPlain();
        lines.push('');
      } else {
        if (code < SPACE) throw new NotPlain();
        if (depth < column) break;
        const line = text.slice(from + column, this.#findLineEnd());
        if (line.endsWith('\r')) throw new NotPlain();
        lines.push(line);
      }
      end = this.#findLineEnd();
    }
    this.#at = end;
    while (lines.at(-1) === '') lines.pop();
    const value = lines.join('\n') + (isStripped ? '' : '\n');
    const scalar = { kind: 'scalar', start, end, value, source: value, plain: false } as const;
    this.#own(anchor, scalar);
    this.#nextLine(indent, end, false);
    if (this.#column > indent) throw new NotPlain();
    return scalar;
  }
}

function isFlowCode(code: number): boolean {
  return code === COMMA || code === LIST_START || code === LIST_END || code === MAP_START || code === MAP_END;
}

/** Letters, digits, `_` and `-`: what anchors are called in practice. */
function isNameCode(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 95 ||
    code === DASH
  );
}

/** ASCII characters with which a word may start that has no meaning of its own. */
const startsWord = new Uint8Array(128);
for (const character of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./$~+<=^()\\;')
  startsWord[character.charCodeAt(0)] = 1;

/** The value of a word by the core schema of YAML 1.2. */
function plainValue(source: string, code: number): unknown {
  // Letters that start no constant, which is most words.
  if (code > 57 && !'nNtTfF~'.includes(source.charAt(0))) return source;
  if (code <= 57 && !/^[-+]?\.?[0-9inIN]/.test(source)) return source;
  if (/^(?:~|[Nn]ull|NULL)$/.test(source)) return null;
  if (/^(?:[Tt]rue|TRUE|[Ff]alse|FALSE)$/.test(source)) return /^[tT]/.test(source);
  if (code > 57) return source;
  if (/^0o[0-7]+$/.test(source)) return Number.parseInt(source.slice(2), 8);
  if (/^[-+]?[0-9]+$/.test(source)) return Number.parseInt(source, 10);
  if (/^0x[0-9a-fA-F]+$/.test(source)) return Number.parseInt(source.slice(2), 16);
  if (/^[-+]?\.(?:inf|Inf|INF)$/.test(source)) return source.startsWith('-') ? -Infinity : Infinity;
  if (/^\.(?:nan|NaN|NAN)$/.test(source)) return NaN;
  if (/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(source)) return Number.parseFloat(source);
  return source;
}

const escapes: Readonly<Record<string, string>> = {
  ...{ '0': '\0', a: '\x07', b: '\b', e: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', ' ': ' ', '"': '"' },
  ...{ '/': '/', '\\': '\\', N: '\u0085', _: '\u00a0', L: '\u2028', P: '\u2029' },
};

/** The text between double quotes with its escapes resolved. */
function unescape(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([^]?))/g,
    (_whole, byte?: string, unit?: string, letter?: string) => {
      const hex = byte ?? unit;
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      const found = letter === undefined || !Object.hasOwn(escapes, letter) ? undefined : escapes[letter];
      if (found === undefined) throw new NotPlain();
      return found;
    },
  );
}
