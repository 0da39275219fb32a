/**
 * The way in: a file or a text -> a checked Dataflow and everything that is wrong with it.
 *
 * The steps, each in a file of its own: bytes to text to tree (source-text), tree to values by the one definition
 * (schema-walk, keys/), values to drafts (resolve-…, environment), modules into their nodes (expand-modules), sources to
 * edges inside a file (wiring) and across files (link), the whole graph (graph-check), files on disk (files), drafts to
 * the model (finish). No step stops the next; a Dataflow exists only when no step found an error. Callers: `dora check`, `dora graph`, `dora run`, `run()`, and tools that import this folder.
 */

import path from 'node:path';
import { DescriptorError, type Diagnostic, type Severity } from './diagnostic.js';
import type { DraftNode, Purpose, RawDataflow, ResolveContext } from './draft.js';
import { checkPlacement, resolveCluster, type ClusterMachine } from './cluster.js';
import { resolveEnv, type RawEnv, type Variables } from './environment.js';
import { ModuleExpansion } from './expand-modules.js';
import type { FilePolicy } from './files.js';
import { finishModules, finishNode } from './finish.js';
import { toFlatYaml } from './flat-file.js';
import { checkUniqueIds, warnBackpressureCycles } from './graph-check.js';
import { clusterFile, dataflowFile, moduleFile, nodeFile } from './keys/dataflow.js';
import { link } from './link.js';
import type { Dataflow } from './model.js';
import { ModuleFiles } from './module-files.js';
import { findExports } from './module-header.js';
import { SourceFile, fileStart, unreadable, type FileKind } from './source-file.js';
import { decodeText, readText } from './source-text.js';
import { checkPatterns } from './pattern-check.js';
import { TypeCheck, type CheckedTypes } from './types/check-types.js';
import { Wiring } from './wiring.js';

/** How a file is read and checked; everything has a default. */
export interface ReadOptions {
  /** `check` (default): what this version cannot run is a warning. `run`: it is an error. */
  purpose?: Purpose;
  /** Which files have to be there. Default: `warnBuildable` to check, `require` to run. Modules always have to be. */
  files?: FilePolicy;
  /** The caller's own values: over the root's `env`, under a node's. */
  env?: Readonly<Record<string, string>>;
  /**
   * A source whose node is not in the file, nor one of nearly that name: `error` (default), or `warning` for a file that
   * is a part of a dataflow. To run it is always an error.
   */
  missingNodes?: Severity;
  /** Variables that `$NAME` stands for. Default: those of this process. */
  host?: Variables;
  /** File that describes a cluster: a `deploy` that none of its machines satisfies is an error. */
  cluster?: string;
  /** Whether type warnings are errors, whatever the file says. */
  strictTypes?: boolean;
  /** How messages name the file. Default: as the caller does. */
  shownFile?: string;
  /** How bad a `$NAME` is that stands for nothing. Default: a warning to check (it may run elsewhere), an error to run. */
  unset?: Severity;
  /** Whether `path: shell` may run. Default: when DORA_ALLOW_SHELL_NODES is `1` or `true` in `host`. */
  allowShellNodes?: boolean;
}

/** What is known about a file. */
export interface DescriptorResult {
  kind: FileKind;
  /** Present when the file is a dataflow without errors. */
  dataflow?: Dataflow;
  /** Present when the file describes a cluster and has no errors. */
  machines?: readonly ClusterMachine[];
  /** Every error and warning: those of the file in its order, then those of each module and of a cluster's file. */
  diagnostics: readonly Diagnostic[];
  /**
   * Absolute paths on which this depends: the file, and those of modules, also where no file is. Files of types are not
   * among them; all of those lie in the folder `types` beside the file.
   */
  files: readonly string[];
}

/** Reads and checks a file. Never throws for what is in it, nor when it is not there: that is a diagnostic. */
export function readDataflow(file: string, options: ReadOptions = {}): DescriptorResult {
  const text = readText(file);
  return typeof text === 'string'
    ? checkText(text, file, options)
    : unknownFile(file, unreadable(options.shownFile ?? file, text));
}

/** The machines of a cluster's file, and what is wrong with it. */
function readCluster(file: string): DescriptorResult {
  const result = readDataflow(file);
  if (result.kind === 'cluster' || result.kind === 'unknown') return result;
  const failure = {
    code: 'NOT_A_CLUSTER',
    message: `this file is no description of a cluster but a ${result.kind}`,
    hint: 'Give a file with "coordinator" and "machines".',
  };
  return unknownFile(file, unreadable(file, failure));
}

/** Checks text as if it stood in `file` (which need not exist; relative paths start at its folder). */
export function parseDataflow(
  text: string | Uint8Array,
  file = 'dataflow.yml',
  options: ReadOptions = {},
): DescriptorResult {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  const decoded = decodeText(bytes);
  return typeof decoded === 'string'
    ? checkText(decoded, file, options)
    : unknownFile(file, unreadable(options.shownFile ?? file, decoded));
}

function unknownFile(file: string, diagnostics: readonly Diagnostic[]): DescriptorResult {
  return { kind: 'unknown', diagnostics, files: [path.resolve(file)] };
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

/**
 * A dataflow with its modules put in and its variables replaced, as the text of one file; what `dora expand` prints.
 * Undefined when the file is no dataflow or has errors.
 */
export function expandDataflow(file: string, options: ReadOptions = {}): DescriptorResult & { yaml?: string } {
  const text = readText(file);
  if (typeof text !== 'string') return readDataflow(file, options);
  const name = { file: path.resolve(file), shown: options.shownFile ?? file };
  // What is not set cannot be replaced.
  return new FileCheck(new SourceFile(name, text), { unset: 'error', ...options }).expand();
}

/** Everything that is wrong with a file; what `dora check` shows. */
export function checkFile(file: string, options: ReadOptions = {}): readonly Diagnostic[] {
  return readDataflow(file, { purpose: 'check', ...options }).diagnostics;
}

/** Text -> everything that is known about it. */
function checkText(text: string, file: string, options: ReadOptions): DescriptorResult {
  const name = { file: path.resolve(file), shown: options.shownFile ?? file };
  return new FileCheck(new SourceFile(name, text), options).run();
}

type Outcome = Omit<DescriptorResult, 'files'>;

/** The steps after the tree, for each kind of file. */
class FileCheck {
  readonly #file: SourceFile;
  readonly #options: ReadOptions;
  readonly #purpose: Purpose;
  readonly #host: Variables;
  readonly #modules: ModuleFiles;
  readonly #expansion: ModuleExpansion;
  #drafts: readonly DraftNode[] = [];
  #env: Readonly<Record<string, string>> = {};

  constructor(file: SourceFile, options: ReadOptions) {
    this.#file = file;
    this.#options = options;
    this.#purpose = options.purpose ?? 'check';
    // A copy: each look into process.env asks the C library.
    this.#host = { ...(options.host ?? process.env) };
    this.#modules = new ModuleFiles(file);
    this.#expansion = new ModuleExpansion(this.#modules, {
      purpose: this.#purpose,
      unset: options.unset ?? (this.#purpose === 'run' ? 'error' : 'warning'),
      files: options.files ?? (this.#purpose === 'run' ? 'require' : 'warnBuildable'),
      missingNodes: this.#purpose === 'run' ? 'error' : (options.missingNodes ?? 'error'),
      host: this.#host,
      allowShell: options.allowShellNodes ?? ['1', 'true'].includes(this.#host['DORA_ALLOW_SHELL_NODES'] ?? ''),
    });
  }

  run(): DescriptorResult {
    return { ...this.#check(), files: [...new Set([this.#file.name.file, ...this.#modules.looked()])] };
  }

  #check(): Outcome {
    const { kind } = this.#file;
    if (kind === 'dataflow') return this.#dataflow();
    if (kind === 'cluster') return this.#cluster();
    const typeFiles = kind === 'module' ? this.#module() : kind === 'node' ? this.#node() : [];
    return { kind, diagnostics: [...this.#diagnostics(), ...typeFiles] };
  }

  /** The same, with the expanded text of a dataflow. */
  expand(): DescriptorResult & { yaml?: string } {
    const result = this.run();
    const raw = this.#file.raw(dataflowFile);
    if (result.dataflow === undefined || raw === undefined) return result;
    const { folder, name, reporter } = this.#file;
    const yaml = toFlatYaml({ raw, drafts: this.#drafts, shown: name.shown, root: { folder, env: this.#env } });
    if (yaml !== undefined) return { ...result, yaml };
    reporter.report(fileStart, {
      code: 'FILE_TOO_LARGE',
      message: 'with all its modules and environments written out, this dataflow is larger than a file may be',
      hint: 'It runs as it is; "dora graph" shows its nodes.',
    });
    return { kind: result.kind, files: result.files, diagnostics: this.#diagnostics() };
  }

  #dataflow(): Outcome {
    const { reporter, walk, broken } = this.#file;
    const raw = this.#file.raw(dataflowFile);
    if (raw?.nodes?.length === 0 && !broken) {
      reporter.report(walk.places.key(raw, 'nodes'), {
        code: 'NO_NODES',
        message: 'the dataflow has no nodes',
        hint: 'Add a node: "- id: name" with "path", "inputs" and "outputs" below.',
      });
    }
    const drafts = this.#expansion.nodes(raw?.nodes ?? [], this.#modules.start(), this.#context(raw?.env));
    this.#drafts = drafts;
    const programs = link(drafts);
    warnBackpressureCycles(programs);
    checkUniqueIds(programs);
    const { types, diagnostics: typeFiles } = this.#checkTypes(programs, raw);
    const others = [...typeFiles, ...this.#place(raw, drafts)];
    const failed =
      this.#files().some((file) => file.reporter.hasErrors) || others.some(({ severity }) => severity === 'error');
    const diagnostics = [...this.#diagnostics(), ...others];
    if (failed) return { kind: 'dataflow', diagnostics };
    const { file } = this.#file.name;
    const nodes = programs.map(finishNode);
    const dataflow = { file, folder: this.#file.folder, nodes, modules: finishModules(drafts), types };
    return { kind: 'dataflow', dataflow, diagnostics };
  }

  #module(): readonly Diagnostic[] {
    const header = this.#expansion.header(this.#file);
    const raw = this.#file.raw(moduleFile);
    const context = { ...this.#context(undefined), params: 'unknown' as const, built: raw?.build !== undefined };
    const drafts = this.#expansion.nodes(raw?.nodes ?? [], this.#modules.start(), context, header);
    findExports(header, drafts, this.#file);
    const { diagnostics } = this.#checkTypes(link(drafts));
    this.#refuseToRun('a module', 'Name it by "module" in a node of a dataflow.');
    return diagnostics;
  }

  /** One node alone: its sources lie in a dataflow that is not known here. */
  #node(): readonly Diagnostic[] {
    const raw = this.#file.raw(nodeFile);
    const context = this.#context(undefined);
    const drafts = this.#expansion.resolve(raw === undefined ? [] : [raw], this.#modules.start(), context);
    new Wiring(drafts, context).checkIds(drafts);
    const { diagnostics } = this.#checkTypes(drafts);
    this.#refuseToRun('a node alone', 'Put it into the list "nodes" of a dataflow.');
    return diagnostics;
  }

  #cluster(): Outcome {
    const { reporter, walk } = this.#file;
    const machines = resolveCluster(this.#file.raw(clusterFile), walk.places, reporter);
    this.#refuseToRun('the description of a cluster', 'Give the file of a dataflow.');
    return { kind: 'cluster', ...(reporter.hasErrors ? {} : { machines }), diagnostics: this.#diagnostics() };
  }

  #context(env: RawEnv | undefined): ResolveContext {
    const around = { shared: {}, fixed: {}, prefix: '', built: false };
    const context = this.#expansion.context(this.#file, around);
    const own = resolveEnv(env, [this.#host], this.#host, context);
    this.#env = { ...own, ...this.#options.env };
    return { ...context, shared: this.#env };
  }

  #files(): SourceFile[] {
    return [this.#file, ...this.#modules.all()];
  }

  #diagnostics(): Diagnostic[] {
    return this.#files().flatMap((file) => file.reporter.finish());
  }

  /** Types and patterns of programs that are connected. Without `root` the file is no dataflow. */
  #checkTypes(programs: readonly DraftNode[], root?: RawDataflow): CheckedTypes {
    // What is missing would look like something that is wrong.
    if (!this.#files().every((file) => file.isComplete)) return { types: [], diagnostics: [] };
    const check = new TypeCheck({
      folder: path.join(this.#file.folder, 'types'),
      shownFolder: path.join(path.dirname(this.#file.name.shown), 'types'),
      strict: this.#options.strictTypes ?? root?.strict_types ?? false,
      partial: root === undefined,
    });
    const checked = check.run(programs, root?.type_rules, this.#file.walk);
    checkPatterns(programs, checked.types);
    return checked;
  }

  /** Whether the machines of a cluster can take the nodes; returns what is wrong with the cluster's file. */
  #place(raw: RawDataflow | undefined, drafts: readonly DraftNode[]): readonly Diagnostic[] {
    if (this.#options.cluster === undefined) return [];
    const { machines, diagnostics } = readCluster(this.#options.cluster);
    if (machines === undefined) return diagnostics;
    const { walk, reporter } = this.#file;
    const shared = raw?.deploy ?? raw?._unstable_deploy;
    if (shared !== undefined) checkPlacement(shared, machines, walk.places, reporter);
    for (const draft of withChildren(drafts)) {
      const deploy = draft.raw.deploy ?? draft.raw._unstable_deploy;
      if (deploy !== undefined) checkPlacement(deploy, machines, draft.context.places, draft.context.reporter);
    }
    return diagnostics;
  }

  #refuseToRun(what: string, hint: string): void {
    if (this.#purpose !== 'run') return;
    this.#file.reporter.report(fileStart, {
      code: 'NOT_A_DATAFLOW',
      message: `this file is ${what} and cannot run by itself`,
      hint,
    });
  }
}

/** Drafts and all that their modules hold. */
function withChildren(drafts: readonly DraftNode[]): DraftNode[] {
  return drafts.flatMap((draft) => [draft, ...withChildren(draft.module?.children ?? [])]);
}
