/**
 * Reads YAML by the library `yaml`, whatever it is, and says in words what is wrong with it; the only file that knows its
 * parser.
 *
 * Nesting and mistakes are bounded, for the library's composer recurses and tells each of a million mistakes. What it
 * makes is copied into our own tree at once, so that no later step depends on the library, and aliases are resolved here,
 * once, so that no later step resolves them by searching the document (which takes quadratic time). `uniqueKeys` of the
 * library is off for the same reason; the schema walk finds duplicates with a set. Called by read-yaml.ts only.
 */

import {
  Composer,
  Lexer,
  Parser,
  YAMLParseError,
  YAMLWarning,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Alias,
  type CST,
  type Node,
  type YAMLError,
} from 'yaml';
import type { Reporter, SourceRange } from './diagnostic.js';
import type { SourceText } from './source-text.js';
import { quote } from './suggest.js';
import { explainSyntax, secondDocument, type SyntaxText } from './syntax-words.js';
import type { YamlAlias, YamlList, YamlMap, YamlNode, YamlTree } from './yaml-tree.js';

/** The deepest place of the format is ten levels down; the composer overflows the stack at some thousands. */
const MAX_DEPTH = 64;
/** What follows on the thousandth mistake is not read. */
const MAX_SYNTAX_ERRORS = 1_000;
/** Characters of the first part of a large text: with as many mistakes in it as this, nobody asks for those of the rest. */
const FIRST_PART = 64 * 1024;
export const MANY_ERRORS = 500;
/** Of the start of a document. */
export const DOCUMENT_MARK = '---';
/** Of the anchors above, those that a hint names. */
const SHOWN_ANCHORS = 8;

/** What the library makes of a text. */
export interface LibraryReading {
  readonly tree: YamlTree;
  readonly problems: readonly YAMLError[];
  /** Its own root, which explaining a problem takes. */
  readonly root: Node | null;
  /** How many of the problems are more than a warning. */
  readonly errors: number;
  /** The text has so many mistakes that its rest was not read. */
  readonly endsEarly: boolean;
}

/** Is told of an alias that nothing above stands for. */
type OnUnknown = (name: string, alias: YamlAlias) => void;

/** Reads text as one YAML document; every mistake of syntax goes to the reporter. Undefined when it nests too deep. */
export function readLibraryYaml(source: SourceText, reporter: Reporter): YamlTree | undefined {
  const anchors = new Map<string, YamlNode>();
  const reading = readByLibrary(source.text, anchors, (name, alias) => {
    // There may be a hundred thousand of them.
    if (reporter.omitsNext()) return;
    reportUnknownAlias(name, source.rangeOf(alias), firstAnchors(anchors), reporter);
  });
  if (reading === undefined) {
    // Everything else that is wrong follows from it.
    reporter.report({ range: source.range(0, 0), path: [] }, tooDeep);
    return undefined;
  }
  if (reading.endsEarly) reporter.endsEarly();
  reportProblems(reading, source, reporter);
  return reading.tree;
}

/**
 * The tree and the mistakes of a text; undefined when it nests too deep.
 *
 * @param anchors what aliases may stand for from outside the text; the text's own come to it
 */
export function readByLibrary(
  text: string,
  anchors: Map<string, YamlNode>,
  onUnknown: OnUnknown,
): LibraryReading | undefined {
  const cut = text.indexOf('\n', FIRST_PART) + 1;
  const part = cut > 0 && cut < text.length ? withoutStackTraces(() => compose(text.slice(0, cut))) : undefined;
  const endsEarly = part !== undefined && errorsOf(part.problems) >= MANY_ERRORS;
  const document = endsEarly ? part : withoutStackTraces(() => compose(text));
  const tree = document === undefined ? undefined : new TreeCopy(text, anchors, onUnknown).copy(document.root);
  if (document === undefined || tree === undefined) return undefined;
  return { ...document, tree, errors: errorsOf(document.problems), endsEarly };
}

/** A tag is a warning: a file that is full of them is in order, and all of it is read. */
function errorsOf(problems: readonly YAMLError[]): number {
  return problems.filter(({ name }) => name !== 'YAMLWarning').length;
}

/** Tells what is wrong with a text; `source` has the very text that was read, and knows where it lies. */
export function reportProblems({ problems, root }: LibraryReading, source: SyntaxText, reporter: Reporter): void {
  for (const problem of problems) {
    const severity = problem.name === 'YAMLWarning' ? 'warning' : 'error';
    if (reporter.isFull(severity)) reporter.omit(severity);
    else report(problem, source, root, reporter);
  }
}

/** The anchors that a hint names: some of those above, for there may be many. */
export function firstAnchors(anchors: ReadonlyMap<string, YamlNode>): readonly string[] {
  const names: string[] = [];
  for (const name of anchors.keys()) if (names.push(name) === SHOWN_ANCHORS) break;
  return names;
}

/** Tells of an alias that nothing stands for. */
export function reportUnknownAlias(
  name: string,
  range: SourceRange,
  above: readonly string[],
  reporter: Reporter,
): void {
  const hint =
    above.length === 0 ? 'Text that starts with "*" needs quotes.' : `Anchors above: ${above.map(quote).join(', ')}.`;
  const message = `there is no anchor named ${quote(name)} above this line`;
  reporter.report({ range, path: [] }, { code: 'YAML_SYNTAX', message, hint });
}

/** Tells of a second document, of which nothing is read. */
export function reportSecondDocument(range: SourceRange, reporter: Reporter): void {
  reporter.report({ range, path: [] }, secondDocument);
}

/** Tells of tags that mean nothing, as the library would. */
export function reportUnknownTags(
  tags: readonly { readonly start: number; readonly end: number }[],
  source: SyntaxText,
  reporter: Reporter,
): void {
  for (const { start, end } of tags) {
    if (reporter.isFull('warning')) reporter.omit('warning');
    else report(new YAMLWarning([start, end], 'TAG_RESOLVE_FAILED', ''), source, null, reporter);
  }
}

function report(problem: YAMLError, source: SyntaxText, root: Node | null, reporter: Reporter): void {
  const explained = explainSyntax(problem, source, root);
  reporter.report({ range: explained.range, path: [] }, explained.problem);
}

/** The library's own steps, with the two bounds. Undefined when the text nests too deep. */
function compose(text: string): { root: Node | null; problems: YAMLError[] } | undefined {
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
      const [start, end] = document.range;
      problems.push(new YAMLParseError([start, Math.min(start + DOCUMENT_MARK.length, end)], 'MULTIPLE_DOCS', ''));
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

class TooDeep extends Error {}

type Growing<T> = { -readonly [K in keyof T]: T[K] };

/** The library's tree -> ours, in the order of the file, so that an alias means the newest anchor of its name above it. */
class TreeCopy {
  #size = 0;

  constructor(
    readonly text: string,
    readonly anchors: Map<string, YamlNode>,
    readonly onUnknown: OnUnknown,
  ) {}

  /** Undefined when the tree is too deep to go on. */
  copy(root: Node | null): YamlTree | undefined {
    try {
      return { root: this.#copy(root, 0), size: this.#size };
    } catch (error) {
      if (error instanceof TooDeep) return undefined;
      throw error;
    }
  }

  #copy(node: unknown, depth: number): YamlNode | null {
    this.#size += 1;
    if (depth > MAX_DEPTH) throw new TooDeep();
    if (isAlias(node)) return this.#alias(node);
    if (isPair(node)) {
      const [key, value] = [this.#part(node.key, depth), this.#copy(node.value, depth)];
      return { kind: 'pair', start: -1, end: -1, key, value };
    }
    const [start, end] = rangeOf(node);
    if (isScalar(node)) {
      const { value, source = '', type, anchor } = node;
      const isBlock = type === 'BLOCK_LITERAL' || type === 'BLOCK_FOLDED';
      const textEnd = isBlock ? start + this.text.slice(start, end).trimEnd().length : end;
      return this.#own(anchor, { kind: 'scalar', start, end: textEnd, value, source, plain: type === 'PLAIN' });
    }
    if (isMap(node)) {
      const map: Growing<YamlMap> = { kind: 'map', start, end, keys: [], values: [] };
      this.#own(node.anchor, map);
      for (const { key, value } of node.items) {
        this.#size += 1;
        map.keys.push(this.#part(key, depth + 1));
        map.values.push(this.#copy(value, depth + 1));
      }
      if (node.flow !== true) map.end = endOf(map.values.at(-1)) ?? endOf(map.keys.at(-1)) ?? end;
      return map;
    }
    if (!isSeq(node)) return null;
    const list: Growing<YamlList> = { kind: 'list', start, end, items: [] };
    this.#own(node.anchor, list);
    for (const item of node.items) list.items.push(this.#part(item, depth + 1));
    if (node.flow !== true) list.end = endOf(list.items.at(-1)) ?? end;
    return list;
  }

  /** A key, or an entry of a list: the library has an empty value where nothing is. */
  #part(node: unknown, depth: number): YamlNode {
    return this.#copy(node, depth) ?? { kind: 'scalar', start: -1, end: -1, value: null, source: '', plain: true };
  }

  #alias(alias: Alias): YamlAlias {
    const target = this.anchors.get(alias.source);
    const [start, end] = rangeOf(alias);
    const copy: YamlAlias = { kind: 'alias', start, end, target };
    if (target === undefined) this.onUnknown(alias.source, copy);
    return copy;
  }

  #own<N extends YamlNode>(anchor: string | undefined, node: N): N {
    if (anchor !== undefined) this.anchors.set(anchor, node);
    return node;
  }
}

/** Undefined for what has no place. */
function endOf(node: YamlNode | null | undefined): number | undefined {
  return node && node.end >= 0 ? node.end : undefined;
}

/** Offsets of a node; -1 where the library has made one up. */
function rangeOf(node: unknown): readonly [number, number] {
  const range = (node as Node | null)?.range;
  return range ? [range[0], range[1]] : [-1, -1];
}
