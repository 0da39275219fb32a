/**
 * What a daemon has to know to run its share of a dataflow: the checked descriptor, reduced to what runs.
 *
 * Paths and programs are as written in the file, because only the daemon's machine knows what they lead to; every
 * reference between nodes is resolved. Made by the coordinator, used by the daemon, plain JSON in between.
 */

import { z } from 'zod';

const id = z.string().min(1);
const env = z.record(z.string(), z.string());

/** Where an input's messages come from. `output` is the id among the sender's outputs (`operator/output` on a runtime). */
export const planSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('output'), node: id, output: id }),
  z.object({
    kind: z.literal('timer'),
    /** Nanoseconds as decimal digits: JSON has no 64-bit integers. */
    periodNs: z.string().regex(/^[1-9][0-9]*$/),
  }),
]);

export const planInput = z.object({
  /** On a runtime node `operator/input`. */
  id,
  /** For people, as in the file: "camera/image", "dora/timer/millis/100". */
  sourceText: z.string(),
  source: planSource,
  queueSize: z.int().min(1).max(65_536),
  queuePolicy: z.enum(['drop_oldest', 'backpressure']),
  priority: z.int().min(0).max(255),
  /** Nanoseconds as decimal digits; absent: the input has no timeout. */
  timeoutNs: z
    .string()
    .regex(/^[1-9][0-9]*$/)
    .exactOptional(),
});

export const planOutput = z.object({ id, retain: z.int().min(0) });

export const planOperator = z.object({
  id,
  /** The shared library, as in the file. */
  library: z.string(),
  priority: z.int().min(0).max(255),
  /** Ids without the operator's. */
  inputs: z.array(id),
  outputs: z.array(id),
});

export const planNode = z.object({
  id,
  kind: z.enum(['program', 'runtime', 'dynamic']),
  /** Of a node that is a program of its own. */
  program: z.object({ command: z.string(), args: z.array(z.string()) }).exactOptional(),
  /** Of a runtime node. */
  operators: z.array(planOperator).exactOptional(),
  env,
  /** Absolute folder in which relative programs and libraries start; absent: the dataflow's. */
  folder: z.string().exactOptional(),
  /** Absolute. */
  workingDirectory: z.string(),
  inputs: z.array(planInput),
  outputs: z.array(planOutput),
  /** Shared memory in bytes; absent: the machine's budget is the limit. */
  memoryBytes: z.int().min(0).exactOptional(),
  /** Cores on which the process may run; absent: all. */
  cpuAffinity: z.array(z.int().min(0)).exactOptional(),
  /** Absent: the usual scheduling. */
  realtime: z
    .object({ policy: z.enum(['fifo', 'rr']), priority: z.int().min(1).max(99), lockMemory: z.boolean() })
    .exactOptional(),
});

export const dataflowPlan = z.object({
  /** Unique among the dataflows that run. */
  dataflow: id,
  /** Absolute folder of the dataflow file; relative programs and libraries start here. */
  folder: z.string(),
  /** Adds DORA_RELEASE=1 to the environment of every node. */
  release: z.boolean(),
  nodes: z.array(planNode),
});

/** What a node takes from elsewhere. */
export const fetchSource = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('git'),
    url: z.string(),
    branch: z.string().exactOptional(),
    tag: z.string().exactOptional(),
    rev: z.string().exactOptional(),
  }),
  z.object({ kind: z.literal('download'), url: z.string(), sha256: z.string().exactOptional() }),
]);

export const fetchStep = z.object({ owner: id, source: fetchSource });

/** Where it lies now: a folder (git) or a file (download), and what exactly it is: a commit, or a SHA-256. */
export const fetched = z.object({ owner: id, path: z.string(), pinned: z.string() });

/** Commands of `build:`; each line is run by /bin/sh, one after the other, the first failure ends the build. */
export const buildStep = z.object({
  /** The node, or `node/operator`. */
  owner: z.string(),
  lines: z.array(z.string()),
  workingDirectory: z.string(),
  env,
  /** A file by which runs that share the folder take turns; absent: the folder is the user's own. */
  lock: z.string().exactOptional(),
});

export type PlanInput = z.infer<typeof planInput>;
export type PlanOutput = z.infer<typeof planOutput>;
export type PlanOperator = z.infer<typeof planOperator>;
export type PlanNode = z.infer<typeof planNode>;
export type DataflowPlan = z.infer<typeof dataflowPlan>;
export type BuildStep = z.infer<typeof buildStep>;
export type FetchSource = z.infer<typeof fetchSource>;
export type FetchStep = z.infer<typeof fetchStep>;
export type Fetched = z.infer<typeof fetched>;
