/**
 * The checked dataflow: what the rest of dora-ts sees of a YAML file.
 *
 * Everything here is plain data with defaults filled in and every reference resolved; whoever holds a Dataflow never
 * looks at YAML again. Nothing in it depends on the processes that will run. Ids match names.ts: letters, digits, `_`,
 * `-` (and `.` in inputs, outputs and nodes of modules), so they are safe in file names, sockets and messages.
 */

import type { PortType, TypeDefinition } from './types/definition.js';

/** What an input does when its queue is full: the newest pushes out the oldest, or the sender waits. */
export type QueuePolicy = 'drop_oldest' | 'backpressure';

/** A file of which every line was understood. */
export interface Dataflow {
  /** Absolute path of the file. */
  readonly file: string;
  /** Absolute path of its folder; relative paths in the file start here. */
  readonly folder: string;
  /** In the order of the file, those of a module where the file names it; ids are unique. */
  readonly nodes: readonly DataflowNode[];
  /** The modules whose nodes are in `nodes`, an outer one before those inside it; mostly empty. */
  readonly modules: readonly DataflowModule[];
  /** The types that ports have, and those that their fields name, in the order of their names. */
  readonly types: readonly TypeDefinition[];
}

/** A module that was put into the dataflow: its nodes have ids that start with `id.`. */
export interface DataflowModule {
  /** Of the node that named it, such as `arm` or `arm.gripper`. */
  readonly id: string;
  /** What the module's file calls itself. */
  readonly name: string;
  /** Absolute path of the module's file. */
  readonly file: string;
  /** Commands to run before those of its nodes, with the folders they run in; mostly empty. */
  readonly builds: readonly { readonly lines: readonly string[]; readonly folder: string }[];
  /** Environment of these commands. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * How a node runs: `program` is started as a process; `runtime` is our own program with operators inside; `dynamic` is
 * started by hand and joins while the dataflow runs; `unsupported` needs a feature that this version lacks (only in
 * dataflows loaded for `check`, never in one loaded for `run`).
 */
export type NodeKind = 'program' | 'runtime' | 'dynamic' | 'unsupported';

export interface DataflowNode {
  /** Unique in the dataflow. */
  readonly id: string;
  /** For people. */
  readonly name?: string;
  /** For people. */
  readonly description?: string;
  readonly kind: NodeKind;
  /** Present exactly when kind is `program`. */
  readonly program?: DataflowProgram;
  /** What has to be brought to the machine before the build; absent: everything is there. */
  readonly fetch?: DataflowFetch;
  /** Absolute path of the folder in which relative paths start: that of the file in which the node stands. */
  readonly folder: string;
  /** Commands to run one after the other before the start, one line each; mostly empty. */
  readonly build: readonly string[];
  /** The root's values, the caller's (ReadOptions.env) and the node's own in one map, variables replaced. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Absolute folder in which the process starts; the file's folder unless the file says otherwise. With `fetch` of kind
   * `git` relative to the clone, in which `folder` is of no account.
   */
  readonly workingDirectory: string;
  /** On a runtime node: those of all operators, with ids `operator/input`. */
  readonly inputs: readonly DataflowInput[];
  /** On a runtime node: those of all operators, with ids `operator/output`. */
  readonly outputs: readonly DataflowOutput[];
  /** Present exactly when kind is `runtime`; never empty then. */
  readonly operators?: readonly DataflowOperator[];
  /** The node's budget of shared memory in bytes; absent: a share of the machine's. */
  readonly memoryBytes?: number;
  /** Cores on which the process may run, ascending, each once; absent: all. Never empty. */
  readonly cpuAffinity?: readonly number[];
  /** Real-time scheduling of the process; absent: the usual one. */
  readonly realtime?: DataflowRealtime;
}

export interface DataflowRealtime {
  /** `fifo` when the file says nothing. */
  readonly policy: 'fifo' | 'rr';
  /** 1 … 99, higher first; 1 when the file says nothing. */
  readonly priority: number;
  /** Keep all memory of the process in RAM; false when the file says nothing. */
  readonly lockMemory: boolean;
}

export interface DataflowProgram {
  /** Path or name as written, variables replaced; resolveProgram() finds the file. */
  readonly command: string;
  /** Split like a shell splits, variables replaced; never passed to a shell. */
  readonly args: readonly string[];
}

export type DataflowFetch = GitFetch | DownloadFetch;

/** A repository in which the node's build and program lie. */
export interface GitFetch {
  readonly kind: 'git';
  /** An address, or the absolute path of a repository. */
  readonly url: string;
  /** At most one of these; none is the default branch. */
  readonly branch?: string;
  readonly tag?: string;
  /** Hex digits of a commit, at least 4. */
  readonly rev?: string;
}

/** The program itself, one file. */
export interface DownloadFetch {
  readonly kind: 'download';
  readonly url: string;
  /** Lower case. */
  readonly sha256?: string;
}

export interface DataflowInput {
  readonly id: string;
  /** Messages that wait at most, 1 … 65,536; 10 when the file says nothing. */
  readonly queueSize: number;
  /** `drop_oldest` when the file says nothing. */
  readonly queuePolicy: QueuePolicy;
  /** Between the inputs of one receiver, 0 … 255, higher first; 0 when the file says nothing. */
  readonly priority: number;
  /** This long without a message and the input counts as closed, until one comes; absent: never. At least 1. */
  readonly timeoutNs?: bigint;
  readonly source: DataflowSource;
  /** The type it declares, else that of its source; absent when neither says one. */
  readonly type?: PortType;
}

export type DataflowSource = OutputSource | TimerSource;

export interface OutputSource {
  readonly kind: 'output';
  readonly node: string;
  /** Present when `node` is a runtime node. */
  readonly operator?: string;
  /** The output's own id, without the operator's; sourceOutputId() gives the id among the node's outputs. */
  readonly output: string;
}

export interface TimerSource {
  readonly kind: 'timer';
  /** Nanoseconds between two ticks, at least 1. */
  readonly periodNs: bigint;
}

export interface DataflowOutput {
  readonly id: string;
  /** How many of the newest messages are kept for receivers that join late; 0 when the file says nothing. */
  readonly retain: number;
  /** Absent when the file says none. */
  readonly type?: PortType;
  /** Metadata keys that each message carries, by `output_metadata`, `pattern` or its type. Absent when there are none. */
  readonly metadata?: readonly string[];
}

/** What an operator is written in. Only `library` (C ABI) runs in this version. */
export type OperatorLanguage = 'library' | 'python' | 'wasm' | 'typescript' | 'javascript';

export interface DataflowOperator {
  /** Unique in its node. */
  readonly id: string;
  /** For people. */
  readonly name?: string;
  /** For people. */
  readonly description?: string;
  readonly language: OperatorLanguage;
  /** Path as written, variables replaced; resolveLibrary() finds the file. */
  readonly library: string;
  readonly build: readonly string[];
  /** The operator's own values only; the node's hold for all its operators. */
  readonly env: Readonly<Record<string, string>>;
  /** Ids without the operator's. */
  readonly inputs: readonly DataflowInput[];
  /** Ids without the operator's. */
  readonly outputs: readonly DataflowOutput[];
  /** Between the operators of one runtime, 0 … 255, higher first; 0 when the file says nothing. */
  readonly priority: number;
}

/** The id under which the sending node lists the output: `output`, or `operator/output` on a runtime node. */
export function sourceOutputId(source: OutputSource): string {
  return source.operator === undefined ? source.output : `${source.operator}/${source.output}`;
}

/** The full name of a source, as it could stand in the file. */
export function sourceText(source: DataflowSource): string {
  if (source.kind === 'output') return `${source.node}/${sourceOutputId(source)}`;
  const units = { secs: 1_000_000_000n, millis: 1_000_000n, micros: 1000n, nanos: 1n };
  const [unit, size] = Object.entries(units).find(([, size]) => source.periodNs % size === 0n) ?? ['nanos', 1n];
  return `dora/timer/${unit}/${String(source.periodNs / size)}`;
}
