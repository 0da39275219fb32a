/**
 * What lies between the walked file and the model: a node whose own keys are settled and whose inputs are not yet
 * connected. resolve-node.ts makes drafts, wiring.ts connects them, load.ts turns them into the model. Drafts keep the
 * places of what they hold, for the steps that still have something to say about them.
 */

import type { z } from 'zod';
import type { Place, Severity } from './diagnostic.js';
import type { ExpandContext, Variables } from './environment.js';
import type { deploy as deploySchema, input as inputSchema } from './keys/common.js';
import type { clusterFile, dataflowFile, moduleFile, nodeFile } from './keys/dataflow.js';
import type { operator as operatorSchema } from './keys/operator.js';
import type { DataflowNode, DataflowOperator, DataflowOutput, DataflowSource } from './model.js';
import type { Loose } from './loose.js';

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
  /** Absolute folder of the file. */
  folder: string;
  /** The variables of the process that reads the file. */
  host: Variables;
  /** The root's `env` and the caller's, variables replaced. */
  shared: Readonly<Record<string, string>>;
}

/** An input whose source is still text. */
export interface DraftInput {
  id: string;
  queueSize: number;
  queuePolicy: 'drop_oldest' | 'backpressure';
  priority: number;
  timeoutNs?: bigint;
  /** Undefined when it was wrong and reported. */
  sourceText: string | undefined;
  place: Place;
  /** Set by the wiring; stays undefined when the source is wrong, or not supported yet. */
  source?: DataflowSource;
}

/** What has inputs and outputs of its own: a program, or one operator of a runtime node. */
export interface DraftUnit {
  /** Undefined for a program. */
  operator?: string;
  inputs: DraftInput[];
  outputs: (DataflowOutput & { place: Place })[];
}

export interface DraftNode {
  id: string;
  idPlace: Place;
  units: DraftUnit[];
  /** Its outputs are declared elsewhere (a module, a package): any name is accepted. */
  open: boolean;
  /** What is settled; inputs and outputs come from `units`. */
  node: Omit<DataflowNode, 'inputs' | 'outputs' | 'operators'>;
  operators: Omit<DataflowOperator, 'inputs' | 'outputs'>[];
  files: FileWish[];
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
