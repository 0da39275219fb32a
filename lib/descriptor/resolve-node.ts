/**
 * One walked node -> a draft: what it is made of (exactly one source), its environment, folder and ports; the program
 * itself is resolve-program.ts's, operators are resolve-operator.ts's.
 *
 * The draft's form (`custom:`) and dora 1.x's (`path:`) meet here: a key may stand at the node or inside `custom`,
 * not at both. What this version cannot run is reported once, here, with a severity that depends on the purpose.
 */

import path from 'node:path';
import { buildCommands } from './command-line.js';
import type { Place } from './diagnostic.js';
import { unsupportedSeverity } from './draft.js';
import type { DraftNode, RawNode, ResolveContext } from './draft.js';
import { expand, resolveEnv, type RawEnv, type Scope } from './environment.js';
import { checkHub, resolveGit } from './fetch-source.js';
import { checkLogOutputs, checkReplicas, checkWrittenTwice } from './key-rules.js';
import { node as nodeKeys, nodeSources } from './keys/node.js';
import { parseSize } from './keys/words.js';
import { merged } from './merge-custom.js';
import { addOperators } from './resolve-operator.js';
import { refuseScheduling, resolveScheduling } from './resolve-scheduling.js';
import { addProgram } from './resolve-program.js';
import { resolvePorts, type RawPorts } from './resolve-ports.js';
import { checkRos } from './resolve-ros.js';
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
    raw,
    context,
    units: [],
    isModule: source === 'module',
    open: source === 'hub',
    node: {
      id: `${context.prefix}${id}`,
      kind: 'unsupported',
      build,
      env,
      folder: context.folder,
      workingDirectory: folder.path,
    },
    operators: [],
    files: [],
  };
  if (raw.name !== undefined) draft.node.name = raw.name;
  if (raw.description !== undefined) draft.node.description = raw.description;
  if (size !== undefined) draft.node.memoryBytes = parseSize(size);
  Object.assign(draft.node, resolveScheduling(raw, custom, context));
  if (folder.place !== undefined) {
    draft.files.push({
      what: 'folder',
      path: folder.path,
      place: folder.place,
      buildable: build.length > 0 || context.built,
    });
  }
  if (source === 'operator' || source === 'operators') addRuntime(raw, source, scope, draft, context);
  else {
    const open = draft.open || draft.isModule;
    const unit = resolvePorts(mergedPorts(raw, custom, open, context), context);
    draft.units.push(unit);
    if (source === 'ros2' || source === 'ros1') checkRos(raw, source, unit, context);
    if (source === 'path' || source === 'custom') addProgram(raw, source, scope, draft, context);
    const git = resolveGit(raw, scope, context);
    if (git !== undefined && draft.node.fetch === undefined) draft.node.fetch = git;
  }
  const holders = custom === undefined ? [raw] : [raw, custom];
  if (!draft.open && !draft.isModule) for (const holder of holders) checkLogOutputs(holder, draft.units, context);
  checkReplicas(holders, context);
  checkWrittenTwice(raw, custom, context);
  refuseUnsupported(raw, source, context);
  if (draft.node.kind === 'dynamic') refuseScheduling(raw, custom, context);
  return draft;
}

/** The one source of a node; undefined when there is none, or what it says is wrong. */
function nodeSource(raw: RawNode, id: string, context: ResolveContext): SourceKey | undefined {
  const { places, reporter } = context;
  const names = places.names(raw);
  const [first, second] = nodeSources.filter((key) => names.includes(key));
  if (first === undefined) {
    reporter.report(context.places.value(raw, 'id'), {
      code: 'NO_SOURCE',
      message: `${id === '' ? 'the node' : `the node ${quote(id)}`} does not say what to run`,
      hint: 'Give "path" (a program or script), "operators" (libraries in one process), "module" (a file with more nodes), or "ros2" (a bridge).',
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

const gitKeys = ['git', 'branch', 'tag', 'rev'] as const;
const programKeys = ['path_sha256', 'args', ...gitKeys] as const;
const portKeys = [
  'inputs',
  'outputs',
  'output_retain',
  'input_types',
  'output_types',
  'output_framing',
  'output_metadata',
] as const;

/** Keys that may stand beside `module`; the module's own nodes have the others. */
const moduleKeys: ReadonlySet<string> = new Set([
  ...['module', 'id', 'name', 'description', 'inputs', 'env', 'build', 'deploy', '_unstable_deploy', 'params'],
]);

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
    const others = Object.keys(nodeKeys.shape).filter((name) => !moduleKeys.has(name)) as (keyof RawNode)[];
    refuse(others, 'beside "module"', 'Write it in the file of the module.');
    return;
  }
  if (source === 'ros2' || source === 'ros1' || source === 'hub')
    refuse(programKeys, `beside "${source}"`, 'Remove it: the node has no program of its own.');
  const revisions = (['branch', 'tag', 'rev'] as const).filter((name) => context.places.wrote(raw, name));
  if (!context.places.wrote(raw, 'git'))
    refuse(revisions, 'without "git"', 'Add "git" with the address of the repository.');
  else if (revisions.length > 1)
    refuse(revisions.slice(1), `beside "${String(revisions[0])}"`, 'Keep one of branch, tag and rev.');
}

function isEmpty(value: unknown): boolean {
  return (Array.isArray(value) && value.length === 0) || (value instanceof Map && value.size === 0);
}

function mergedPorts(raw: RawNode, custom: RawCustom | undefined, open: boolean, context: ResolveContext): RawPorts {
  return {
    open,
    inputs: merged(raw, custom, 'inputs', context),
    outputs: merged(raw, custom, 'outputs', context),
    output_retain: merged(raw, custom, 'output_retain', context),
    input_types: merged(raw, custom, 'input_types', context),
    output_types: merged(raw, custom, 'output_types', context),
    output_framing: merged(raw, custom, 'output_framing', context),
    output_metadata: merged(raw, custom, 'output_metadata', context),
    pattern: merged(raw, custom, 'pattern', context),
    patternHolder: custom !== undefined && context.places.wrote(custom, 'pattern') ? custom : raw,
  };
}

const variableCounts = new WeakMap<object, number>();

/** How many variables a node has from those around it; they are the same object for every node of a file. */
function variableCount(shared: Readonly<Record<string, string>>): number {
  const count = variableCounts.get(shared) ?? Object.keys(shared).length;
  variableCounts.set(shared, count);
  return count;
}

/** Shared values, then the node's, then those inside `custom`, then parameters. */
function resolveNodeEnv(
  raw: RawNode,
  custom: RawCustom | undefined,
  context: ResolveContext,
): Readonly<Record<string, string>> {
  const { shared, budget, reporter, places } = context;
  if (!budget.spendVariables(variableCount(shared))) {
    budget.report(places.of(raw), reporter);
    return {};
  }
  const isOwn = raw.env !== undefined || custom?.envs !== undefined || custom?.env !== undefined;
  // One map for all nodes that say nothing themselves: a large one, written out for each, would be gigabytes.
  if (!isOwn && variableCount(context.fixed) === 0) return shared;
  const scope = [shared, context.host];
  const own = (env: RawEnv | undefined): Record<string, string> => resolveEnv(env, scope, context.host, context);
  const written = { ...shared, ...own(raw.env), ...own(custom?.envs), ...own(custom?.env) };
  // What a module's file says about its own parameters is a default.
  return { ...written, ...context.fixed };
}

function resolveFolder(
  raw: RawNode,
  custom: RawCustom | undefined,
  scope: Scope,
  context: ResolveContext,
): { path: string; place?: Place } {
  const written = merged(raw, custom, 'working-directory', context);
  const inClone = context.places.wrote(raw, 'git');
  if (written === undefined) return { path: inClone ? '.' : context.folder };
  const holder = custom !== undefined && context.places.wrote(custom, 'working-directory') ? custom : raw;
  const place = context.places.value(holder, 'working-directory');
  const expanded = expand(written, scope, place, context);
  // A clone is not there yet, so nobody can look for a folder in it.
  return inClone ? { path: path.normalize(expanded) } : { path: path.resolve(context.folder, expanded), place };
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
  draft.node.kind = 'runtime';
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
    case 'hub':
      if (!checkHub(raw, context)) break;
      reportUnsupported(
        key('hub'),
        'packages of the dora hub are not supported',
        'Take the package\'s repository: "git" with its "tag", and its program by "path"; or install it by "build".',
        context,
      );
      break;
    default:
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
