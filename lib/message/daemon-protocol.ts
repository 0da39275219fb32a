/**
 * What a coordinator asks of a daemon, and what a daemon tells.
 *
 * The life of a dataflow at its daemon: `fetch` and `build` (maybe), `prepare` (programs found and compiled, memory brokered),
 * `start`, then events until `dataflowEnded`, `counts`, `remove`. `stop` and `kill` may come at any time after
 * `prepare`. Output is a call, not an event: the daemon reads a node's pipe on only when its last lines were taken, so
 * that a slow reader slows the nodes' printing and nothing is buffered without end.
 */

import { z } from 'zod';
import { defineProtocol } from './contract.js';
import { buildStep, dataflowPlan, fetchStep, fetched } from './plan.js';
import { nodeCounts, nodeExit, outputLines } from './report.js';

const dataflow = z.object({ dataflow: z.string() });
const node = dataflow.extend({ node: z.string() });
const nothing = z.object({});

export const stopReason = z.enum(['user', 'failure', 'shutdown']);
export type StopReason = z.infer<typeof stopReason>;

export const daemonProtocol = defineProtocol({
  name: 'dora-daemon',
  version: 1,
  server: {
    calls: {
      /** Clones and downloads, before the build. Fails with the reason, and the node in its details. */
      fetch: {
        params: dataflow.extend({ steps: z.array(fetchStep) }),
        result: z.object({ fetched: z.array(fetched) }),
      },
      /** Runs build commands; their output comes as `output` of the step's owner. Fails with BUILD_FAILED. */
      build: { params: dataflow.extend({ steps: z.array(buildStep), release: z.boolean() }), result: nothing },
      /** Finds and compiles every program; fails with all that is missing. Nothing runs yet. */
      prepare: { params: dataflowPlan, result: nothing },
      /** Starts the processes. The nodes begin together, when the last of them has joined. */
      start: { params: dataflow, result: nothing },
      /** A stop event to each node; SIGTERM to the process groups of those left after stopTimeoutMs; SIGKILL after killTimeoutMs more. */
      stop: {
        params: dataflow.extend({
          reason: stopReason,
          stopTimeoutMs: z.number().min(0),
          killTimeoutMs: z.number().min(0),
        }),
        result: nothing,
      },
      /** SIGKILL to every process group, a running build's as well. */
      kill: { params: dataflow, result: nothing },
      counts: { params: dataflow, result: z.object({ nodes: z.array(nodeCounts) }) },
      /** Forgets a dataflow that has ended. */
      remove: { params: dataflow, result: nothing },
    },
    events: {
      /** A repository is cloned, a file downloaded, or both looked for in the cache. */
      fetchStarted: dataflow.extend({ owner: z.string(), source: z.string() }),
      /** It is there; `pinned` is the commit or the SHA-256. */
      fetchDone: dataflow.extend({ owner: z.string(), source: z.string(), pinned: z.string() }),
      buildStarted: dataflow.extend({ owner: z.string(), command: z.string() }),
      nodeStarted: node.extend({ pid: z.int() }),
      nodeJoined: node.extend({ pid: z.int() }),
      /** A `dynamic` node waits for its program, to be started by hand with `config` as DORA_NODE_CONFIG. */
      nodeAwaited: node.extend({ config: z.string() }),
      /** All nodes have joined: messages flow. */
      running: dataflow,
      nodeExited: nodeExit,
      /** A node asked for the end of the whole dataflow. */
      stopRequested: node,
      /** Something a person should know, while all goes on. */
      warning: dataflow.extend({ node: z.string().exactOptional(), code: z.string(), message: z.string() }),
      /** Every process of the dataflow here has ended, and its output was delivered. */
      dataflowEnded: dataflow,
    },
  },
  client: {
    calls: {
      /** Answered when the lines were taken. */
      output: { params: outputLines, result: nothing },
    },
    events: {},
  },
});
