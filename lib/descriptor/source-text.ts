/**
 * Bytes -> text -> YAML tree, with positions; the only file that knows the `yaml` library's parser.
 *
 * A dataflow file is hostile until proven otherwise: size is bounded before anything is decoded, text is UTF-8, there
 * is one document, nesting is bounded (the composer recurses), and aliases are resolved here, once, so that no later
 * step resolves them by searching the document (which takes quadratic time). `uniqueKeys` of the library is off for the
 * same reason; the schema walk finds duplicates with a set.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import {
  Composer,
  Lexer,
  Parser,
  YAMLParseError,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  type Alias,
  type CST,
  type Node,
  type YAMLError,
} from 'yaml';
import type { Place, Reporter, SourceRange } from './diagnostic.js';
import { didYouMeanFile, quote } from './suggest.js';
import { explainSyntax } from './syntax-words.js';

/** A dataflow of a thousand nodes takes 200 kB. */
export const MAX_FILE_BYTES = 4 * 1024 * 1024;
/** The deepest place of the format is ten levels down; the composer overflows the stack at some thousands. */
const MAX_DEPTH = 64;
/** What follows on the thousandth mistake is not read. */
const MAX_SYNTAX_ERRORS = 1_000;

/** The text of one file, and where each offset in it is. */
export class SourceText {
  /** Offset of the first character of each line. The library's own counter loses lines after some mistakes of syntax. */
  readonly #lineStarts: number[] = [0];

  constructor(readonly text: string) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#lineStarts.push(at + 1);
  }

  /** The text of a line, from 1, without its end. */
  lineText = (line: number): string | undefined => {
    const start = this.#lineStarts[line - 1];
    return start === undefined
      ? undefined
      : this.text.slice(start, this.#lineStarts[line] ?? this.text.length).replace(/\r?\n$/, '');
  };

  /** The range between two offsets (end exclusive); at least one column wide. */
  range(start: number, end: number): SourceRange {
    const from = this.#position(start);
    const to = this.#position(Math.max(end, start));
    const same = to.line === from.line;
    return { ...from, endLine: to.line, endColumn: same ? Math.max(from.column + 1, to.column) : to.column };
  }

  #position(offset: number): { line: number; column: number } {
    const bounded = Math.min(Math.max(offset, 0), this.text.length);
    let low = 0;
    let high = this.#lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#lineStarts[middle] ?? 0) <= bounded) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: bounded - (this.#lineStarts[low] ?? 0) + 1 };
  }

  /** The range of a node, or of the whole file for a node that has none. */
  rangeOf(node: Node | null | undefined): SourceRange {
    const range = node?.range;
    return range ? this.range(range[0], this.#trimEnd(range[0], range[1])) : this.range(0, 0);
  }

  /** Block collections end at the start of what follows: white space at the end is not theirs. */
  #trimEnd(start: number, end: number): number {
    let trimmed = end;
    while (trimmed > start && /\s/.test(this.text[trimmed - 1] ?? '')) trimmed -= 1;
    return trimmed;
  }
}

/** The root of a document and what its aliases stand for. */
export interface YamlTree {
  readonly root: Node | null;
  /** Nodes of the file, aliases not followed. */
  readonly size: number;
  /** The node itself, or what an alias stands for; undefined for an alias of nothing. */
  resolve(node: Node): Node | undefined;
}

/** Why a file could not become text. */
export interface ReadFailure {
  code: string;
  message: string;
  hint: string;
}

/** Reads a file as UTF-8 text, at most MAX_FILE_BYTES of it. */
export function readText(file: string): string | ReadFailure {
  let bytes: Buffer;
  try {
    bytes = readBounded(file);
  } catch (error) {
    return readFailure(file, error);
  }
  return decodeText(bytes);
}

/** Decodes bytes as UTF-8 text; binary data, other encodings and oversized input are failures. */
export function decodeText(bytes: Uint8Array): string | ReadFailure {
  if (bytes.byteLength > MAX_FILE_BYTES) {
    return {
      code: 'FILE_TOO_LARGE',
      message: `the file is larger than ${String(MAX_FILE_BYTES / 1024 / 1024)} MiB`,
      hint: 'A dataflow file holds the graph only; data belongs into files of its own. Is this the right file?',
    };
  }
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return { code: 'NOT_TEXT', message: 'the file is UTF-16', hint: 'Save it as UTF-8.' };
  }
  const zero = bytes.indexOf(0);
  if (zero >= 0) {
    return {
      code: 'NOT_TEXT',
      message: `the file is not text: byte ${String(zero)} is zero`,
      hint: 'A dataflow is a YAML file in UTF-8. Is this the right file?',
    };
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const valid = new TextDecoder('utf-8').decode(bytes).indexOf('\ufffd');
    return {
      code: 'NOT_TEXT',
      message: `the file is not UTF-8: character ${String(valid + 1)} cannot be decoded`,
      hint: 'Save it as UTF-8.',
    };
  }
}

/** Parses text as one YAML document; every mistake of syntax goes to the reporter. */
export function parseYaml(source: SourceText, reporter: Reporter): YamlTree {
  const atStart: Place = { range: source.range(0, 0), path: [] };
  const nothing: YamlTree = { root: null, size: 0, resolve: (node) => node };
  const document = withoutStackTraces(() => compose(source));
  const tree = document === undefined ? undefined : collectAliases(document.root, source, reporter);
  if (document === undefined || tree === undefined) {
    // Everything else that is wrong follows from it.
    reporter.report(atStart, tooDeep);
    return nothing;
  }
  for (const problem of document.problems) {
    if (reporter.isFull()) {
      reporter.omit();
      continue;
    }
    const explained = explainSyntax(problem, source, document.root);
    reporter.report({ range: explained.range, path: [] }, explained.problem);
  }
  return tree;
}

/**
 * The library's own steps, with two bounds that it has not: nesting (its composer recurses) and the number of mistakes
 * (a megabyte of "]" is a million). Undefined when the text nests too deep.
 */
function compose(source: SourceText): { root: Node | null; problems: YAMLError[] } | undefined {
  const { text } = source;
  const parser = new Parser();
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false, stringKeys: false });
  const nesting = { tooDeep: false };
  const tokens = function* (): Generator<CST.Token> {
    let errors = 0;
    for (const lexeme of new Lexer().lex(text)) {
      for (const token of parser.next(lexeme)) {
        yield token;
        if (token.type === 'error') errors += 1;
      }
      nesting.tooDeep = parser.stack.length > MAX_DEPTH + 20;
      if (nesting.tooDeep || errors > MAX_SYNTAX_ERRORS) return;
    }
    yield* parser.end();
  };
  let root: Node | null = null;
  const problems: YAMLError[] = [];
  let documents = 0;
  for (const document of composer.compose(tokens(), true, text.length)) {
    documents += 1;
    if (documents > 1) {
      problems.push(new YAMLParseError([document.range[0], document.range[1]], 'MULTIPLE_DOCS', ''));
      break;
    }
    root = document.contents;
    for (const problem of document.errors) problems.push(problem);
    for (const problem of document.warnings) problems.push(problem);
  }
  return nesting.tooDeep ? undefined : { root, problems };
}

/** A file may have half a million mistakes, each an Error whose stack nobody reads: to write them down takes seconds. */
function withoutStackTraces<T>(work: () => T): T {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = before;
  }
}

const tooDeep = {
  code: 'YAML_SYNTAX',
  message: `the file nests lists or maps more than ${String(MAX_DEPTH)} deep`,
  hint: 'A dataflow needs ten levels at most. Look for brackets that are opened and never closed.',
};

/**
 * Walks the tree once: checks its depth, and notes for each alias the newest anchor of its name above it.
 * Returns undefined when the tree is too deep to go on.
 */
function collectAliases(root: Node | null, source: SourceText, reporter: Reporter): YamlTree | undefined {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  let size = 0;
  const open: { node: unknown; depth: number }[] = [{ node: root, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth } = next;
    size += 1;
    if (depth > MAX_DEPTH) return undefined;
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target === undefined) reportUnknownAnchor(node, anchors, source, reporter);
      else targets.set(node, target);
      continue;
    }
    if (isPair(node)) {
      open.push({ node: node.value, depth }, { node: node.key, depth });
      continue;
    }
    if ((isScalar(node) || isCollection(node)) && node.anchor !== undefined) anchors.set(node.anchor, node);
    if (isCollection(node)) {
      for (let index = node.items.length - 1; index >= 0; index -= 1) {
        open.push({ node: node.items[index], depth: depth + 1 });
      }
    }
  }
  return { root, size, resolve: (node) => (isAlias(node) ? targets.get(node) : node) };
}

function reportUnknownAnchor(alias: Alias, known: Map<string, Node>, source: SourceText, reporter: Reporter): void {
  reporter.report(
    { range: source.rangeOf(alias), path: [] },
    {
      code: 'YAML_SYNTAX',
      message: `there is no anchor named ${quote(alias.source)} above this line`,
      hint:
        known.size === 0
          ? 'Text that starts with "*" needs quotes.'
          : `Anchors above: ${[...known.keys()].slice(0, 8).map(quote).join(', ')}.`,
    },
  );
}

/** The words among the keys of the root; undefined when the root is no map. */
export function mapKeys(tree: YamlTree): ReadonlySet<string> | undefined {
  if (!isMap(tree.root)) return undefined;
  return new Set(
    tree.root.items.flatMap(({ key }) => (isScalar(key) && typeof key.value === 'string' ? [key.value] : [])),
  );
}

function readBounded(file: string): Buffer {
  const fd = openSync(file, 'r');
  try {
    if (fstatSync(fd).isDirectory()) throw Object.assign(new Error('is a folder'), { code: 'EISDIR' });
    const chunks: Buffer[] = [];
    let total = 0;
    // Read by hand: the size of a pipe or device is not known beforehand, and /dev/zero never ends.
    while (total <= MAX_FILE_BYTES) {
      const chunk = Buffer.alloc(64 * 1024);
      const count = readSync(fd, chunk, 0, chunk.length, null);
      if (count === 0) break;
      chunks.push(chunk.subarray(0, count));
      total += count;
    }
    return Buffer.concat(chunks);
  } finally {
    closeSync(fd);
  }
}

function readFailure(file: string, error: unknown): ReadFailure {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return {
      code: 'FILE_NOT_FOUND',
      message: `there is no file ${quote(file)}`,
      hint: didYouMeanFile(file, /\.ya?ml$/) ?? 'Give the path of a dataflow file, for example dataflow.yml.',
    };
  }
  if (code === 'EISDIR') {
    return {
      code: 'FILE_NOT_FOUND',
      message: `${quote(file)} is a folder`,
      hint: `Give the path of a file in it, for example ${quote(`${file.replace(/\/$/, '')}/dataflow.yml`)}.`,
    };
  }
  return {
    code: 'FILE_UNREADABLE',
    message: `${quote(file)} cannot be read: ${(error as Error).message}`,
    hint: 'Look at the permissions of the file and of the folders above it.',
  };
}
