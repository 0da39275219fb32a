/**
 * The coordinator: reads and checks a dataflow file, has its daemon build and run it, and says how it ended.
 *
 * It is on no message's path and owns no process. One daemon for now, reached over whatever link it is given; its
 * clients (`dora run`, `run()`) come over links too. Everything that may take time happens after the answer to `start`
 * and shows as events; `finished` ends every dataflow, also one whose build failed or whose daemon went away.
 */

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { DescriptorError, parseDataflow, readDataflow, type Dataflow, type Diagnostic } from '../descriptor/index.js';
import { DoraError } from '../errors.js';
import type { EventData, EventName, Handlers } from '../message/contract.js';
import { coordinatorProtocol, type StartRequest } from '../message/coordinator-protocol.js';
import { daemonProtocol, type StopReason } from '../message/daemon-protocol.js';
import type { Link } from '../message/link.js';
import type { Failure, NodeCountsReport, NodeExit, OutputLines } from '../message/report.js';
import { connect, errorToBody, serve, type Session } from '../message/session.js';
import { DataflowRecord } from './dataflow-record.js';
import { buildSteps, fetchSteps, makePlan } from './make-plan.js';

type Server = (typeof coordinatorProtocol)['server'];
type Client = (typeof coordinatorProtocol)['client'];
type DaemonServer = (typeof daemonProtocol)['server'];
type DaemonClient = (typeof daemonProtocol)['client'];

/** Events of the daemon that clients hear as they are. */
type PassedOn =
  'fetchStarted' | 'fetchDone' | 'buildStarted' | 'nodeStarted' | 'nodeJoined' | 'nodeAwaited' | 'warning';

/** What is kept for each dataflow that was started. */
interface Entry {
  readonly record: DataflowRecord;
  readonly request: StartRequest;
  /** Set once the daemon holds the dataflow. */
  prepared: boolean;
  over: boolean;
}

export class Coordinator {
  readonly #daemon: Session<DaemonClient, DaemonServer>;
  readonly #clients = new Set<Session<Server, Client>>();
  readonly #entries = new Map<string, Entry>();

  /** @param daemon link to the daemon that runs everything */
  constructor(daemon: Link) {
    const pass =
      <K extends PassedOn>(name: K) =>
      (data: EventData<Server, K>): void => {
        this.#emit(name, data);
      };
    this.#daemon = connect(daemonProtocol, daemon, {
      handlers: {
        output: async (lines) => {
          await this.#output(lines);
          return {};
        },
      },
      listeners: {
        fetchStarted: pass('fetchStarted'),
        fetchDone: pass('fetchDone'),
        buildStarted: pass('buildStarted'),
        nodeStarted: pass('nodeStarted'),
        nodeJoined: pass('nodeJoined'),
        nodeAwaited: pass('nodeAwaited'),
        warning: pass('warning'),
        running: ({ dataflow }) => {
          const entry = this.#entries.get(dataflow);
          if (entry?.record.state === 'starting') entry.record.state = 'running';
          this.#emit('running', { dataflow });
        },
        nodeExited: (exit) => {
          this.#onExit(exit);
        },
        stopRequested: ({ dataflow, node }) => {
          this.#stop(dataflow, 'request', node);
        },
        dataflowEnded: ({ dataflow }) => void this.#finish(dataflow),
      },
      onClose: (error) => {
        this.#daemonGone(error);
      },
    });
  }

  /** Answers whoever is at the other end, and tells it what happens. */
  serve(link: Link): void {
    const session = serve(coordinatorProtocol, link, {
      handlers: this.#handlers(),
      onClose: () => this.#clients.delete(session),
    });
    this.#clients.add(session);
  }

  close(): void {
    this.#daemon.close();
    for (const client of this.#clients) client.close();
  }

  #handlers(): Handlers<Server> {
    return {
      start: (request) => {
        const { dataflow: source, warnings } = read(request, request.build ? 'allowBuildable' : 'require');
        const nodes = source.nodes.map((node) => node.id);
        const timers = source.nodes.flatMap(({ id, inputs }) =>
          inputs.filter((input) => input.source.kind === 'timer').map((input) => `${id}/${input.id}`),
        );
        const dataflow = this.#newName(request.file);
        const entry = {
          record: new DataflowRecord(dataflow, request.file, nodes, new Set(timers)),
          request,
          prepared: false,
          over: false,
        };
        this.#entries.set(dataflow, entry);
        void this.#launch(entry, source);
        return { dataflow, nodes, warnings: [...warnings] };
      },
      stop: ({ dataflow }) => {
        this.#entry(dataflow);
        this.#stop(dataflow, 'user');
        return {};
      },
      kill: async ({ dataflow }) => {
        this.#entry(dataflow).record.requestStop();
        return await this.#daemon.call('kill', { dataflow });
      },
      counts: async ({ dataflow }) => {
        const { prepared } = this.#entry(dataflow);
        return prepared ? await this.#daemon.call('counts', { dataflow }) : { nodes: [] };
      },
      list: () => ({
        dataflows: [...this.#entries.values()].map(({ record: { dataflow, file, state, nodes } }) => ({
          dataflow,
          file,
          state,
          nodes,
        })),
      }),
    };
  }

  /** Fetches, builds, prepares and starts. Whatever goes wrong ends the dataflow with a failure. */
  async #launch(entry: Entry, source: Dataflow): Promise<void> {
    const { record, request } = entry;
    const { dataflow } = record;
    try {
      const wanted = fetchSteps(source);
      const { fetched } =
        wanted.length > 0 ? await this.#daemon.call('fetch', { dataflow, steps: wanted }) : { fetched: [] };
      const steps = request.build && !record.isStopRequested() ? buildSteps(source, fetched) : [];
      if (steps.length > 0) {
        await this.#daemon.call('build', { dataflow, steps, release: request.release });
        // What the build made is there now, or the file names something that nothing makes.
        if (!record.isStopRequested()) read(request, 'require');
      }
      if (record.isStopRequested() || request.buildOnly === true) {
        await this.#finish(dataflow);
        return;
      }
      record.state = 'starting';
      await this.#daemon.call('prepare', makePlan(dataflow, source, request.release, fetched));
      entry.prepared = true;
      // A stop that came while programs were compiled: nothing runs yet, so nothing has to be ended.
      if (record.isStopRequested()) await this.#finish(dataflow);
      else await this.#daemon.call('start', { dataflow });
    } catch (error) {
      if (entry.over) return;
      if (!record.isStopRequested()) this.#fail(entry, toFailure(error));
      await this.#finish(dataflow);
    }
  }

  #fail(entry: Entry, failure: Failure): void {
    if (entry.record.fail(failure)) this.#emit('failed', { dataflow: entry.record.dataflow, failure });
  }

  #onExit(exit: NodeExit): void {
    this.#emit('nodeExited', exit);
    const entry = this.#entries.get(exit.dataflow);
    if (entry?.record.addExit(exit) !== true || entry.record.failure === undefined) return;
    this.#emit('failed', { dataflow: exit.dataflow, failure: entry.record.failure });
    this.#stop(exit.dataflow, 'failure', exit.node);
  }

  #stop(dataflow: string, reason: 'user' | 'request' | 'failure', node?: string): void {
    const entry = this.#entries.get(dataflow);
    if (entry === undefined || entry.over || entry.record.state === 'stopping') return;
    const { record, request } = entry;
    record.state = 'stopping';
    if (reason !== 'failure') record.requestStop();
    this.#emit('stopping', { dataflow, reason, ...(node === undefined ? {} : { node }) });
    const told: StopReason = reason === 'failure' ? 'failure' : 'user';
    const { stopTimeoutMs, killTimeoutMs } = request;
    this.#daemon.call('stop', { dataflow, reason: told, stopTimeoutMs, killTimeoutMs }).catch(() => undefined);
  }

  async #finish(dataflow: string): Promise<void> {
    const entry = this.#entries.get(dataflow);
    if (entry === undefined || entry.over) return;
    entry.over = true;
    let counts: NodeCountsReport[] = [];
    if (entry.prepared) {
      try {
        counts = (await this.#daemon.call('counts', { dataflow })).nodes;
        await this.#daemon.call('remove', { dataflow });
      } catch {
        // The daemon has gone; the summary says all that is known.
      }
    }
    this.#entries.delete(dataflow);
    this.#emit('finished', entry.record.summarize(counts));
  }

  #daemonGone(error: DoraError | undefined): void {
    for (const entry of [...this.#entries.values()]) {
      const { message, hint } = error ?? new DoraError('DAEMON_GONE', 'the daemon has ended');
      const hinted = hint === undefined ? {} : { hint };
      this.#fail(entry, { code: 'DAEMON_GONE', message, ...hinted, exitCode: null, signal: null, lastLines: [] });
      void this.#finish(entry.record.dataflow);
    }
  }

  #entry(dataflow: string): Entry {
    const entry = this.#entries.get(dataflow);
    if (entry !== undefined) return entry;
    throw new DoraError('UNKNOWN_DATAFLOW', `no dataflow "${dataflow}" runs`, {
      hint: 'It has ended, or its name is another.',
    });
  }

  /** `camera-3f2a9c`: the file's name for people, the rest so that a file can run twice. */
  #newName(file: string): string {
    const base = path
      .basename(file)
      .replace(/\.[^.]*$/, '')
      .replace(/[^\w-]+/g, '-')
      .slice(0, 40);
    return `${base === '' ? 'dataflow' : base}-${randomBytes(3).toString('hex')}`;
  }

  readonly #emit = <K extends EventName<Server>>(name: K, data: EventData<Server, K>): void => {
    for (const client of this.#clients) client.emit(name, data);
  };

  async #output(lines: OutputLines): Promise<void> {
    await Promise.allSettled([...this.#clients].map((client) => client.call('output', lines)));
  }
}

/** Reads the file to run it. The error carries its diagnostics to the client, in the client's name for the file. */
function read(
  request: StartRequest,
  files: 'require' | 'allowBuildable',
): { dataflow: Dataflow; warnings: readonly Diagnostic[] } {
  const { file, text, env, allowShellNodes } = request;
  const shownFile = request.shownFile ?? file;
  // A build runs none of the nodes.
  const allow = request.buildOnly === true ? true : allowShellNodes;
  const allowed = allow === undefined ? {} : { allowShellNodes: allow };
  const options = { purpose: 'run', files, env, shownFile, ...allowed } as const;
  const { dataflow, diagnostics } =
    text === undefined ? readDataflow(file, options) : parseDataflow(text, file, options);
  if (dataflow !== undefined) return { dataflow, warnings: diagnostics };
  throw Object.assign(new DescriptorError(shownFile, diagnostics), { details: diagnostics });
}

/** An error of build or preparation; the daemon's details name the node. */
function toFailure(error: unknown): Failure {
  const { code, message, hint, details } = errorToBody(error);
  const first = (Array.isArray(details) ? (details as unknown[])[0] : details) as Partial<Failure> | undefined;
  return {
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(typeof first?.node === 'string' ? { node: first.node } : {}),
    exitCode: first?.exitCode ?? null,
    signal: first?.signal ?? null,
    lastLines: first?.lastLines ?? [],
  };
}
