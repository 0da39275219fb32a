/**
 * What the YAML library says about a mistake of syntax -> what to tell a person, and where.
 *
 * The library speaks of nodes, flow collections and implicit keys, and shows what is never closed at the end of the
 * file. Here each mistake that people make gets plain words; a bracket or quote that is never closed is shown where it
 * opens. What is not known is passed on in the library's words. Called by source-text.ts only.
 */

import { isCollection, isMap, isPair, isScalar, type Node, type YAMLError } from 'yaml';
import type { Problem, SourceRange } from './diagnostic.js';
import { quote } from './suggest.js';

/** The text around a mistake. */
export interface SyntaxText {
  readonly text: string;
  range(start: number, end: number): SourceRange;
  lineText(line: number): string | undefined;
}

/** A mistake in words and its place. `root` is what could be read of the document. */
export function explainSyntax(
  error: YAMLError,
  source: SyntaxText,
  root: Node | null,
): { range: SourceRange; problem: Problem } {
  const [start, end] = error.pos;
  const opening = unclosed(error, source.text, root);
  if (opening !== undefined) return { range: source.range(opening.at, opening.at + 1), problem: opening.problem };
  const range = source.range(start, end);
  if (error.code === 'MULTIPLE_DOCS') return { range, problem: secondDocument };
  const [message, hint] = words(error, source.text.slice(start, end), source.lineText(range.line) ?? '');
  const severity = error.name === 'YAMLWarning' ? 'warning' : 'error';
  return { range, problem: { code: 'YAML_SYNTAX', severity, message, hint } };
}

type Words = [message: string, hint: string];

export const secondDocument: Problem = {
  code: 'SEVERAL_DOCUMENTS',
  message: 'a second YAML document starts here; a dataflow file holds one',
  hint: 'Remove the line "---", or put what follows into a file of its own.',
};
const look = 'Look at the indentation, and for a bracket, quote or colon that is missing on this line or above it.';

function words({ code, message }: YAMLError, found: string, line: string): Words {
  switch (code) {
    case 'TAB_AS_INDENT':
      return ['the line is indented with a tab', 'Indent with spaces.'];
    case 'BAD_SCALAR_START':
      return [`text cannot start with ${quote(found.charAt(0))}`, 'Put it in quotes.'];
    case 'BAD_DQ_ESCAPE': {
      const escape = /\\[\x21-\x7e]*$/.exec(message)?.[0] ?? 'this escape';
      return [`${escape} means nothing inside double quotes`, 'Write \\\\ for a backslash, or use single quotes.'];
    }
    case 'BLOCK_IN_FLOW':
      return [
        'inside { } and [ ] the entries are separated by commas',
        'A comma is missing in front of it, or quotes around text that holds ": ".',
      ];
    case 'TAG_RESOLVE_FAILED':
      return [
        `the tag ${quote(found)} is not known`,
        'A dataflow needs no tags; text that starts with "!" needs quotes.',
      ];
    case 'BAD_ALIAS':
      return [plain(message), 'Text that starts with "*" or "&" needs quotes.'];
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'MULTILINE_IMPLICIT_KEY':
      return keyWords(line);
    case 'BAD_INDENT':
    case 'MISSING_CHAR':
    case 'UNEXPECTED_TOKEN':
      return tokenWords(message, found, line);
    default:
      return [plain(message), 'The line, or the one above it, is not YAML as it stands.'];
  }
}

/** A line that was to be `key: value`. */
function keyWords(line: string): Words {
  if (/^\s*-[^\s-]/.test(line)) return ['an entry of a list starts with "- "', 'Write a space after the "-".'];
  if (!/:(\s|$)/.test(line))
    return ['the line has no ": " after its key', 'Write "key: value", with a colon and a space.'];
  return [
    'a value on the line of its key cannot hold another key',
    'Text that holds ": " needs quotes; if the next line is meant to be a key of the same map, indent it like this one.',
  ];
}

function tokenWords(message: string, found: string, line: string): Words {
  if (/same column|without - indicator/.test(message)) {
    return ['the line is indented unlike the keys around it', 'Indent it exactly like the other keys of its entry.'];
  }
  if (message.includes('need to be followed by map values')) {
    return /^\s*(- )?[\w-]+:\S/.test(line)
      ? ['the space after the colon is missing', 'Write "key: value", with a colon and a space.']
      : keyWords(line);
  }
  if (message.startsWith('Unexpected , in flow'))
    return ['nothing stands before this comma', 'Remove one of the commas.'];
  if (/^Unexpected flow-(seq|map)-end/.test(message))
    return [`the bracket ${quote(found)} closes nothing`, 'Remove it, or open it before.'];
  if (message.startsWith('Unexpected') && message.endsWith('at node end')) {
    return ['the value ends before this text', `Put the whole value into quotes; inside '…' a quote is written twice.`];
  }
  if (message.startsWith('Block scalar header')) {
    return [
      'after "|" or ">" the line has to end',
      'The text starts on the next line; text that starts with | or > needs quotes.',
    ];
  }
  return [plain(message), look];
}

/** Where the bracket or quote opens that the error is about, when it is one that is never closed. */
function unclosed(error: YAMLError, text: string, root: Node | null): { at: number; problem: Problem } | undefined {
  const bracket = /end with a ([\]}])$/.exec(error.message)?.[1];
  const isQuote = error.message.startsWith('Missing closing');
  if (bracket === undefined && !isQuote) return undefined;
  const node = lastBefore(root, error.pos[0], (candidate) => {
    if (isQuote) return isScalar(candidate) && (candidate.type === 'QUOTE_DOUBLE' || candidate.type === 'QUOTE_SINGLE');
    return isCollection(candidate) && candidate.flow === true && isMap(candidate) === (bracket === '}');
  });
  const at = node?.range?.[0];
  if (at === undefined) return undefined;
  const opens = text.charAt(at);
  const problem = {
    code: 'YAML_SYNTAX',
    message: isQuote
      ? 'the quote that opens here is never closed'
      : `the bracket ${quote(opens)} that opens here is never closed`,
    hint: isQuote
      ? `Write ${opens} where the text ends.`
      : `Write ${bracket ?? ''} where it ends; what stands between is indented deeper than the key before it.`,
  };
  return { at, problem };
}

/** The last node of a kind that starts before an offset and reaches it: the innermost of those that are open there. */
function lastBefore(root: Node | null, offset: number, wanted: (node: Node) => boolean): Node | undefined {
  let found: Node | undefined;
  let next: unknown = root;
  // From the root down, always through the last part that starts before the offset.
  while (next !== undefined && next !== null) {
    const node = next as Node;
    if (isPair(node)) {
      const { key, value } = node as { key: Node | null; value: Node | null };
      next = value?.range && value.range[0] < offset && value.range[1] > value.range[0] ? value : key;
      continue;
    }
    if (wanted(node) && (node.range?.[1] ?? 0) <= offset + 1) found = node;
    if (!isCollection(node)) break;
    next = node.items.findLast((item) => startOf(item) < offset);
  }
  return found;
}

function startOf(item: unknown): number {
  const node = isPair(item) ? ((item.key as Node | null) ?? (item.value as Node | null)) : (item as Node | null);
  return node?.range?.[0] ?? Number.POSITIVE_INFINITY;
}

/** The library's words on one line, and without its capital. */
function plain(message: string): string {
  const line = message.replace(/\s+/g, ' ').slice(0, 200);
  return line.charAt(0).toLowerCase() + line.slice(1);
}
