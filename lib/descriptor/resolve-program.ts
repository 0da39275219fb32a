/**
 * The program of a node that is no runtime: `path`, or `source` or `run` inside `custom`, with its arguments.
 *
 * Some paths are words with a meaning of their own: `dynamic` (started by hand), `shell` (the arguments are a command
 * of a shell, when that is allowed), `http://…` and `https://…` (downloaded before the start).
 */

import { splitWords } from './command-line.js';
import type { Place } from './diagnostic.js';
import { unsupportedSeverity } from './draft.js';
import type { DraftNode, RawNode, ResolveContext } from './draft.js';
import { expand, expandAll, expandParams, type Scope } from './environment.js';
import { resolveDownload } from './fetch-source.js';
import { merged } from './merge-custom.js';
import { quote } from './suggest.js';

type RawCustom = NonNullable<RawNode['custom']>;

/** Adds the program to a draft; `source` says which key names it. */
export function addProgram(
  raw: RawNode,
  source: 'path' | 'custom',
  scope: Scope,
  draft: DraftNode,
  context: ResolveContext,
): void {
  const found = source === 'custom' ? customCommand(raw.custom, draft.id, context) : pathCommand(raw, context);
  if (found === undefined) return;
  const [written, ...inline] = found.words;
  const command = expand(written ?? '', scope, found.place, context);
  const isDownload = /^https?:\/\//i.test(command);
  if (!isDownload && /^[A-Za-z][\w+.-]+:\/\//.test(command)) {
    context.reporter.report(found.place, {
      code: 'INVALID_URL',
      message: `a program is not fetched by ${quote(command.slice(0, command.indexOf('//') + 2))}`,
      hint: 'An address starts with https:// or http://; a program on this machine is named by its path.',
    });
    return;
  }
  refuseChecksum(raw, isDownload, context);
  if (command === 'dynamic') {
    draft.node.kind = 'dynamic';
    return;
  }
  if (command === 'shell') {
    addShell(raw, found.place, draft, context);
    return;
  }
  const words = expandAll(inline, scope, found.place, context);
  draft.node.kind = 'program';
  draft.node.program = { command, args: [...words, ...resolveArgs(raw, scope, context)] };
  if (isDownload) {
    addDownload(command, raw, found.place, draft, context);
    return;
  }
  // What a clone will hold cannot be looked at before it is made.
  if (context.places.wrote(raw, 'git')) return;
  const buildable = draft.node.build.length > 0 || context.built;
  draft.files.push({ what: 'program', path: command, place: found.place, buildable });
}

function addDownload(url: string, raw: RawNode, place: Place, draft: DraftNode, context: ResolveContext): void {
  if (context.places.wrote(raw, 'git')) {
    context.reporter.report(context.places.key(raw, 'git'), {
      code: 'TWO_SOURCES',
      message: `the program of ${quote(draft.id)} is downloaded by "path" (line ${String(place.range.line)}) and cannot come from "git" too`,
      hint: 'Keep one of the two; beside "git" the path starts in the repository.',
    });
    return;
  }
  const fetch = resolveDownload(url, raw, place, context);
  if (fetch !== undefined) draft.node.fetch = fetch;
}

function refuseChecksum(raw: RawNode, isDownload: boolean, { places, reporter }: ResolveContext): void {
  if (isDownload || !places.wrote(raw, 'path_sha256')) return;
  reporter.report(places.key(raw, 'path_sha256'), {
    code: 'MISPLACED_KEY',
    message: '"path_sha256" has no meaning for a program that is not downloaded',
    hint: 'It belongs to a path that starts with https:// or http://.',
  });
}

/** `path: shell`: the arguments are one command line of a shell, whose variables are the shell's business. */
function addShell(raw: RawNode, place: Place, draft: DraftNode, context: ResolveContext): void {
  const args = merged(raw, raw.custom, 'args', context);
  const at = argsPlace(raw, context);
  if (typeof args !== 'string' || args.trim() === '') {
    context.reporter.report(args === undefined ? place : at, {
      code: args === undefined ? 'MISSING_KEY' : 'INVALID_VALUE',
      message: '"path: shell" needs "args": the command line, as one text',
      hint: 'For example args: "ffmpeg -i in.mp4 | ./count".',
    });
    return;
  }
  if (!context.allowShell) {
    context.reporter.report(place, {
      code: 'SHELL_NOT_ALLOWED',
      severity: unsupportedSeverity(context.purpose),
      message: `the node ${quote(draft.id)} runs a command in a shell, which has to be allowed`,
      hint: 'Read the command, then start with --allow-shell-nodes, or with DORA_ALLOW_SHELL_NODES=1 in the environment.',
    });
  }
  draft.shell = expandParams(args, at, context);
  draft.node.kind = 'program';
  draft.node.program = { command: '/bin/sh', args: ['-c', draft.shell] };
}

interface Command {
  words: readonly string[];
  place: Place;
}

function pathCommand(raw: RawNode, context: ResolveContext): Command | undefined {
  return raw.path === undefined ? undefined : { words: [raw.path], place: context.places.value(raw, 'path') };
}

/** `source`, `run` or `path` inside `custom`; `run` may hold the arguments too. */
function customCommand(custom: RawCustom | undefined, id: string, context: ResolveContext): Command | undefined {
  if (custom === undefined) return undefined;
  const { places, reporter } = context;
  const [first, second] = (['source', 'run', 'path'] as const).filter((name) => places.wrote(custom, name));
  if (first === undefined) {
    reporter.report(places.of(custom), {
      code: 'NO_SOURCE',
      message: `"custom" of the node ${quote(id)} does not say what to run`,
      hint: 'Give "source" (a program or script), or "run" (a program with its arguments).',
    });
    return undefined;
  }
  if (second !== undefined) {
    reporter.report(places.key(custom, second), {
      code: 'TWO_SOURCES',
      message: `"custom" has both "${first}" (line ${String(places.key(custom, first).range.line)}) and "${second}"`,
      hint: 'Keep one of the two.',
    });
    return undefined;
  }
  const written = custom[first];
  if (written === undefined) return undefined;
  const place = places.value(custom, first);
  if (first !== 'run') return { words: [written], place };
  const words = split(written, place, context);
  if (words?.length === 0) {
    reporter.report(place, {
      code: 'NO_SOURCE',
      message: '"run" is empty',
      hint: 'Write a program with its arguments.',
    });
    return undefined;
  }
  return words === undefined ? undefined : { words, place };
}

function resolveArgs(raw: RawNode, scope: Scope, context: ResolveContext): string[] {
  const args = merged(raw, raw.custom, 'args', context);
  if (args === undefined) return [];
  const place = argsPlace(raw, context);
  const words = typeof args === 'string' ? (split(args, place, context) ?? []) : args;
  return expandAll(
    words.filter((word) => word !== undefined),
    scope,
    place,
    context,
  );
}

function argsPlace(raw: RawNode, { places }: ResolveContext): Place {
  return places.value(raw.custom !== undefined && places.wrote(raw.custom, 'args') ? raw.custom : raw, 'args');
}

/** Words of a shell's line; one that is not complete is reported. */
export function split(text: string, place: Place, context: ResolveContext): string[] | undefined {
  const words = splitWords(text);
  if (words === undefined) {
    context.reporter.report(place, {
      code: 'INVALID_VALUE',
      message: `the text ${quote(text)} ends inside a quote or after a backslash`,
      hint: 'Close the quote, or write the arguments as a list.',
    });
  }
  return words;
}
