/**
 * Arguments and build commands: text -> words and lines.
 *
 * No shell takes part in arguments: quotes and backslashes mean what they mean to a shell, and nothing else has a
 * meaning. Build lines stay text; whoever runs them decides how.
 */

import { split } from 'shlex';

/** Splits text like a POSIX shell does (quotes and backslashes); undefined when a quote is not closed. */
export function splitWords(text: string): string[] | undefined {
  try {
    return split(text);
  } catch {
    return undefined;
  }
}

/** `build:` -> commands, one a line; a backslash at a line's end joins it with the next. */
export function buildCommands(text: string | undefined): string[] {
  if (text === undefined) return [];
  return text
    .replaceAll(/[ \t]*\\\r?\n[ \t]*/g, ' ')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
