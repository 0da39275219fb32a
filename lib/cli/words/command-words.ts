/**
 * What the files of this folder have in common: the shape of a command's words, and option types that several commands take.
 *
 * Each file adds one command to commander: its arguments, options, help and examples. What the command does stands in
 * commands/<verb>.ts and is imported inside `action`, since the time to the first message counts. A new command is a file
 * here, one there, and a line in program.ts.
 */

import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Console } from '../console.js';
import { parseDuration } from '../duration.js';

export interface CommandContext {
  readonly console: Console;
  /** Called once, with the exit code, when the command is over. */
  readonly done: (exitCode: number) => void;
}

/** Adds one command to the program. */
export type AddCommand = (program: Command, context: CommandContext) => void;

/** An option that takes a duration and gives milliseconds. */
export function durationOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string) => {
    const ms = parseDuration(text);
    if (ms === undefined) throw new InvalidArgumentError('A duration has a number and a unit: 500ms, 10s, 2m, 1h.');
    return ms;
  });
}

/** `-e, --env NAME=VALUE`, repeatable; the option's value is a map. */
export function envOption(description: string): Option {
  return new Option('-e, --env <NAME=VALUE>', description).argParser(collectEnv).default({}, 'none');
}

/** `--env-file FILE`, repeatable; the option's value is a list. gatherEnv() reads the files when the command begins. */
export function envFileOption(): Option {
  return new Option('--env-file <file>', 'a file of NAME=value lines, under --env; may be repeated')
    .argParser((file: string, known: readonly string[]) => [...known, file])
    .default([], 'none');
}

function collectEnv(text: string, known: Readonly<Record<string, string>>): Record<string, string> {
  const match = /^([^=\s]+)=(.*)$/s.exec(text);
  if (match?.[1] === undefined) throw new InvalidArgumentError('Write NAME=VALUE.');
  // As a key it would vanish.
  if (match[1] === '__proto__') throw new InvalidArgumentError('"__proto__" cannot be a variable.');
  return { ...known, [match[1]]: match[2] ?? '' };
}
