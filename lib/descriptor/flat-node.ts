/**
 * One node of an expanded dataflow, as it would be written into the dataflow's own file: one form (`path`, `args`, no
 * `custom`), full ids and sources, variables and parameters replaced, paths that start at the dataflow's folder.
 *
 * What is settled comes from the draft, so that it is exactly what would run; keys that nothing is made of yet (contracts,
 * restarts, logging) are taken over from the file. A dollar that is left is written twice where variables are replaced:
 * the printed file is read once more. Called by flat-file.ts.
 */

import type { DraftInput, DraftNode, DraftUnit, RawInput, RawNode, RawOperator } from './draft.js';
import { flatFile, flatFolder, flatProgram, flatRepository } from './flat-paths.js';
import { operatorSources } from './keys/operator.js';
import { sourceText } from './model.js';

/** What is printed: maps keep the order of their keys, and any name is a key like any other. */
export type Flat = Map<string, unknown>;

/** What all nodes of the printed file share. */
export interface FlatRoot {
  /** Absolute folder of the dataflow. */
  folder: string;
  /** What its `env` will hold. */
  env: Readonly<Record<string, string>>;
}

/** Keys that are printed in a form of their own, or belong to the form that is given up. */
const settledKeys: ReadonlySet<string> = new Set([
  ...['id', 'name', 'description', 'path', 'source', 'run', 'args', 'custom', 'operator', 'operators', 'ros2', 'ros1'],
  ...['hub', 'module', 'params', 'git', 'branch', 'tag', 'rev', 'build', 'env', 'envs', 'working-directory', 'inputs'],
  ...['outputs', 'deploy', '_unstable_deploy'],
]);

/**
 * The node as it is printed.
 * @param build commands of modules that have to run before the node's own
 */
export function flatNode(draft: DraftNode, root: FlatRoot, build: readonly string[]): Flat {
  const { raw, node, units } = draft;
  const { id, name, description } = node;
  const written = new Map([...toFlat(raw), ...toFlat(raw.custom ?? {})]);
  const [unit] = units;
  return withoutEmpty([
    ...Object.entries({ id, name, description }),
    ...flatSource(draft, root),
    ['build', [...build, ...node.build].join('\n') || undefined],
    [
      'env',
      new Map(
        Object.entries(node.env)
          .filter(([key, value]) => root.env[key] !== value)
          .map(escapedEntry),
      ),
    ],
    ['working-directory', escapedOrNone(flatFolder(draft, root.folder))],
    [
      'inputs',
      node.kind === 'runtime' || unit === undefined ? undefined : flatInputs(unit, raw.custom?.inputs ?? raw.inputs),
    ],
    ['outputs', written.get('outputs')],
    ...[...written].filter(([key]) => !settledKeys.has(key)),
    ['deploy', flatDeploy(draft)],
  ]);
}

type Entry = readonly [string, unknown];

function flatSource(draft: DraftNode, root: FlatRoot): Entry[] {
  const { raw, node } = draft;
  const { ros1, ros2, hub } = raw;
  if (raw.operator !== undefined) return [['operator', flatOperator(draft, raw.operator, 0, root)]];
  if (raw.operators !== undefined)
    return [['operators', raw.operators.map((one, index) => flatOperator(draft, one ?? {}, index, root))]];
  if (node.kind === 'dynamic') return [['path', 'dynamic']];
  // The line is the shell's, with its dollars.
  if (draft.shell !== undefined) return Object.entries({ path: 'shell', args: draft.shell });
  const { fetch, program } = node;
  if (program === undefined) return Object.entries({ ros1, ros2, hub });
  const git = fetch?.kind === 'git' ? fetch : undefined;
  const origin = Object.entries({
    git: flatRepository(draft, root.folder),
    branch: git?.branch,
    tag: git?.tag,
    rev: git?.rev,
  });
  return [
    ...origin.map(([key, value]): Entry => [key, escapedOrNone(value)]),
    ['path', escaped(flatProgram(draft, program.command, root.folder))],
    ['args', program.args.map(escaped)],
  ];
}

function flatOperator(draft: DraftNode, raw: RawOperator, index: number, root: FlatRoot): Flat {
  const { id, inputs, outputs, env, ...others } = raw;
  const unit = draft.units[index];
  const flat = toFlat({ id: id ?? draft.id, ...others });
  const settled = draft.operators.find((operator) => operator.id === unit?.operator);
  for (const key of operatorSources) {
    const value = raw[key];
    if (value === undefined || settled === undefined) continue;
    const file = escaped(flatFile(draft, settled.library, root.folder, key === 'shared-library'));
    flat.set(key, typeof value === 'string' ? file : toFlat({ ...value, source: file }));
  }
  return withoutEmpty([
    ...flat,
    ['env', env === undefined ? undefined : new Map(Object.entries(settled?.env ?? {}).map(escapedEntry))],
    ['inputs', unit === undefined ? undefined : flatInputs(unit, inputs)],
    ['outputs', outputs],
  ]);
}

function flatInputs(unit: DraftUnit, raws: ReadonlyMap<string, RawInput> = new Map()): Flat {
  return withoutEmpty(
    [...raws].map(([id, raw]): Entry => [
      id,
      flatInput(
        unit.inputs.find((one) => one.id === id),
        raw,
      ),
    ]),
  );
}

/** Undefined for an optional input of a module that nobody gives. */
function flatInput(input: DraftInput | undefined, raw: RawInput): unknown {
  // A timer keeps the words in which it was written; what is not served yet (logs) has nothing but them.
  const source = input?.source?.kind === 'output' ? sourceText(input.source) : input?.sourceText;
  if (input === undefined || source === undefined) return undefined;
  const { queueSize, queuePolicy, priority, timeoutNs } = input;
  const flat = withoutEmpty([
    ['source', source],
    ...Object.entries({ queue_size: queueSize, queue_policy: queuePolicy, priority }),
    ['input_timeout', timeoutNs === undefined ? undefined : Number(timeoutNs) / 1e9],
    ...(typeof raw === 'string' ? [] : Object.entries(raw).filter(([key]) => !settledInputKeys.has(key))),
  ]);
  return flat.size === 1 ? source : flat;
}

const settledInputKeys: ReadonlySet<string> = new Set([
  ...['source', 'queue_size', 'queue_policy', 'priority', 'input_timeout'],
]);

/** The first `deploy` on the way from a node outwards. */
function flatDeploy(draft: DraftNode): RawNode['deploy'] {
  const own = draft.raw.deploy ?? draft.raw._unstable_deploy;
  const { around } = draft.context;
  return own ?? (around === undefined ? undefined : flatDeploy(around));
}

/** A map of the keys that have a value. */
export function toFlat(object: object): Flat {
  return new Map(Object.entries(object).filter(([, value]) => value !== undefined));
}

function withoutEmpty(entries: readonly Entry[]): Flat {
  return new Map(entries.filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || (value instanceof Map && value.size === 0) || (Array.isArray(value) && value.length === 0)
  );
}

/** Text whose variables are replaced when it is read. */
export function escaped(text: string): string {
  return text.replaceAll('$', '$$$$');
}

function escapedOrNone(text: string | undefined): string | undefined {
  return text === undefined ? undefined : escaped(text);
}

/** An entry of `env`. */
export function escapedEntry([name, value]: readonly [string, string]): [string, string] {
  return [name, escaped(value)];
}
