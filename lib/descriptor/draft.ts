/**
 * What lies between the walked files and the model: a node whose own keys are settled and whose inputs are not yet
 * connected. resolve-node.ts makes drafts, expand-modules.ts puts the drafts of a module's file under the node that names
 * it, wiring.ts connects the drafts of one file, link.ts those of different files, finish.ts makes the model. Drafts keep
 * the places of what they hold and the context of their file, for the steps that still have something to say about them.
 */

import type { z } from 'zod';
import type { Place, Severity } from './diagnostic.js';
import type { ExpandContext, Variables } from './environment.js';
import type { deploy as deploySchema, input as inputSchema } from './keys/common.js';
import type { clusterFile, dataflowFile, moduleFile, nodeFile } from './keys/dataflow.js';
import type { operator as operatorSchema } from './keys/operator.js';
import type { DraftContracts } from './contracts.js';
import type {
  DataflowModule,
  DataflowNode,
  DataflowOperator,
  DataflowSource,
  OutputSource,
  QueuePolicy,
} from './model.js';
import type { Loose } from './loose.js';
import type { PortType } from './types/definition.js';

export type RawDataflow = Loose<z.output<typeof dataflowFile>>;
export type RawModule = Loose<z.output<typeof moduleFile>>;
export type RawNode = Loose<z.output<typeof nodeFile>>;
export type RawCluster = Loose<z.output<typeof clusterFile>>;
export type RawDeploy = Loose<z.output<typeof deploySchema>>;
export type RawOperator = Loose<z.output<typeof operatorSchema>>;
export type RawInput = Loose<z.output<typeof inputSchema>>;

/** `run`: what this version cannot run is an error. `check`: it is a warning. */
export type Purpose = 'run' | 'check';

/** What every step that makes drafts needs. */
export interface ResolveContext extends ExpandContext {
  purpose: Purpose;
  /** How bad a source is whose node is not in the file. */
  missingNodes: Severity;
  /** Absolute folder of the file. */
  folder: string;
  /** The variables of the process that reads the file. */
  host: Variables;
  /** What a node's own `env` is laid over, variables replaced: the root's, the caller's, those of the modules around. */
  shared: Readonly<Record<string, string>>;
  /** What a node's own `env` cannot change: parameters of the module as `PARAM_KEY`. */
  fixed: Readonly<Record<string, string>>;
  /** The node whose module this is; undefined in the file that the caller named. */
  around?: DraftNode;
  /** What stands in front of an id to make it the model's: empty, or `module.`. */
  prefix: string;
  /** Some module around has a `build`, which may make the files of the nodes inside. */
  built: boolean;
  /** Whether `path: shell` may run. */
  allowShell: boolean;
}

/** An input whose source is still text. */
export interface DraftInput {
  id: string;
  /** Undefined: not written; link.ts takes it from the module's node, else finish.ts has the default. */
  queueSize?: number | undefined;
  queuePolicy?: QueuePolicy | undefined;
  priority?: number | undefined;
  timeoutNs?: bigint | undefined;
  /** Undefined when it was wrong and reported. */
  sourceText: string | undefined;
  place: Place;
  /**
   * Set by the wiring; stays undefined when the source is wrong, or not supported yet. Outputs and ports of modules in
   * it become outputs of programs in link.ts.
   */
  source?: DataflowSource | PortSource;
  /** Its own type, else that of its source. Set by the type check. */
  type?: PortType;
}

export interface DraftOutput {
  id: string;
  retain: number;
  place: Place;
  /** Set by the type check. */
  type?: PortType;
  /** Keys that each message carries, never empty. Set by the check of patterns. */
  metadata?: readonly string[];
}

/** `_mod/port`: whatever the module's node gives to its input `port`. */
export interface PortSource {
  readonly kind: 'port';
  readonly port: string;
}

/** What has inputs and outputs of its own: a program, or one operator of a runtime node. */
export interface DraftUnit {
  /** Undefined for a program. */
  operator?: string;
  inputs: DraftInput[];
  outputs: DraftOutput[];
  /** What the ports promise; absent where the file says nothing. */
  contracts?: DraftContracts;
}

/** A node of the model as far as it is known. */
export type SettledNode = {
  -readonly [K in keyof Omit<DataflowNode, 'inputs' | 'outputs' | 'operators'>]: DataflowNode[K];
};

export interface DraftNode {
  /** As written; `node.id` is the one in the whole dataflow. */
  id: string;
  idPlace: Place;
  /** What the file says, and what it was read with. */
  raw: RawNode;
  context: ResolveContext;
  /** On a node that is a module: the inputs that are given to it, and the outputs of its file. */
  units: DraftUnit[];
  /** Whether it stands for the nodes of a module. */
  isModule: boolean;
  /** Its outputs are not known (a package, a module with mistakes): any name is accepted. */
  open: boolean;
  /** Present on a node that is a module, when its file could be read: the node stands for what is in it. */
  module?: DraftModule;
  /** What is settled; inputs and outputs come from `units`. */
  node: SettledNode;
  operators: Omit<DataflowOperator, 'inputs' | 'outputs'>[];
  /** The command line of a node with `path: shell`. */
  shell?: string;
  files: FileWish[];
}

/** The inside of a node that is a module. */
export interface DraftModule {
  children: DraftNode[];
  /** Output of the module -> who makes it, one of the children. */
  exports: ReadonlyMap<string, OutputSource>;
  model: DataflowModule;
}

/** A file that has to be there when the node starts. */
export interface FileWish {
  what: 'program' | 'library' | 'module' | 'folder';
  path: string;
  place: Place;
  /** Some `build:` may make it. */
  buildable: boolean;
}

/** How bad it is that this version cannot run something. */
export function unsupportedSeverity(purpose: Purpose): Severity {
  return purpose === 'run' ? 'error' : 'warning';
}
