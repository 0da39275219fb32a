/**
 * The way in: a file or a text -> a checked Dataflow and everything that is wrong with it.
 *
 * The steps, each in a file of its own: bytes to text to tree (source-text), tree to values by the one definition
 * (schema-walk, keys/), values to drafts (resolve-node, -operator, -ports, environment), sources to edges (wiring),
 * the whole graph (graph-check), files on disk (files). No step stops the next; a Dataflow exists only when no step
 * found an error. Callers: `dora check`, `dora graph`, `dora run`, `run()`, and tools that import this folder.
 */

import path from 'node:path';
import { DescriptorError, Reporter, type Diagnostic, type Place } from './diagnostic.js';
import type { DraftNode, DraftUnit, Purpose, RawDataflow, RawNode, ResolveContext } from './draft.js';
import { checkPlacement, resolveCluster, type ClusterMachine } from './cluster.js';
import { resolveEnv, type ExpandContext, type RawEnv, type Variables } from './environment.js';
import { checkFiles, type FilePolicy } from './files.js';
import { warnBackpressureCycles, warnUnreadOutputs } from './graph-check.js';
import { clusterFile, dataflowFile, moduleFile, nodeFile } from './keys/dataflow.js';
import type { Dataflow, DataflowInput, DataflowNode, DataflowOutput } from './model.js';
import { resolveNode } from './resolve-node.js';
import { SchemaWalk } from './schema-walk.js';
import { SourceText, decodeText, mapKeys, parseYaml, readText, type ReadFailure } from './source-text.js';
import { Wiring } from './wiring.js';

/** The kinds of file; `unknown` when the text is not even a map. */
export type FileKind = 'dataflow' | 'module' | 'node' | 'cluster' | 'unknown';

export interface ReadOptions {
  /** `check` (default): what this version cannot run is a warning. `run`: it is an error. */
  purpose?: Purpose;
  /** Which files have to be there. Default: `warnBuildable` to check, `require` to run. */
  files?: FilePolicy;
  /** The caller's own values: over the root's `env`, under a node's. */
  env?: Readonly<Record<string, string>>;
  /** Variables that `$NAME` stands for. Default: those of this process. */
  host?: Variables;
  /** File that describes a cluster: a `deploy` that none of its machines satisfies is an error. */
  cluster?: string;
}

export interface DescriptorResult {
  kind: FileKind;
  /** Present when the file is a dataflow without errors. */
  dataflow?: Dataflow;
  /** Present when the file describes a cluster and has no errors. */
  machines?: readonly ClusterMachine[];
  /** Every error and warning, in the order of the file; those of a cluster's file come last. */
  diagnostics: readonly Diagnostic[];
}

/** Reads and checks a file. Never throws for what is in it, nor when it is not there: that is a diagnostic. */
export function readDataflow(file: string, options: ReadOptions = {}): DescriptorResult {
  const text = readText(file);
  return typeof text === 'string' ? checkText(text, file, options) : unreadable(file, text);
}

/** The machines of a cluster's file, and what is wrong with it. */
function readCluster(file: string): DescriptorResult {
  const result = readDataflow(file);
  if (result.kind === 'cluster' || result.kind === 'unknown') return result;
  return unreadable(file, {
    code: 'NOT_A_CLUSTER',
    message: `this file is no description of a cluster but a ${result.kind}`,
    hint: 'Give a file with "coordinator" and "machines".',
  });
}

/** Checks text as if it stood in `file` (which need not exist; relative paths start at its folder). */
export function parseDataflow(
  text: string | Uint8Array,
  file = 'dataflow.yml',
  options: ReadOptions = {},
): DescriptorResult {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  const decoded = decodeText(bytes);
  return typeof decoded === 'string' ? checkText(decoded, file, options) : unreadable(file, decoded);
}

/**
 * A dataflow that can run, or a DescriptorError (code DESCRIPTOR_INVALID) with every problem. `purpose` is `run` unless
 * given. To build first, load with `files: 'allowBuildable'`, and again with `'require'` after the build.
 */
export function loadDataflow(
  file: string,
  options: ReadOptions = {},
): { dataflow: Dataflow; warnings: readonly Diagnostic[] } {
  const { dataflow, diagnostics } = readDataflow(file, { purpose: 'run', ...options });
  if (dataflow === undefined) throw new DescriptorError(file, diagnostics);
  return { dataflow, warnings: diagnostics };
}

/** Everything that is wrong with a file; what `dora check` shows. */
export function checkFile(file: string, options: ReadOptions = {}): readonly Diagnostic[] {
  return readDataflow(file, { purpose: 'check', ...options }).diagnostics;
}

function unreadable(file: string, failure: ReadFailure): DescriptorResult {
  const reporter = new Reporter(file, () => undefined);
  reporter.report(start, failure);
  return { kind: 'unknown', diagnostics: reporter.finish() };
}

const start: Place = { range: { line: 1, column: 1, endLine: 1, endColumn: 2 }, path: [] };

function checkText(text: string, file: string, options: ReadOptions): DescriptorResult {
  const source = new SourceText(text);
  const reporter = new Reporter(file, source.lineText);
  const tree = parseYaml(source, reporter);
  const keys = mapKeys(tree);
  if (keys === undefined) {
    if (!reporter.hasErrors)
      reporter.report({ range: source.rangeOf(tree.root), path: [] }, tree.root === null ? emptyFile : notADataflow);
    return { kind: 'unknown', diagnostics: reporter.finish() };
  }
  const broken = reporter.finish().find((diagnostic) => diagnostic.severity === 'error');
  if (broken !== undefined) reporter.distrustFrom(broken.line);
  const walk = new SchemaWalk(source, tree, reporter);
  const purpose = options.purpose ?? 'check';
  // A copy: each look into process.env asks the C library.
  const host = { ...(options.host ?? process.env) };
  const expansion: ExpandContext = { reporter, places: walk.places, unset: purpose === 'run' ? 'error' : 'warning' };
  const check = new FileCheck(file, walk, expansion, purpose, host, options, broken !== undefined);
  if (keys.has('module') && keys.has('nodes')) return check.module();
  if (keys.has('id') && !keys.has('nodes')) return check.node();
  if ((keys.has('machines') || keys.has('coordinator')) && !keys.has('nodes')) return check.cluster();
  return check.dataflow();
}

const emptyFile = {
  code: 'EMPTY_FILE',
  message: 'the file is empty',
  hint: 'A dataflow is a map with the key "nodes": a list of nodes.',
};
const notADataflow = {
  code: 'WRONG_TYPE',
  message: 'a dataflow file has to be a map with the key "nodes"',
  hint: 'Start it with "nodes:" and a list of nodes below.',
};

/** The steps after the tree, for each kind of file. */
class FileCheck {
  readonly #file: string;
  readonly #folder: string;

  constructor(
    file: string,
    readonly walk: SchemaWalk,
    readonly expansion: ExpandContext,
    readonly purpose: Purpose,
    readonly host: Variables,
    readonly options: ReadOptions,
    /** The YAML itself has mistakes: what is read of it is not all of it. */
    readonly broken: boolean,
  ) {
    this.#file = path.resolve(file);
    this.#folder = path.dirname(this.#file);
  }

  dataflow(): DescriptorResult {
    const raw = this.walk.walkRoot(dataflowFile);
    const { reporter } = this.walk;
    if (raw?.nodes?.length === 0 && !this.broken) {
      reporter.report(this.walk.places.key(raw, 'nodes'), {
        code: 'NO_NODES',
        message: 'the dataflow has no nodes',
        hint: 'Add a node: "- id: name" with "path", "inputs" and "outputs" below.',
      });
    }
    const context = this.#context(raw?.env);
    const drafts = this.#drafts(raw?.nodes ?? [], context);
    this.#connect(drafts, new Wiring(drafts, context));
    const others = this.#place(raw);
    const failed = reporter.hasErrors || others.some(({ severity }) => severity === 'error');
    const diagnostics = [...reporter.finish(), ...others];
    if (failed) return { kind: 'dataflow', diagnostics };
    const nodes = drafts.map(finishNode);
    return { kind: 'dataflow', dataflow: { file: this.#file, folder: this.#folder, nodes }, diagnostics };
  }

  module(): DescriptorResult {
    const raw = this.walk.walkRoot(moduleFile);
    const context = this.#context(undefined);
    const drafts = this.#drafts(raw?.nodes ?? [], context);
    const names = [...(raw?.module?.inputs ?? []), ...(raw?.module?.inputs_optional ?? [])];
    const ports = new Set(names.filter((name) => name !== undefined));
    const exported = new Set((raw?.module?.outputs ?? []).filter((name) => name !== undefined));
    this.#connect(drafts, new Wiring(drafts, context, ports), exported);
    this.#refuseToRun('a module', 'Name it by "module" in a node of a dataflow.');
    return { kind: 'module', diagnostics: this.walk.reporter.finish() };
  }

  /** One node alone: its sources lie in a dataflow that is not known here. */
  node(): DescriptorResult {
    const raw = this.walk.walkRoot(nodeFile);
    const context = this.#context(undefined);
    const drafts = this.#drafts(raw === undefined ? [] : [raw], context);
    new Wiring(drafts, context).checkIds(drafts);
    this.#refuseToRun('a node alone', 'Put it into the list "nodes" of a dataflow.');
    return { kind: 'node', diagnostics: this.walk.reporter.finish() };
  }

  cluster(): DescriptorResult {
    const { reporter, places } = this.walk;
    const machines = resolveCluster(this.walk.walkRoot(clusterFile), places, reporter);
    this.#refuseToRun('the description of a cluster', 'Give the file of a dataflow.');
    const failed = reporter.hasErrors;
    return { kind: 'cluster', ...(failed ? {} : { machines }), diagnostics: reporter.finish() };
  }

  #context(env: RawEnv | undefined): ResolveContext {
    const own = resolveEnv(env, [this.host], this.host, this.expansion);
    const shared = { ...own, ...this.options.env };
    return { ...this.expansion, purpose: this.purpose, folder: this.#folder, host: this.host, shared };
  }

  #drafts(nodes: readonly (RawNode | undefined)[], context: ResolveContext): DraftNode[] {
    const policy = this.options.files ?? (this.purpose === 'run' ? 'require' : 'warnBuildable');
    const drafts = nodes.filter((raw) => raw !== undefined).map((raw) => resolveNode(raw, context));
    for (const draft of drafts) checkFiles(draft, this.#folder, policy, this.host, this.walk.reporter);
    return drafts;
  }

  #connect(drafts: readonly DraftNode[], wiring: Wiring, exported: ReadonlySet<string> = new Set()): void {
    wiring.checkIds(drafts);
    // With half of the nodes unread, every other source would be unknown.
    if (this.broken || this.walk.isExhausted) return;
    const complete = wiring.connect(drafts);
    // An output whose reader is misspelt is not unread.
    if (complete) warnUnreadOutputs(drafts, exported, this.walk.reporter);
    warnBackpressureCycles(drafts, this.walk.reporter);
  }

  /** Whether the machines of a cluster can take the nodes; returns what is wrong with the cluster's file. */
  #place(raw: RawDataflow | undefined): readonly Diagnostic[] {
    if (this.options.cluster === undefined) return [];
    const { machines, diagnostics } = readCluster(this.options.cluster);
    if (machines === undefined) return diagnostics;
    for (const holder of [raw, ...(raw?.nodes ?? [])]) {
      const deploy = holder?.deploy ?? holder?._unstable_deploy;
      if (deploy !== undefined) checkPlacement(deploy, machines, this.walk.places, this.walk.reporter);
    }
    return diagnostics;
  }

  #refuseToRun(what: string, hint: string): void {
    if (this.purpose !== 'run') return;
    this.walk.reporter.report(start, {
      code: 'NOT_A_DATAFLOW',
      message: `this file is ${what} and cannot run by itself`,
      hint,
    });
  }
}

/** A draft without errors -> the model. An input whose source this version cannot serve is left out. */
function finishNode(draft: DraftNode): DataflowNode {
  const prefixed = (unit: DraftUnit, id: string): string =>
    unit.operator === undefined ? id : `${unit.operator}/${id}`;
  const inputs = draft.units.flatMap((unit) =>
    finishInputs(unit).map((input) => ({ ...input, id: prefixed(unit, input.id) })),
  );
  const outputs = draft.units.flatMap((unit) =>
    finishOutputs(unit).map((output) => ({ ...output, id: prefixed(unit, output.id) })),
  );
  if (draft.node.kind !== 'runtime') return { ...draft.node, inputs, outputs };
  const operators = draft.operators.map((operator) => {
    const unit = draft.units.find((candidate) => candidate.operator === operator.id) ?? { inputs: [], outputs: [] };
    return { ...operator, inputs: finishInputs(unit), outputs: finishOutputs(unit) };
  });
  return { ...draft.node, inputs, outputs, operators };
}

function finishInputs(unit: DraftUnit): DataflowInput[] {
  return unit.inputs.flatMap(({ id, queueSize, queuePolicy, priority, timeoutNs, source }) =>
    source === undefined
      ? []
      : [{ id, queueSize, queuePolicy, priority, ...(timeoutNs === undefined ? {} : { timeoutNs }), source }],
  );
}

function finishOutputs(unit: DraftUnit): DataflowOutput[] {
  return unit.outputs.map(({ id, retain }) => ({ id, retain }));
}
