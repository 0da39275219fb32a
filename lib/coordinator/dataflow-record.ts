/**
 * One dataflow as the coordinator knows it: what became of each node, who failed first, and why it ends.
 *
 * The rule of a run: the first node that fails decides; everybody else is stopped then, and what fails on the way down
 * is no news. A node that ends in order closes its outputs, which ends those that live by them. Only bookkeeping: the
 * coordinator acts on it.
 */

import type { DataflowState } from '../message/coordinator-protocol.js';
import type {
  DataflowSummary,
  Failure,
  NodeCountsReport,
  NodeError,
  NodeExit,
  NodeSummary,
} from '../message/report.js';

export class DataflowRecord {
  readonly dataflow: string;
  readonly file: string;
  state: DataflowState = 'building';
  #stopRequested = false;
  readonly #nodes: readonly string[];
  readonly #timers: ReadonlySet<string>;
  readonly #exits = new Map<string, NodeExit>();
  readonly #begin = performance.now();
  #failure: Failure | undefined;

  /** `timers`: inputs that timers feed, as `node/input`: what they missed are ticks, not messages. */
  constructor(dataflow: string, file: string, nodes: readonly string[], timers: ReadonlySet<string> = new Set()) {
    this.#timers = timers;
    this.dataflow = dataflow;
    this.file = file;
    this.#nodes = nodes;
  }

  get nodes(): string[] {
    return [...this.#nodes];
  }

  /** Somebody asked for the end. */
  requestStop(): void {
    this.#stopRequested = true;
  }

  /** A method, for the answer changes while its caller waits. */
  isStopRequested(): boolean {
    return this.#stopRequested;
  }

  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** Takes a node's end. True when it is the first failure of the dataflow. */
  addExit(exit: NodeExit): boolean {
    this.#exits.set(exit.node, exit);
    if (exit.end !== 'failed' || this.#failure !== undefined) return false;
    const error: NodeError = exit.error ?? { code: 'NODE_FAILED', message: `node "${exit.node}" failed` };
    const { node, exitCode, signal, lastLines } = exit;
    this.#failure = { ...error, node, exitCode, signal, lastLines };
    return true;
  }

  /** A failure before or beside the nodes: a build, a missing program. The first one counts. */
  fail(failure: Failure): boolean {
    if (this.#failure !== undefined) return false;
    this.#failure = failure;
    return true;
  }

  summarize(counts: NodeCountsReport[]): DataflowSummary {
    const failure = this.#failure;
    return {
      dataflow: this.dataflow,
      ok: failure === undefined,
      reason: failure !== undefined ? 'failed' : this.#stopRequested ? 'stopped' : 'finished',
      durationMs: performance.now() - this.#begin,
      nodes: this.#nodes.map((node) => this.#summarizeNode(node, counts)),
      counts,
      ...(failure === undefined ? {} : { failure }),
    };
  }

  #summarizeNode(node: string, counts: readonly NodeCountsReport[]): NodeSummary {
    const exit = this.#exits.get(node);
    const own = counts.find((entry) => entry.node === node);
    const sum = (pick: (input: NodeCountsReport['inputs'][number]) => number): number =>
      (own?.inputs ?? []).reduce((total, input) => total + pick(input), 0);
    const isTimer = (input: string): boolean => this.#timers.has(`${node}/${input}`);
    return {
      node,
      end: exit?.end ?? 'notStarted',
      exitCode: exit?.exitCode ?? null,
      signal: exit?.signal ?? null,
      durationMs: exit?.durationMs ?? 0,
      messagesIn: sum((input) => input.received),
      messagesOut: (own?.outputs ?? []).reduce((total, output) => total + output.sent, 0),
      dropped: sum((input) => (isTimer(input.id) ? 0 : input.dropped)),
      missedTicks: sum((input) => (isTimer(input.id) ? input.dropped : 0)),
      lost: sum((input) => input.lost),
      ...(exit?.error === undefined ? {} : { error: exit.error }),
    };
  }
}
