/**
 * What a command line, a dashboard or a program asks of the coordinator, and what it hears.
 *
 * `start` answers as soon as the file was read and checked; the rest is events, in this order for each dataflow:
 * `fetch…`, `build…`, `node…`, `running`, `finished`. `finished` comes exactly once for every dataflow that `start` answered for,
 * whatever went wrong. Output is a call for the reason given in daemon-protocol.ts.
 */

import { z } from 'zod';
import { defineProtocol } from './contract.js';
import { daemonProtocol } from './daemon-protocol.js';
import { dataflowSummary, failure, nodeCounts, outputLines } from './report.js';

const dataflow = z.object({ dataflow: z.string() });
const nothing = z.object({});
const { fetchStarted, fetchDone, buildStarted, nodeStarted, nodeJoined, nodeAwaited, running, nodeExited, warning } =
  daemonProtocol.server.events;

/** What to run, and how. */
export const startRequest = z.object({
  /** Absolute path of the dataflow file. With `text` it only names the file, and relative paths start in its folder. */
  file: z.string(),
  /** How messages name the file; absent: `file`. */
  shownFile: z.string().exactOptional(),
  /** The file's content, when it is not to be read from disk. */
  text: z.string().exactOptional(),
  /** Whether to run `build:` commands first. */
  build: z.boolean(),
  /** End after the build: nothing is prepared or started, and `finished` says whether all of it was built. */
  buildOnly: z.boolean().exactOptional(),
  /** Adds DORA_RELEASE=1 to the environment of every node. */
  release: z.boolean(),
  /** Wins over the file's own `env`, but not over a node's. */
  env: z.record(z.string(), z.string()),
  /** Whether nodes with `path: shell` may run; absent: what DORA_ALLOW_SHELL_NODES says where the file is read. */
  allowShellNodes: z.boolean().exactOptional(),
  /** From a stop event to SIGTERM. */
  stopTimeoutMs: z.number().min(0),
  /** From SIGTERM to SIGKILL. */
  killTimeoutMs: z.number().min(0),
});
export type StartRequest = z.infer<typeof startRequest>;

/** A problem of the file with its place; the same fields as lib/descriptor's Diagnostic. */
export const fileDiagnostic = z.object({
  file: z.string(),
  line: z.int(),
  column: z.int(),
  endLine: z.int(),
  endColumn: z.int(),
  path: z.string(),
  code: z.string(),
  severity: z.enum(['error', 'warning']),
  message: z.string(),
  hint: z.string().exactOptional(),
  lineText: z.string().exactOptional(),
});

export const dataflowState = z.enum(['building', 'starting', 'running', 'stopping']);
export type DataflowState = z.infer<typeof dataflowState>;

export const coordinatorProtocol = defineProtocol({
  name: 'dora-coordinator',
  version: 1,
  server: {
    calls: {
      /** Fails with DESCRIPTOR_INVALID, whose details are the diagnostics, when the file has errors. */
      start: {
        params: startRequest,
        result: z.object({ dataflow: z.string(), nodes: z.array(z.string()), warnings: z.array(fileDiagnostic) }),
      },
      /** Ends a dataflow in order: stop events, then signals after the times that `start` gave. */
      stop: { params: dataflow, result: nothing },
      /** Ends a dataflow at once. */
      kill: { params: dataflow, result: nothing },
      /** The messages of each edge and output so far; empty before nodes run. */
      counts: { params: dataflow, result: z.object({ nodes: z.array(nodeCounts) }) },
      list: {
        params: nothing,
        result: z.object({
          dataflows: z.array(
            z.object({ dataflow: z.string(), file: z.string(), state: dataflowState, nodes: z.array(z.string()) }),
          ),
        }),
      },
    },
    events: {
      fetchStarted,
      fetchDone,
      buildStarted,
      nodeStarted,
      nodeJoined,
      nodeAwaited,
      running,
      nodeExited,
      warning,
      /** The others are being stopped, because of a signal, a node's request or a failure. */
      stopping: dataflow.extend({ reason: z.enum(['user', 'request', 'failure']), node: z.string().exactOptional() }),
      /** The first failure, as soon as it is known; `finished` says it again. */
      failed: dataflow.extend({ failure }),
      finished: dataflowSummary,
    },
  },
  client: {
    calls: { output: { params: outputLines, result: nothing } },
    events: {},
  },
});
