/**
 * Bytes -> text, and where each offset of it is.
 *
 * A dataflow file is hostile until proven otherwise: its size is bounded before anything is decoded, and it has to be text in UTF-8. Lines are
 * counted when the first place is asked for: a file without mistakes never needs them.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { SourceRange } from './diagnostic.js';
import { didYouMeanFile, quote } from './suggest.js';
import type { YamlNode } from './yaml-tree.js';

/** A dataflow of a thousand nodes takes 200 kB. */
export const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** The text of one file, and where each offset in it is. */
export class SourceText {
  #starts: number[] | undefined;

  readonly text: string;

  constructor(text: string) {
    // A carriage return alone ends a line, by YAML and by editors; not every reader of YAML knows.
    this.text = text.replaceAll(/\r(?!\n)/g, '\n');
  }

  /**
   * Offset of the first character of each line, found when the first place is told: a file in order has none to tell.
   * The library's own counter loses lines after some mistakes of syntax.
   */
  get #lineStarts(): readonly number[] {
    if (this.#starts !== undefined) return this.#starts;
    const starts = [0];
    for (let at = this.text.indexOf('\n'); at >= 0; at = this.text.indexOf('\n', at + 1)) starts.push(at + 1);
    this.#starts = starts;
    return starts;
  }

  /** The text of a line, from 1, without its end. */
  lineText = (line: number): string | undefined => {
    const starts = this.#lineStarts;
    const start = starts[line - 1];
    return start === undefined
      ? undefined
      : this.text.slice(start, starts[line] ?? this.text.length).replace(/\r?\n$/, '');
  };

  /** Offset of the first character of a line, from 1; the end of the text for a line that is not there. */
  startOf(line: number): number {
    return this.#lineStarts[line - 1] ?? this.text.length;
  }

  /** The range between two offsets (end exclusive); at least one column wide. */
  range(start: number, end: number): SourceRange {
    const from = this.#position(start);
    const to = this.#position(Math.max(end, start));
    const same = to.line === from.line;
    return { ...from, endLine: to.line, endColumn: same ? Math.max(from.column + 1, to.column) : to.column };
  }

  #position(offset: number): { line: number; column: number } {
    const bounded = Math.min(Math.max(offset, 0), this.text.length);
    const starts = this.#lineStarts;
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((starts[middle] ?? 0) <= bounded) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: bounded - (starts[low] ?? 0) + 1 };
  }

  /** The range of a node, or of the whole file for a node that has none. */
  rangeOf(node: YamlNode | null | undefined): SourceRange {
    if (!node || node.start < 0) return this.range(0, 0);
    return this.range(node.start, this.#trimEnd(node.start, node.end));
  }

  /** A list or map of lines may end where the next line starts: white space at the end is not its own. */
  #trimEnd(start: number, end: number): number {
    let trimmed = end;
    while (trimmed > start && /\s/.test(this.text[trimmed - 1] ?? '')) trimmed -= 1;
    return trimmed;
  }
}

/** Why a file could not become text. */
export interface ReadFailure {
  code: string;
  message: string;
  hint: string;
  /** Where in the file, when it is known. */
  at?: { readonly line: number; readonly column: number; readonly lineText: string };
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
    const text = new TextDecoder('utf-8').decode(bytes);
    const at = text.indexOf('\ufffd');
    const lines = text.slice(0, at).split(/\r\n|[\r\n]/);
    const place = { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
    return {
      code: 'NOT_TEXT',
      message: `the file is not UTF-8: a character on line ${String(place.line)} cannot be decoded`,
      hint: 'Save it as UTF-8.',
      at: { ...place, lineText: text.slice(at - place.column + 1).split(/[\r\n]/, 1)[0] ?? '' },
    };
  }
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
