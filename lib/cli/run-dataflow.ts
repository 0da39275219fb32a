/**
 * A whole dataflow inside this process: coordinator and daemon, linked in process, for `dora run` and run().
 *
 * The only place that knows both. What it makes it takes away: when `result` has settled, no process, socket, folder,
 * timer or listener of the dataflow is left.
 */

import { accessSync, constants, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Coordinator } from '../coordinator/coordinator.js';
import { Daemon } from '../daemon/daemon.js';
import { DescriptorError, type Diagnostic } from '../descriptor/index.js';
import { DoraError } from '../errors.js';
import type { EventData, EventName } from '../message/contract.js';
import { coordinatorProtocol, fileDiagnostic, type StartRequest } from '../message/coordinator-protocol.js';
import { linkInProcess } from '../message/in-process.js';
import type { DataflowSummary, OutputLines } from '../message/report.js';
import { loadNative } from '../native/load.js';
import { connect, RemoteError, type Session } from '../message/session.js';
import { gatherEnv } from './env-file.js';
import type { RunEvent, RunDataflowOptions, RunResult } from './run-api.js';

type Server = (typeof coordinatorProtocol)['server'];
type Client = (typeof coordinatorProtocol)['client'];

/** A dataflow that was started. */
export interface RunningDataflow {
  /** Its name, unique on this machine. */
  readonly dataflow: string;
  /** Ids in the order of the file. */
  readonly nodes: readonly string[];
  /** What the file's check found beside errors. */
  readonly warnings: readonly Diagnostic[];
  /** Settles when nothing of the dataflow is left. Never rejects for what a node does. */
  readonly result: Promise<RunResult>;
  /** Stop events, then signals. Idempotent. */
  stop(): void;
  /** SIGKILL to everything, at once. */
  kill(): void;
}

/** What `dora run` and `dora build` ask for beyond run(). */
export interface StartOptions extends RunDataflowOptions {
  /** End after the build, with nothing started. */
  readonly buildOnly?: boolean;
}

/** How long nodes have to end when this process was killed. */
const ORPHAN_GRACE_MS = 2000;

/**
 * Reads, checks and starts a dataflow; comes back before its nodes run.
 * @param source a file, or a descriptor as an object
 * @throws DescriptorError DESCRIPTOR_INVALID
 */
export async function startDataflow(source: string | object, options: StartOptions = {}): Promise<RunningDataflow> {
  options.signal?.throwIfAborted();
  const request = startRequest(source, options);
  const { coordinator, daemon } = makeParts();
  const [ours, theirs] = linkInProcess();
  coordinator.serve(theirs);
  const close = async (): Promise<void> => {
    coordinator.close();
    await daemon.close();
  };
  const run = new ClientSide(options);
  const session = connect(coordinatorProtocol, ours, run.options);
  run.session = session;
  try {
    const started = await session.call('start', request);
    return run.begin(started, close);
  } catch (error) {
    await close();
    throw localError(error, request.shownFile);
  }
}

function makeParts(): { coordinator: Coordinator; daemon: Daemon } {
  const [coordinatorEnd, daemonEnd] = linkInProcess();
  const daemon = new Daemon({
    createBroker: (brokerOptions) => loadNative().createBroker(brokerOptions),
    runtimeFolder: runtimeFolder(),
    graceMs: ORPHAN_GRACE_MS,
  });
  daemon.serve(daemonEnd);
  return { coordinator: new Coordinator(coordinatorEnd), daemon };
}

/** The client's end of the session: events to the caller, stop conditions, the result. */
class ClientSide {
  session: Session<Client, Server> | undefined;
  readonly #options: RunDataflowOptions;
  #dataflow = '';
  #stopTimer: NodeJS.Timeout | undefined;
  #countsTimer: NodeJS.Timeout | undefined;
  #settle: (summary: DataflowSummary) => void = () => undefined;
  #reject: (error: DoraError) => void = () => undefined;
  readonly #finished = new Promise<DataflowSummary>((resolve, reject) => {
    this.#settle = resolve;
    this.#reject = reject;
  });

  constructor(options: RunDataflowOptions) {
    this.#options = options;
    // Handled by whoever awaits `result`; until then a rejection is nobody's.
    this.#finished.catch(() => undefined);
  }

  readonly options = {
    handlers: {
      output: async (lines: OutputLines) => {
        await this.#tell({ ...lines, event: 'output' });
        return {};
      },
    },
    listeners: this.#listeners(),
    onClose: (error?: DoraError) => {
      this.#reject(error ?? new DoraError('CONTROL_CLOSED', 'the run was closed before it ended'));
    },
  };

  begin(
    started: { dataflow: string; nodes: string[]; warnings: Diagnostic[] },
    close: () => Promise<void>,
  ): RunningDataflow {
    const { dataflow, nodes, warnings } = started;
    this.#dataflow = dataflow;
    const onAbort = (): void => {
      this.#stop();
    };
    const { signal } = this.#options;
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    const result = this.#finished.finally(async () => {
      signal?.removeEventListener('abort', onAbort);
      clearTimeout(this.#stopTimer);
      clearInterval(this.#countsTimer);
      await close();
    });
    return {
      dataflow,
      nodes,
      warnings,
      result,
      stop: onAbort,
      kill: () => {
        this.session?.call('kill', { dataflow }).catch(() => undefined);
      },
    };
  }

  #stop(): void {
    this.session?.call('stop', { dataflow: this.#dataflow }).catch(() => undefined);
  }

  #listeners(): { [K in EventName<Server>]: (data: EventData<Server, K>) => void } {
    const tell =
      <K extends EventName<Server>>(event: K) =>
      (data: EventData<Server, K>): void => {
        void this.#tell({ ...data, event } as unknown as RunEvent);
      };
    const started = tell('nodeStarted');
    return {
      fetchStarted: tell('fetchStarted'),
      fetchDone: tell('fetchDone'),
      buildStarted: tell('buildStarted'),
      nodeStarted: (data) => {
        this.#armStopTimer();
        this.#armCountsTimer();
        started(data);
      },
      nodeJoined: tell('nodeJoined'),
      nodeAwaited: tell('nodeAwaited'),
      running: tell('running'),
      nodeExited: tell('nodeExited'),
      warning: tell('warning'),
      stopping: tell('stopping'),
      failed: tell('failed'),
      finished: (summary) => {
        clearInterval(this.#countsTimer);
        tell('finished')(summary);
        this.#settle(summary);
      },
    };
  }

  /** `stopAfterMs` counts from the first process, so that a build takes nothing from it. */
  #armStopTimer(): void {
    const { stopAfterMs } = this.#options;
    if (stopAfterMs === undefined || this.#stopTimer !== undefined) return;
    this.#stopTimer = setTimeout(() => {
      this.#stop();
    }, stopAfterMs);
  }

  #armCountsTimer(): void {
    const { countsEveryMs } = this.#options;
    if (countsEveryMs === undefined || this.#countsTimer !== undefined) return;
    let asking = false;
    const ask = async (): Promise<void> => {
      if (asking) return;
      asking = true;
      try {
        const answer = await this.session?.call('counts', { dataflow: this.#dataflow });
        if (answer !== undefined) await this.#tell({ event: 'counts', dataflow: this.#dataflow, counts: answer.nodes });
      } catch {
        // It has just ended; the result has the figures.
      } finally {
        asking = false;
      }
    };
    this.#countsTimer = setInterval(() => void ask(), countsEveryMs);
  }

  async #tell(event: RunEvent): Promise<void> {
    await this.#options.onEvent?.(event);
  }
}

function startRequest(source: string | object, options: StartOptions): StartRequest & { shownFile: string } {
  const { build = true, release = false, stopTimeoutMs = 5000, killTimeoutMs = 5000, folder = '.' } = options;
  const only = options.buildOnly === true ? { buildOnly: true } : {};
  const allowed = options.allowShellNodes === undefined ? {} : { allowShellNodes: options.allowShellNodes };
  const env = gatherEnv(options);
  const common = { build, ...only, release, env, stopTimeoutMs, killTimeoutMs, ...allowed };
  if (typeof source === 'string') return { ...common, file: path.resolve(source), shownFile: source };
  // JSON is YAML, so an object takes the same way as a file and is checked by the same rules.
  return {
    ...common,
    file: path.resolve(folder, 'descriptor.json'),
    shownFile: 'the descriptor',
    text: JSON.stringify(source, null, 2),
  };
}

/** The errors of the coordinator in this process's classes. */
function localError(error: unknown, file: string): unknown {
  if (!(error instanceof RemoteError)) return error;
  const diagnostics = fileDiagnostic.array().safeParse(error.details);
  if (error.code === 'DESCRIPTOR_INVALID' && diagnostics.success) return new DescriptorError(file, diagnostics.data);
  return new DoraError(error.code, error.message, { hint: error.hint });
}

/** An existing folder of this user's for sockets, with a short name: a socket's path has at most 107 bytes. */
function runtimeFolder(): string {
  for (const folder of [process.env['XDG_RUNTIME_DIR'], tmpdir()]) {
    if (folder === undefined || !path.isAbsolute(folder) || Buffer.byteLength(folder) > 60) continue;
    try {
      if (!statSync(folder).isDirectory()) continue;
      accessSync(folder, constants.W_OK);
      return folder;
    } catch {
      // The next one.
    }
  }
  return '/tmp';
}
