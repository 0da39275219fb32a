/**
 * One dataflow at its daemon, from the first process to the last: starts the nodes, passes on what they print, sees
 * them end, and stops them when asked.
 *
 * Stopping has three steps, each only for those whom the one before did not end: a stop event through the broker,
 * SIGTERM to the process group, SIGKILL to the process group. A node that has not joined cannot hear an event and gets
 * its SIGTERM at once. The dataflow has ended when no process of it is left and all output was delivered; whether that
 * is a success is the coordinator's to say.
 */

import type { EventData, EventName } from '../message/contract.js';
import type { daemonProtocol, StopReason } from '../message/daemon-protocol.js';
import type { DataflowPlan, PlanNode } from '../message/plan.js';
import type { OutputLines } from '../message/report.js';
import type { BrokerEvent, NativeBroker } from '../native/binding.js';
import { hasPorts } from './broker-plan.js';
import { Child, type ChildEnd } from './child.js';
import type { Guard } from './guard.js';
import { launchWarnings, memoryNotLocked } from './launcher.js';
import { readEnd } from './node-end.js';
import type { Launch } from './programs.js';

/** After how long a person is told for whom the start waits. */
const SLOW_JOIN_MS = 10_000;
/** For helpers that a node leaves behind, from SIGTERM to SIGKILL. */
const SWEEP_GRACE_MS = 2000;

type DaemonSide = (typeof daemonProtocol)['server'];
export type Emit = <K extends EventName<DaemonSide>>(name: K, data: EventData<DaemonSide, K>) => void;

export interface RunContext {
  readonly broker: NativeBroker;
  /** Hands out what the broker has to tell now: calls onBrokerEvent() of every run. */
  readonly takeBrokerEvents: () => void;
  readonly guard: Guard | undefined;
  readonly emit: Emit;
  /** Settles when the lines were taken. */
  readonly output: (lines: OutputLines) => Promise<void>;
}

interface NodeState {
  readonly plan: PlanNode;
  readonly launch: Launch | undefined;
  /** DORA_NODE_CONFIG. */
  readonly config: string;
  child: Child | undefined;
  joined: boolean;
  /** A stop event was sent. */
  stopping: boolean;
  /** For a dynamic node: since when it is connected. */
  joinedAt: number;
  ended: boolean;
}

export class DataflowRun {
  readonly #plan: DataflowPlan;
  readonly #context: RunContext;
  readonly #nodes: Map<string, NodeState>;
  #timers: NodeJS.Timeout[] = [];
  #slowJoin: NodeJS.Timeout | undefined;
  #stopping = false;
  #over = false;

  constructor(
    plan: DataflowPlan,
    launches: ReadonlyMap<string, Launch>,
    configs: ReadonlyMap<string, string>,
    context: RunContext,
  ) {
    this.#plan = plan;
    this.#context = context;
    this.#nodes = new Map(
      plan.nodes.map((node) => [
        node.id,
        {
          plan: node,
          launch: launches.get(node.id),
          config: configs.get(node.id) ?? '',
          child: undefined,
          joined: false,
          stopping: false,
          joinedAt: 0,
          ended: false,
        },
      ]),
    );
  }

  get dataflow(): string {
    return this.#plan.dataflow;
  }

  /** Whether nothing of it runs any more. */
  get over(): boolean {
    return this.#over;
  }

  start(): void {
    for (const state of this.#nodes.values()) {
      if (state.launch === undefined) this.#await(state);
      else this.#spawn(state, state.launch);
    }
    this.#slowJoin = setTimeout(() => {
      this.#warnSlowJoin();
    }, SLOW_JOIN_MS);
    this.#checkEnd();
  }

  stop(reason: StopReason, stopTimeoutMs: number, killTimeoutMs: number): void {
    if (this.#stopping || this.#over) return;
    this.#stopping = true;
    clearTimeout(this.#slowJoin);
    // The last of the file first: files begin with who sends, and who reads should hear of the stop before its inputs end by it.
    for (const state of [...this.#nodes.values()].reverse()) {
      if (state.ended) continue;
      state.stopping = true;
      this.#context.broker.stopNode(this.dataflow, state.plan.id, reason, stopTimeoutMs);
      if (state.child !== undefined && !state.joined) state.child.signal('SIGTERM');
    }
    this.#timers.push(
      setTimeout(() => {
        this.#signalAll('SIGTERM');
      }, stopTimeoutMs),
      setTimeout(() => {
        this.#signalAll('SIGKILL');
      }, stopTimeoutMs + killTimeoutMs),
    );
    this.#checkEnd();
  }

  kill(): void {
    this.#stopping = true;
    this.#clearTimers();
    for (const state of this.#nodes.values()) state.stopping = true;
    this.#signalAll('SIGKILL');
    this.#checkEnd();
  }

  /** What the broker saw of one of this dataflow's nodes. */
  onBrokerEvent(event: BrokerEvent): void {
    const { dataflow } = this;
    const state = this.#nodes.get(event.node);
    switch (event.kind) {
      case 'started':
        clearTimeout(this.#slowJoin);
        this.#context.emit('running', { dataflow });
        break;
      case 'joined':
        if (state === undefined) break;
        state.joined = true;
        state.joinedAt = performance.now();
        this.#context.emit('nodeJoined', { dataflow, node: event.node, pid: event.pid });
        break;
      case 'left':
      case 'lost':
        if (state?.plan.kind === 'dynamic') this.#dynamicLeft(state, event.kind === 'lost');
        break;
      case 'requestStop':
        this.#context.emit('stopRequested', { dataflow, node: event.node });
        break;
      case 'corrupt':
        this.#warn({ node: event.node, code: 'SHM_CORRUPT', message: event.text });
        break;
      case 'refused':
        this.#warn({ node: event.node, code: 'JOIN_REFUSED', message: event.text });
        break;
      case 'exhausted':
        this.#warn({ node: event.node, code: 'SHM_EXHAUSTED', message: event.text });
        break;
      case 'unlocked':
        this.#warn({
          node: event.node,
          code: 'MEMORY_NOT_LOCKED',
          message: memoryNotLocked(event.node, event.text),
        });
        break;
    }
  }

  #spawn(state: NodeState, launch: Launch): void {
    const { dataflow } = this;
    const { id } = state.plan;
    const env = { ...launch.env, DORA_NODE_CONFIG: state.config };
    const child = new Child({ ...launch, env, sweepGraceMs: SWEEP_GRACE_MS }, this.#context.guard, {
      onLines: (stream, lines) => this.#context.output({ dataflow, node: id, stream, lines }),
      onLaunch: (report) => {
        for (const warning of launchWarnings(report, state.plan)) this.#warn({ node: id, ...warning });
      },
      // The broker is told at once, so that its peers' inputs close; people are told when its output is complete.
      onExit: (end) => {
        // The end of a short life may be seen before the news that it had joined.
        this.#context.takeBrokerEvents();
        this.#context.broker.nodeEnded(dataflow, id, true, this.#readEnd(state, child, launch, end).end === 'failed');
      },
    });
    state.child = child;
    if (child.pid !== undefined) this.#context.emit('nodeStarted', { dataflow, node: id, pid: child.pid });
    void child.done.then((end) => {
      state.ended = true;
      const { exitCode, signal, durationMs } = end;
      const lastLines = child.lastLines.toArray();
      this.#context.emit('nodeExited', {
        dataflow,
        node: id,
        ...this.#readEnd(state, child, launch, end),
        exitCode,
        signal,
        durationMs,
        lastLines,
      });
      this.#checkEnd();
    });
  }

  #readEnd(state: NodeState, child: Child, launch: Launch, end: ChildEnd): ReturnType<typeof readEnd> {
    return readEnd(end, {
      node: state.plan.id,
      file: launch.file,
      cwd: launch.cwd,
      hasPorts: hasPorts(state.plan),
      joined: state.joined,
      stopping: state.stopping,
      sentSignal: child.sentSignal,
    });
  }

  /**
   * A dynamic node's program is started by hand; a person gives it what the others get from us. Its token is no secret
   * worth a file: the broker answers this user's processes only, and they could read it from any node's environment.
   */
  #await(state: NodeState): void {
    this.#context.emit('nodeAwaited', { dataflow: this.dataflow, node: state.plan.id, config: state.config });
  }

  #dynamicLeft(state: NodeState, crashed: boolean): void {
    if (state.ended) return;
    const { dataflow } = this;
    const { id } = state.plan;
    state.ended = true;
    this.#context.broker.nodeEnded(dataflow, id, true, crashed);
    if (crashed) {
      const message = `node "${id}", which was started by hand, went away without leaving`;
      this.#warn({ node: id, code: 'NODE_LOST', message });
    }
    const durationMs = performance.now() - state.joinedAt;
    const end = state.stopping ? 'stopped' : 'finished';
    this.#context.emit('nodeExited', {
      dataflow,
      node: id,
      end,
      exitCode: null,
      signal: null,
      durationMs,
      lastLines: [],
    });
    this.#checkEnd();
  }

  #signalAll(name: 'SIGTERM' | 'SIGKILL'): void {
    for (const state of this.#nodes.values()) if (!state.ended) state.child?.signal(name);
  }

  #checkEnd(): void {
    if (this.#over) return;
    const states = [...this.#nodes.values()];
    const own = states.filter((state) => state.launch !== undefined);
    const byHand = states.filter((state) => state.launch === undefined);
    if (own.some((state) => !state.ended)) return;
    // Programs that were started by hand are not waited for once the others are gone, unless there are no others.
    if (own.length === 0 && !this.#stopping && byHand.some((state) => !state.ended)) return;
    this.#over = true;
    this.#clearTimers();
    for (const state of byHand)
      if (!state.ended) this.#context.broker.stopNode(this.dataflow, state.plan.id, 'shutdown', 0);
    this.#context.emit('dataflowEnded', { dataflow: this.dataflow });
  }

  #clearTimers(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    clearTimeout(this.#slowJoin);
  }

  #warnSlowJoin(): void {
    const missing = [...this.#nodes.values()].filter(
      (state) => state.child !== undefined && !state.joined && !state.ended && hasPorts(state.plan),
    );
    if (missing.length === 0) return;
    const names = missing.map((state) => `"${state.plan.id}"`).join(', ');
    const who = missing.length === 1 ? `node ${names} has` : `nodes ${names} have`;
    this.#warn({
      code: 'NODE_SLOW_JOIN',
      message: `${who} not joined yet, ${SLOW_JOIN_MS / 1000} s after the start; the others wait (a program joins by Node.connect() or dora_node_connect)`,
    });
  }

  #warn(warning: { node?: string; code: string; message: string }): void {
    this.#context.emit('warning', { dataflow: this.dataflow, ...warning });
  }
}
