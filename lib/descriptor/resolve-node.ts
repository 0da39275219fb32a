/**
 * One walked node -> a draft: what it is made of (exactly one source), its program, environment, folder and ports.
 *
 * The draft's form (`custom:`) and dora 1.x's (`path:`) meet here: a key may stand at the node or inside `custom`,
 * not at both. What this version cannot run is reported once, here, with a severity that depends on the purpose.
 */

import path from 'node:path';
import { buildCommands, splitWords } from './command-line.js';
import type { Place } from './diagnostic.js';
import { unsupportedSeverity } from './draft.js';
import type { DraftNode, RawNode, ResolveContext } from './draft.js';
import { expand, resolveEnv, type RawEnv, type Scope } from './environment.js';
import { nodeSources } from './keys/node.js';
import { parseSize } from './keys/words.js';
import type { DataflowProgram } from './model.js';
import { addOperators } from './resolve-operator.js';
import { resolvePorts } from './resolve-ports.js';
import { quote } from './suggest.js';

type SourceKey = (typeof nodeSources)[number];
type RawCustom = NonNullable<RawNode['custom']>;

/** Makes a draft of a node; everything wrong is reported, and what is left is kept. */
export function resolveNode(raw: RawNode, context: ResolveContext): DraftNode {
  const id = raw.id ?? '';
  const custom = raw.custom;
  const source = nodeSource(raw, id, context);
  refuseMisplaced(raw, source, context);
  const env = resolveNodeEnv(raw, custom, context);
  const scope = [env, context.host];
  const folder = resolveFolder(raw, custom, scope, context);
  const size = merged(raw, custom, 'shared_memory_pool_size', context);
  const build = buildCommands(merged(raw, custom, 'build', context));
  const draft: DraftNode = {
    id,
    idPlace: context.places.value(raw, 'id'),
    units: [],
    open: source === 'module' || source === 'hub',
    node: {
      id,
      ...(raw.name === undefined ? {} : { name: raw.name }),
      ...(raw.description === undefined ? {} : { description: raw.description }),
      kind: 'unsupported',
      build,
      env,
      workingDirectory: folder.path,
      ...(size === undefined ? {} : { memoryBytes: parseSize(size) }),
    },
    operators: [],
    files: [],
  };
  if (folder.place !== undefined) {
    draft.files.push({ what: 'folder', path: folder.path, place: folder.place, buildable: build.length > 0 });
  }
  if (source === 'operator' || source === 'operators') addRuntime(raw, source, scope, draft, context);
  else {
    draft.units.push(resolvePorts(mergedPorts(raw, custom, context), context));
    addProgram(raw, source, scope, draft, context);
  }
  refuseUnsupported(raw, source, context);
  return draft;
}

/** The one source of a node; undefined when there is none, or what it says is wrong. */
function nodeSource(raw: RawNode, id: string, context: ResolveContext): SourceKey | undefined {
  const { places, reporter } = context;
  const [first, second] = nodeSources.filter((key) => places.wrote(raw, key));
  if (first === undefined) {
    reporter.report(context.places.value(raw, 'id'), {
      code: 'NO_SOURCE',
      message: `the node ${quote(id)} does not say what to run`,
      hint: 'Give "path" (a program or script), "custom", "operator" or "operators".',
    });
    return undefined;
  }
  if (second !== undefined) {
    reporter.report(places.key(raw, second), {
      code: 'TWO_SOURCES',
      message: `the node ${quote(id)} has both "${first}" (line ${String(places.key(raw, first).range.line)}) and "${second}"`,
      hint: 'Keep one of the two, or make two nodes of them.',
    });
    return undefined;
  }
  return first;
}

const programKeys = ['path_sha256', 'args', 'git', 'branch', 'tag', 'rev'] as const;
const portKeys = [
  'inputs',
  'outputs',
  'output_retain',
  'input_types',
  'output_types',
  'output_framing',
  'output_metadata',
] as const;

/** Keys that mean nothing beside the node's source. */
function refuseMisplaced(raw: RawNode, source: SourceKey | undefined, context: ResolveContext): void {
  const refuse = (keys: readonly (keyof RawNode)[], why: string, hint: string): void => {
    for (const name of keys) {
      if (!context.places.wrote(raw, name) || isEmpty(raw[name])) continue;
      context.reporter.report(context.places.key(raw, name), {
        code: 'MISPLACED_KEY',
        message: `"${name}" has no meaning ${why}`,
        hint,
      });
    }
  };
  if (source === 'operator' || source === 'operators') {
    refuse(programKeys, 'in a node with operators', 'The node runs a program of dora, which takes no arguments.');
    refuse(portKeys, 'in a node with operators', `Write it inside "${source}": operators have the inputs and outputs.`);
  } else if (source !== undefined) {
    refuse(['threads'], 'in a node without operators', 'Remove it.');
  }
  if (source !== undefined && source !== 'module') refuse(['params'], 'without "module"', 'Use "env" or "args".');
  if (source === 'module') {
    refuse(
      [...programKeys, 'outputs', 'output_retain', 'working-directory'],
      'beside "module"',
      'Write it in the file of the module.',
    );
  }
  const revisions = (['branch', 'tag', 'rev'] as const).filter((name) => context.places.wrote(raw, name));
  if (!context.places.wrote(raw, 'git'))
    refuse(revisions, 'without "git"', 'Add "git" with the address of the repository.');
  else if (revisions.length > 1)
    refuse(revisions.slice(1), `beside "${String(revisions[0])}"`, 'Keep one of branch, tag and rev.');
}

function isEmpty(value: unknown): boolean {
  return (Array.isArray(value) && value.length === 0) || (value instanceof Map && value.size === 0);
}

/** The value of a key that may stand at the node or inside `custom`. */
function merged<K extends keyof RawNode & keyof RawCustom>(
  raw: RawNode,
  custom: RawCustom | undefined,
  name: K,
  context: ResolveContext,
): RawNode[K] | RawCustom[K] {
  if (custom === undefined || !context.places.wrote(custom, name)) return raw[name];
  if (context.places.wrote(raw, name)) {
    context.reporter.report(context.places.key(custom, name), {
      code: 'DUPLICATE_KEY',
      message: `"${name}" stands at the node (line ${String(context.places.key(raw, name).range.line)}) and inside "custom"`,
      hint: 'Keep one of the two.',
    });
  }
  return custom[name];
}

function mergedPorts(raw: RawNode, custom: RawCustom | undefined, context: ResolveContext) {
  return {
    inputs: merged(raw, custom, 'inputs', context),
    outputs: merged(raw, custom, 'outputs', context),
    output_retain: merged(raw, custom, 'output_retain', context),
  };
}

/** Shared values, then the node's, then those inside `custom`. */
function resolveNodeEnv(raw: RawNode, custom: RawCustom | undefined, context: ResolveContext): Record<string, string> {
  const scope = [context.shared, context.host];
  const own = (env: RawEnv | undefined): Record<string, string> => resolveEnv(env, scope, context.host, context);
  return { ...context.shared, ...own(raw.env), ...own(custom?.envs), ...own(custom?.env) };
}

function resolveFolder(
  raw: RawNode,
  custom: RawCustom | undefined,
  scope: Scope,
  context: ResolveContext,
): { path: string; place?: Place } {
  const written = merged(raw, custom, 'working-directory', context);
  if (written === undefined) return { path: context.folder };
  const holder = custom !== undefined && context.places.wrote(custom, 'working-directory') ? custom : raw;
  const place = context.places.value(holder, 'working-directory');
  return { path: path.resolve(context.folder, expand(written, scope, place, context)), place };
}

function addRuntime(
  raw: RawNode,
  source: 'operator' | 'operators',
  scope: Scope,
  draft: DraftNode,
  context: ResolveContext,
): void {
  const list = source === 'operator' ? [raw.operator] : (raw.operators ?? []);
  const place = context.places.key(raw, source);
  if (source === 'operators' && raw.operators?.length === 0) {
    context.reporter.report(place, {
      code: 'NO_SOURCE',
      message: `the list of operators of ${quote(draft.id)} is empty`,
      hint: 'Add an operator, or remove the node.',
    });
  }
  addOperators(list, { single: source === 'operator', place, scope }, draft, context);
  draft.node = { ...draft.node, kind: 'runtime' };
}

function addProgram(
  raw: RawNode,
  source: SourceKey | undefined,
  scope: Scope,
  draft: DraftNode,
  context: ResolveContext,
): void {
  const holder = source === 'custom' ? raw.custom : source === 'path' ? raw : undefined;
  if (holder === undefined) return;
  const found = source === 'custom' ? customCommand(raw.custom ?? {}, draft.id, context) : pathCommand(raw, context);
  if (found === undefined) return;
  const words = found.words.map((word) => expand(word, scope, found.place, context));
  const [command = '', ...inline] = words;
  if (command === 'dynamic') {
    draft.node = { ...draft.node, kind: 'dynamic' };
    return;
  }
  if (command === 'shell' || /^https?:\/\//i.test(command)) {
    reportUnsupported(
      found.place,
      command === 'shell'
        ? '"path: shell" does not run in this version'
        : 'programs are not downloaded in this version',
      command === 'shell'
        ? 'Put the commands into a script and give its path.'
        : 'Download the program by "build" and give its path.',
      context,
    );
    return;
  }
  const program: DataflowProgram = { command, args: [...inline, ...resolveArgs(raw, scope, context)] };
  draft.node = { ...draft.node, kind: 'program', program };
  // What a clone will hold cannot be looked at before it is made.
  if (!context.places.wrote(raw, 'git')) {
    draft.files.push({ what: 'program', path: command, place: found.place, buildable: draft.node.build.length > 0 });
  }
}

interface Command {
  words: readonly string[];
  place: Place;
}

function pathCommand(raw: RawNode, context: ResolveContext): Command | undefined {
  return raw.path === undefined ? undefined : { words: [raw.path], place: context.places.value(raw, 'path') };
}

/** `source`, `run` or `path` inside `custom`; `run` may hold the arguments too. */
function customCommand(custom: RawCustom, id: string, context: ResolveContext): Command | undefined {
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
  const holder = raw.custom !== undefined && context.places.wrote(raw.custom, 'args') ? raw.custom : raw;
  const place = context.places.value(holder, 'args');
  const words = typeof args === 'string' ? (split(args, place, context) ?? []) : args;
  return words.filter((word) => word !== undefined).map((word) => expand(word, scope, place, context));
}

function split(text: string, place: Place, context: ResolveContext): string[] | undefined {
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

/** Sources that this version parses and cannot run. */
function refuseUnsupported(raw: RawNode, source: SourceKey | undefined, context: ResolveContext): void {
  const key = (name: keyof RawNode): Place => context.places.key(raw, name);
  switch (source) {
    case 'ros2':
    case 'ros1':
      reportUnsupported(
        key(source),
        `the bridge to ROS ${source.slice(3)} does not run in this version`,
        'A node of your own can talk to ROS by its client library.',
        context,
      );
      break;
    case 'module':
      reportUnsupported(
        key('module'),
        'modules are not expanded in this version',
        'Write the nodes of the module into this file.',
        context,
      );
      break;
    case 'hub':
      reportUnsupported(
        key('hub'),
        'packages of the dora hub are not supported',
        'Install the package by "build", and name its program by "path".',
        context,
      );
      break;
    default:
      if (context.places.wrote(raw, 'git')) {
        reportUnsupported(
          key('git'),
          'repositories are not cloned in this version',
          'Clone it by "build", or beforehand.',
          context,
        );
      }
  }
}

function reportUnsupported(place: Place, message: string, hint: string, context: ResolveContext): void {
  context.reporter.report(place, {
    code: 'NOT_SUPPORTED_YET',
    severity: unsupportedSeverity(context.purpose),
    message,
    hint,
  });
}
