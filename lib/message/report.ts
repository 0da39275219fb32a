/**
 * What happened to a dataflow, in the words that daemon, coordinator and command line share: output lines, ends of
 * processes, counts, and the summary in which a run ends.
 *
 * These schemas are also the form of `dora run --json` and of run()'s result, so a field may be added here, and
 * nothing may be renamed. Counts are numbers: exact up to 2^53, which is 285 years at a million messages a second.
 */

import { z } from 'zod';

/** Lines that one read of a pipe gave, without their ends. */
export const outputLines = z.object({
  dataflow: z.string(),
  /** A node, or the owner of a `build:` command. */
  node: z.string(),
  stream: z.enum(['stdout', 'stderr']),
  lines: z.array(z.string()),
});

/**
 * The messages of an edge, or the ticks of a timer. `sent` = `received` + `dropped` + `inFlight` + `lost`, exactly. While nodes run these are figures
 * of one moment, in which a message that is just being taken shows as dropped or in flight.
 */
export const inputCounts = z.object({
  id: z.string(),
  /** What feeds the input, such as `camera/image` or `dora/timer/millis/100`. */
  source: z.string(),
  sent: z.int(),
  received: z.int(),
  dropped: z.int(),
  inFlight: z.int(),
  lost: z.int(),
});
export const nodeCounts = z.object({
  node: z.string(),
  inputs: z.array(inputCounts),
  outputs: z.array(z.object({ id: z.string(), sent: z.int(), bytes: z.int() })),
});

/**
 * How a node's process ended:
 * - `finished`: by itself, with exit code 0;
 * - `stopped`: after a stop event, with exit code 0;
 * - `terminated`, `killed`: by the daemon's SIGTERM or SIGKILL, after it did not follow the stop event in time;
 * - `failed`: anything else; `error` says what;
 * - `notStarted`: there was no process, because the dataflow ended before, or nobody started a `dynamic` node.
 */
export const nodeEnd = z.enum(['finished', 'stopped', 'terminated', 'killed', 'failed', 'notStarted']);

/** Why a node counts as failed. */
export const nodeError = z.object({ code: z.string(), message: z.string(), hint: z.string().exactOptional() });

/** The end of one node's process. */
export const nodeExit = z.object({
  dataflow: z.string(),
  node: z.string(),
  end: nodeEnd,
  /** Null when a signal ended it, or when it never ran. */
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  durationMs: z.number(),
  error: nodeError.exactOptional(),
  /** What it printed last, oldest line first; at most 50. */
  lastLines: z.array(z.string()),
});

/** One row of the table in which a run ends. */
export const nodeSummary = z.object({
  node: z.string(),
  end: nodeEnd,
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  durationMs: z.number(),
  messagesIn: z.int(),
  messagesOut: z.int(),
  /** Messages that full `drop_oldest` queues gave up. */
  dropped: z.int(),
  /** Ticks of timers that came while the last one was not taken yet. */
  missedTicks: z.int(),
  lost: z.int(),
  error: nodeError.exactOptional(),
});

/** The first thing that went wrong. */
export const failure = nodeError.extend({
  /** The node that failed; absent when no node is to blame. */
  node: z.string().exactOptional(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  lastLines: z.array(z.string()),
});

/** Why a dataflow ended: all nodes did, a stop was asked for, or a node failed. */
export const endReason = z.enum(['finished', 'stopped', 'failed']);

export const dataflowSummary = z.object({
  dataflow: z.string(),
  /** True unless a node failed. */
  ok: z.boolean(),
  reason: endReason,
  durationMs: z.number(),
  nodes: z.array(nodeSummary),
  /** Counts of each input and output. */
  counts: z.array(nodeCounts),
  failure: failure.exactOptional(),
});

export type OutputLines = z.infer<typeof outputLines>;
export type InputCountsReport = z.infer<typeof inputCounts>;
export type NodeCountsReport = z.infer<typeof nodeCounts>;
export type NodeEnd = z.infer<typeof nodeEnd>;
export type NodeError = z.infer<typeof nodeError>;
export type NodeExit = z.infer<typeof nodeExit>;
export type NodeSummary = z.infer<typeof nodeSummary>;
export type Failure = z.infer<typeof failure>;
export type EndReason = z.infer<typeof endReason>;
export type DataflowSummary = z.infer<typeof dataflowSummary>;
