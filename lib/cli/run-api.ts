/**
 * run(): a dataflow from a program, as `dora run` does it from a terminal.
 *
 * Types and one function, and nothing is loaded before it is called: every node imports this package, and no node
 * should pay for a coordinator. Never ends the process and never prints.
 */

import type { EventData, EventName } from '../message/contract.js';
import type { coordinatorProtocol } from '../message/coordinator-protocol.js';
import type { DataflowSummary, NodeCountsReport, OutputLines } from '../message/report.js';

type Server = (typeof coordinatorProtocol)['server'];

/** What happens while a dataflow runs; `event` says which, the other fields belong to it. The last is `finished`. */
export type RunEvent =
  | ({ readonly event: 'output' } & Readonly<OutputLines>)
  | { readonly event: 'counts'; readonly dataflow: string; readonly counts: readonly NodeCountsReport[] }
  | { [K in EventName<Server>]: { readonly event: K } & Readonly<EventData<Server, K>> }[EventName<Server>];

/** How a dataflow ended. */
export type RunResult = DataflowSummary;

export interface RunDataflowOptions {
  /** Run the file's `build:` commands first. Default true. */
  readonly build?: boolean;
  /** Set DORA_RELEASE=1 for nodes and builds. Default false. */
  readonly release?: boolean;
  /** Variables for every node; over the file's own `env`, under a node's. */
  readonly env?: Readonly<Record<string, string>>;
  /** Files of `NAME=value` lines, as for `--env-file`: under `env`, over the file's own; a later one wins. Default: none. */
  readonly envFile?: string | readonly string[];
  /** Allow nodes with `path: shell`. Default: when DORA_ALLOW_SHELL_NODES is `1` or `true` in the environment. */
  readonly allowShellNodes?: boolean;
  /** From the stop event to SIGTERM, milliseconds. Default 5000. */
  readonly stopTimeoutMs?: number;
  /** From SIGTERM to SIGKILL, milliseconds. Default 5000. */
  readonly killTimeoutMs?: number;
  /** Stop in order this long after the first process was started, milliseconds. Default: never. */
  readonly stopAfterMs?: number;
  /** Tell the messages of each edge so far this often, as an event `counts`, milliseconds. Default: never; `result.counts` has the final figures. */
  readonly countsEveryMs?: number;
  /** Aborting it stops the dataflow in order; the result still comes. */
  readonly signal?: AbortSignal;
  /** For a descriptor that is no file: the folder in which relative paths start. Default: the current one. */
  readonly folder?: string;
  /** Called for each event. A promise for `output` holds that node's output back until it settles; it must not reject. */
  readonly onEvent?: (event: RunEvent) => void | Promise<void>;
}

/**
 * Runs a dataflow to its end.
 * @param dataflow path of a dataflow file, or a descriptor as an object of the same keys
 * @returns how it ended; a node that failed is `ok: false`, not an exception
 * @throws DescriptorError DESCRIPTOR_INVALID with `diagnostics`; DoraError ENV_FILE_INVALID; the signal's reason when it was aborted before the start
 */
export async function run(dataflow: string | object, options: RunDataflowOptions = {}): Promise<RunResult> {
  const { startDataflow } = await import('./run-dataflow.js');
  return await (
    await startDataflow(dataflow, options)
  ).result;
}
