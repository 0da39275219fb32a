/**
 * The daemon of one machine: answers a coordinator's calls for the dataflows that it runs here.
 *
 * It owns what all of them share: the broker of shared memory (made when the first dataflow is prepared) and the guard
 * (started with the first process). It is on no message's path. Whoever makes a Daemon closes it; until then it keeps
 * nothing running but what the dataflows need. Embedded in `dora run`; the link decides where the coordinator is.
 */

import path from 'node:path';
import { DoraError } from '../errors.js';
import type { Handlers } from '../message/contract.js';
import { daemonProtocol } from '../message/daemon-protocol.js';
import type { Link } from '../message/link.js';
import type { DataflowPlan, Fetched, FetchStep } from '../message/plan.js';
import type { NodeCountsReport, OutputLines } from '../message/report.js';
import { serve, type Session } from '../message/session.js';
import type { BrokerOptions, NativeBroker, NodeCounts } from '../native/binding.js';
import { toBrokerNodes } from './broker-plan.js';
import { Build } from './build.js';
import { DataflowRun, type Emit } from './dataflow-run.js';
import { Fetch } from './fetch.js';
import { Guard } from './guard.js';
import { guardProgram } from './own-package.js';
import { prepareLaunches } from './programs.js';

type Server = (typeof daemonProtocol)['server'];
type Client = (typeof daemonProtocol)['client'];

export interface DaemonOptions {
  /** Makes the broker; called once. */
  readonly createBroker: (options: BrokerOptions) => Promise<NativeBroker> | NativeBroker;
  /** The `dora-guard` program. Default: this package's; null: none. */
  readonly guardProgram?: string | null;
  /** Existing folder for the broker's socket. */
  readonly runtimeFolder: string;
  /** How long nodes have to end when this process is gone. */
  readonly graceMs: number;
}

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #sessions = new Set<Session<Server, Client>>();
  readonly #runs = new Map<string, DataflowRun>();
  readonly #fetches = new Map<string, Fetch>();
  readonly #builds = new Map<string, Build>();
  #broker: Promise<NativeBroker> | undefined;
  #guard: Guard | undefined;

  constructor(options: DaemonOptions) {
    this.#options = options;
  }

  /** Answers whoever is at the other end. */
  serve(link: Link): void {
    const session = serve(daemonProtocol, link, {
      handlers: this.#handlers(),
      onClose: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
  }

  /** Ends every process, the broker and the guard. */
  async close(): Promise<void> {
    for (const fetch of this.#fetches.values()) fetch.cancel();
    for (const build of this.#builds.values()) build.cancel(0);
    for (const run of this.#runs.values()) run.kill();
    (await this.#broker?.catch(() => undefined))?.close();
    this.#broker = undefined;
    this.#guard?.close();
    for (const session of this.#sessions) session.close();
  }

  #handlers(): Handlers<Server> {
    return {
      fetch: async ({ dataflow, steps }) => ({ fetched: await this.#fetch(dataflow, steps) }),
      build: async ({ dataflow, steps, release }) => {
        const build = new Build();
        this.#builds.set(dataflow, build);
        try {
          await build.run(steps, release, this.#startGuard(dataflow), {
            onCommand: (owner, command) => {
              this.#emit('buildStarted', { dataflow, owner, command });
            },
            onLines: (node, stream, lines) => this.#output({ dataflow, node, stream, lines }),
          });
        } finally {
          this.#builds.delete(dataflow);
        }
        return {};
      },
      prepare: async (plan) => {
        await this.#prepare(plan);
        return {};
      },
      start: ({ dataflow }) => {
        this.#run(dataflow).start();
        return {};
      },
      stop: ({ dataflow, reason, stopTimeoutMs, killTimeoutMs }) => {
        this.#fetches.get(dataflow)?.cancel();
        this.#builds.get(dataflow)?.cancel(killTimeoutMs);
        this.#runs.get(dataflow)?.stop(reason, stopTimeoutMs, killTimeoutMs);
        return {};
      },
      kill: ({ dataflow }) => {
        this.#fetches.get(dataflow)?.cancel();
        this.#builds.get(dataflow)?.cancel(0);
        this.#runs.get(dataflow)?.kill();
        return {};
      },
      counts: async ({ dataflow }) => ({ nodes: (await this.#getBroker()).counts(dataflow).map(toReport) }),
      remove: async ({ dataflow }) => {
        const run = this.#runs.get(dataflow);
        if (run !== undefined && !run.over) run.kill();
        this.#runs.delete(dataflow);
        if (run !== undefined) (await this.#getBroker()).removeDataflow(dataflow);
        return {};
      },
    };
  }

  async #fetch(dataflow: string, steps: readonly FetchStep[]): Promise<Fetched[]> {
    const fetch = new Fetch();
    this.#fetches.set(dataflow, fetch);
    try {
      return await fetch.run(steps, this.#startGuard(dataflow), {
        onStart: (owner, source) => {
          this.#emit('fetchStarted', { dataflow, owner, source });
        },
        onDone: (owner, source, pinned) => {
          this.#emit('fetchDone', { dataflow, owner, source, pinned });
        },
        warn: (node, message) => {
          this.#emit('warning', { dataflow, node, code: 'FETCH_OFFLINE', message });
        },
      });
    } finally {
      this.#fetches.delete(dataflow);
    }
  }

  async #prepare(plan: DataflowPlan): Promise<void> {
    const { dataflow } = plan;
    if (this.#runs.has(dataflow)) throw new DoraError('DATAFLOW_EXISTS', `a dataflow "${dataflow}" runs already`);
    // Side by side: finding and compiling programs, mapping the broker's memory, starting the guard.
    const guard = this.#startGuard(dataflow);
    const brokerReady = this.#getBroker();
    brokerReady.catch(() => undefined);
    const launches = await prepareLaunches(plan.nodes, plan);
    const broker = await brokerReady;
    guard?.ownFolder(path.dirname(broker.socketPath));
    const configs = broker.addNodes(toBrokerNodes(dataflow, plan.nodes));
    const configOf = new Map(plan.nodes.map((node, index) => [node.id, configs[index] ?? '']));
    const emit: Emit = (name, data) => {
      this.#emit(name, data);
    };
    const output = (lines: OutputLines): Promise<void> => this.#output(lines);
    const takeBrokerEvents = (): void => {
      this.#takeEventsOf(broker);
    };
    const context = { broker, takeBrokerEvents, guard, emit, output };
    this.#runs.set(dataflow, new DataflowRun(plan, launches, configOf, context));
  }

  #run(dataflow: string): DataflowRun {
    const run = this.#runs.get(dataflow);
    if (run !== undefined) return run;
    throw new DoraError('UNKNOWN_DATAFLOW', `there is no dataflow "${dataflow}" here`, {
      hint: 'It has ended, or was never prepared.',
    });
  }

  #getBroker(): Promise<NativeBroker> {
    if (this.#broker === undefined) {
      const { runtimeFolder, graceMs, createBroker } = this.#options;
      const onEvents = (): void => void this.#takeBrokerEvents();
      this.#broker = Promise.resolve(createBroker({ runtimeFolder, nodesOutlive: false, graceMs, onEvents }));
    }
    return this.#broker;
  }

  async #takeBrokerEvents(): Promise<void> {
    const broker = await this.#broker;
    if (broker !== undefined) this.#takeEventsOf(broker);
  }

  #takeEventsOf(broker: NativeBroker): void {
    for (const event of broker.nextEvents()) this.#runs.get(event.dataflow)?.onBrokerEvent(event);
  }

  #startGuard(dataflow: string): Guard | undefined {
    const { graceMs } = this.#options;
    const program = this.#options.guardProgram === undefined ? guardProgram() : this.#options.guardProgram;
    if (this.#guard !== undefined || program === null) return this.#guard;
    const onFailure = (reason: string): void => {
      const message = `the guard process is gone: ${reason}; "kill -9" of this process could now leave nodes behind`;
      this.#emit('warning', { dataflow, code: 'GUARD_FAILED', message });
    };
    if (program === undefined) onFailure('dora-guard was not built (npm run build:native)');
    else this.#guard = new Guard({ program, graceMs, onFailure });
    return this.#guard;
  }

  readonly #emit: Emit = (name, data) => {
    for (const session of this.#sessions) session.emit(name, data);
  };

  /** Settles when everybody took the lines; one that went away takes none. */
  async #output(lines: OutputLines): Promise<void> {
    await Promise.allSettled([...this.#sessions].map((session) => session.call('output', lines)));
  }
}

function toReport({ node, inputs, outputs }: NodeCounts): NodeCountsReport {
  return {
    node,
    // Exact up to 2^53 messages, which is 285 years at a million a second.
    inputs: inputs.map(({ id, source, sent, received, dropped, inFlight, lost }) => ({
      id,
      source,
      sent: Number(sent),
      received: Number(received),
      dropped: Number(dropped),
      inFlight: Number(inFlight),
      lost: Number(lost),
    })),
    outputs: outputs.map(({ id, sent, bytes }) => ({ id, sent: Number(sent), bytes: Number(bytes) })),
  };
}
