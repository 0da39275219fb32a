/**
 * `--env-file FILE`: a file in the dotenv form (`NAME=value`, quotes, `#` comments, `export`) -> names and values.
 *
 * Node.js reads it (util.parseEnv); this file adds what that leaves out: Node.js passes over a line that it does not
 * understand, and a robot would start without the value. So everything that is no entry, comment or empty line is named
 * with its line. Used by the commands that take `--env`, and by run().
 */

import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { DoraError } from '../errors.js';

const MAX_BYTES = 1024 * 1024;

/** What variables may be given by, in both the command's and run()'s options. */
export interface EnvSources {
  /** Wins over all files. */
  readonly env?: Readonly<Record<string, string>>;
  /** A later file wins over an earlier one. */
  readonly envFile?: string | readonly string[];
}

/**
 * The caller's variables.
 * @throws DoraError ENV_FILE_INVALID
 */
export function gatherEnv({ env = {}, envFile = [] }: EnvSources): Record<string, string> {
  const files = typeof envFile === 'string' ? [envFile] : envFile;
  return Object.assign({}, ...files.map(readEnvFile), env) as Record<string, string>;
}

/** One entry with its whole value, which may span lines inside quotes; or a comment; or nothing. */
const part =
  /[ \t]*(?:(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*(?![ \t])(?:"[^"]*"|'[^']*'|`[^`]*`|[^"'`\n][^\n]*|)[ \t]*(?:#[^\n]*)?|#[^\n]*|)(?:\n|$)/y;

function readEnvFile(file: string): Record<string, string> {
  return parseEnvText(readText(file), file);
}

/** The same for the text of a file; `file` is only its name. */
export function parseEnvText(text: string, file: string): Record<string, string> {
  const plain = text.replace(/^\ufeff/, '').replaceAll(/\r\n?/g, '\n');
  const names = new Set<string>();
  part.lastIndex = 0;
  while (part.lastIndex < plain.length) {
    const from = part.lastIndex;
    const found = part.exec(plain);
    if (found === null) throw mistake(plain, from, file);
    const [, name] = found;
    if (name === undefined) continue;
    if (name === '__proto__' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw invalid(
        `${file}:${lineOf(plain, from)}: ${JSON.stringify(shortened(name))} cannot be a variable`,
        'Variables are named by letters, digits and "_".',
      );
    names.add(name);
  }
  const values = new Map(Object.entries(parseEnv(plain)));
  return Object.fromEntries([...names].map((name) => [name, values.get(name) ?? '']));
}

function mistake(text: string, from: number, file: string): DoraError {
  const line = text.slice(from).split('\n', 1)[0] ?? '';
  const [at, shown] = [`${file}:${lineOf(text, from)}`, JSON.stringify(shortened(line))];
  return /^[^=]*=\s*["'`]/.test(line)
    ? invalid(`${at}: the quotes of ${shown} are not closed, or something follows them`, 'Close them at the value.')
    : invalid(`${at}: ${shown} is no variable`, 'Write NAME=value, or # before a comment.');
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** The file may be a pipe, `<(command)` in a shell, so its size is known when it has been read. */
function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readSome(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = { ENOENT: 'is not there', EISDIR: 'is a folder', EACCES: 'may not be read' }[code ?? ''];
    throw invalid(
      `the file of variables ${JSON.stringify(file)} ${why ?? `cannot be read: ${(error as Error).message}`}`,
      'Relative paths start at the folder in which the command runs.',
    );
  }
  const what =
    bytes.length > MAX_BYTES
      ? 'larger than 1 MiB'
      : bytes.includes(0) || !isUtf8(bytes)
        ? 'no text in UTF-8'
        : undefined;
  if (what !== undefined)
    throw invalid(
      `the file of variables ${JSON.stringify(file)} is ${what}`,
      'Is it the right file? It holds lines of NAME=value.',
    );
  return bytes.toString('utf8');
}

/** All of it, or one byte more than is allowed. */
function readSome(file: string): Buffer {
  const descriptor = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(MAX_BYTES + 1);
    let size = 0;
    for (let count = -1; count !== 0; size += count)
      count = readSync(descriptor, bytes, size, bytes.length - size, null);
    return bytes.subarray(0, size);
  } finally {
    closeSync(descriptor);
  }
}

function invalid(message: string, hint: string): DoraError {
  return new DoraError('ENV_FILE_INVALID', message, { hint });
}
