/**
 * Dataflows for tests: real node processes, joined by a broker in the test's process, with no daemon.
 *
 *   const flow = await startDataflow([
 *     { id: 'source', outputs: ['out'], main: async ({ node }) => { await node.send('out', 'hello'); } },
 *     { id: 'sink', inputs: { in: 'source/out' }, main: async ({ node, report }) => { report((await node.recv())?.type); } },
 *   ]);
 *   const { sink } = await flow.ended();     // exit codes, what was reported, stderr
 *
 * `main` is sent as source text to a process of its own: it sees its argument (NodeKit) and globals, nothing of the test's file, and cannot use
 * `using` (compiled to helpers that are not there). The test's process does what a daemon would: it tells the broker of ends, and passes a
 * requested stop on to all. A watchdog ends processes that hang.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as workerThreads from 'node:worker_threads';
import { build } from 'esbuild';
import type * as dora from '../../lib/index.js';
import type { BrokerEvent, BrokerInput, BrokerNode, NativeBroker, NodeCounts } from '../../lib/native/binding.js';
import { loadNative } from '../../lib/native/load.js';

const HANG_MS = 60_000;
const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * The nodes' program as one plain JavaScript file: a loader in each process would cost more than the tests. It lies two folders below the
 * package's, as lib/native/load.ts does, for that finds the addon relative to itself.
 */
let program: Promise<string> | undefined;

async function buildProgram(): Promise<string> {
  const folder = path.join(root, 'build-test-nodes', String(process.pid));
  const outfile = path.join(folder, 'node-process.mjs');
  process.on('exit', () => {
    rmSync(folder, { recursive: true, force: true });
    try {
      rmdirSync(path.dirname(folder));
    } catch {
      // Another test process still has its own there.
    }
  });
  await build({
    entryPoints: [path.join(root, 'test/helpers/node-process.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'error',
  });
  return outfile;
}

/** node:assert/strict, without TypeScript's assertion signatures: those cannot be used through a parameter. */
export interface Assert {
  ok: (value: unknown, message?: string) => void;
  equal: (actual: unknown, expected: unknown, message?: string) => void;
  notEqual: (actual: unknown, expected: unknown, message?: string) => void;
  deepEqual: (actual: unknown, expected: unknown, message?: string) => void;
  throws: (code: () => unknown, expected?: unknown) => void;
  rejects: (promise: Promise<unknown> | (() => Promise<unknown>), expected?: unknown) => Promise<void>;
  fail: (message: string) => never;
}

/** What the `main` of a worker thread gets. */
export interface WorkerKit<A = unknown> extends Omit<NodeKit, 'node' | 'worker' | 'args'> {
  args: A;
  /** What the node's main handed over. */
  parent: dora.NodeHandle;
}

/** What a node's `main` gets. */
export interface NodeKit {
  node: dora.Node;
  dora: typeof dora;
  /** Sends a value to the test: NodeEnd.reports. */
  report: (value: unknown) => void;
  sleep: (ms: number) => Promise<void>;
  assert: Assert;
  workerThreads: typeof workerThreads;
  /** Starts a worker thread, whose `main` is sent as source text too. What it reports, the node reports. */
  worker: <A>(
    main: (kit: WorkerKit<A>) => Promise<void> | void,
    parent: dora.NodeHandle,
    args?: A,
  ) => workerThreads.Worker;
  /** Collects garbage now. */
  gc: () => void;
  /** NodeSpec.args. */
  args: unknown;
}

export interface InputSpec {
  /** `node/output`, or undefined for a timer. */
  from?: string;
  everyMs?: number;
  queueSize?: number;
  policy?: 'drop_oldest' | 'backpressure';
  priority?: number;
  /** input_timeout. */
  timeoutMs?: number;
}

export interface NodeSpec {
  id: string;
  inputs?: Record<string, string | InputSpec>;
  outputs?: string[];
  main: (kit: NodeKit) => Promise<void> | void;
  args?: unknown;
  env?: Record<string, string>;
  memoryLimitBytes?: number;
  /** output_retain. */
  retain?: Record<string, number>;
  /** Announced to the broker, and no process is started for it. */
  elsewhere?: boolean;
}

/** How a node's process ended. */
export interface NodeEnd {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  reports: unknown[];
  stdout: string;
  stderr: string;
}

export interface Dataflow {
  readonly broker: NativeBroker;
  readonly name: string;
  /** What the broker said so far. */
  readonly events: readonly BrokerEvent[];
  process(id: string): ChildProcess;
  /** Resolves with the first report of a node for which `is` holds, also a past one. */
  reported(id: string, is?: (report: unknown) => boolean): Promise<unknown>;
  stop(reason?: 'user' | 'failure' | 'shutdown'): void;
  /** Kills a node's process and starts it again, as a daemon with a restart policy would. What it reported before is gone. */
  restart(id: string): Promise<void>;
  counts(): NodeCounts[];
  /** The broker goes away, as when its daemon is killed. */
  loseBroker(): void;
  /** Resolves when every process has ended, and cleans up. */
  ended(): Promise<Record<string, NodeEnd>>;
}

let serial = 0;

/** Dataflows of one test file run a few at a time, however many tests ava starts at once. */
const MOST_AT_ONCE = 3;
let running = 0;
const queue: (() => void)[] = [];

/** @param memoryLimitBytes shared memory of all nodes together; 0: half of the machine's */
export async function startDataflow(
  specs: readonly NodeSpec[],
  graceMs = 2000,
  memoryLimitBytes = 0,
): Promise<Dataflow> {
  const file = await (program ??= buildProgram());
  if (running >= MOST_AT_ONCE) await new Promise<void>((resolve) => queue.push(resolve));
  running++;
  const flow = new TestDataflow(specs, file, graceMs, memoryLimitBytes);
  flow.start();
  return flow;
}

/** Runs to the end; fails when a node did not exit with 0, with its stderr. */
export async function runDataflow(specs: readonly NodeSpec[]): Promise<Record<string, NodeEnd>> {
  const ends = await (await startDataflow(specs)).ended();
  for (const [id, end] of Object.entries(ends)) {
    if (end.exitCode !== 0)
      throw new Error(`node "${id}" ended with ${String(end.exitCode ?? end.signal)}:\n${end.stderr}`);
  }
  return ends;
}

class TestDataflow implements Dataflow {
  readonly name = `test-${process.pid}-${serial++}`;
  readonly events: BrokerEvent[] = [];
  readonly broker: NativeBroker;
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), 'dora-test-'));
  readonly #processes = new Map<string, ChildProcess>();
  readonly #ends = new Map<string, NodeEnd>();
  readonly #waits: Promise<void>[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #specs: readonly NodeSpec[];

  readonly #program: string;

  constructor(specs: readonly NodeSpec[], file: string, graceMs: number, memoryLimitBytes: number) {
    this.#specs = specs;
    this.#program = file;
    this.broker = loadNative().createBroker({
      runtimeFolder: this.#folder,
      nodesOutlive: false,
      graceMs,
      memoryLimitBytes,
      onEvents: () => {
        this.#takeEvents();
      },
    });
  }

  start(): void {
    const configs = this.broker.addNodes(this.#specs.map((spec) => this.#brokerNode(spec, 0)));
    this.#specs.forEach((spec, index) => {
      if (spec.elsewhere !== true) this.#spawn(spec, configs[index]!);
    });
  }

  #brokerNode(spec: NodeSpec, restartCount: number): BrokerNode {
    return {
      dataflow: this.name,
      node: spec.id,
      restartCount,
      barrier: true,
      memoryLimitBytes: spec.memoryLimitBytes ?? 0,
      inputs: Object.entries(spec.inputs ?? {}).map(([id, input]) => toBrokerInput(id, input)),
      outputs: (spec.outputs ?? []).map((id) => ({ id, retain: spec.retain?.[id] ?? 0 })),
    };
  }

  async restart(id: string): Promise<void> {
    const spec = this.#specs.find((candidate) => candidate.id === id)!;
    const child = this.#processes.get(id)!;
    this.#restarting.add(id);
    await new Promise<void>((resolve) => {
      child.once('exit', () => {
        resolve();
      });
      child.kill('SIGKILL');
    });
    this.#restarting.delete(id);
    this.broker.nodeEnded(this.name, id, false, true);
    const restarts = (this.#restarts.get(id) ?? 0) + 1;
    this.#restarts.set(id, restarts);
    this.#spawn(spec, this.broker.addNodes([this.#brokerNode(spec, restarts)])[0]!);
  }
  readonly #restarting = new Set<string>();
  readonly #restarts = new Map<string, number>();

  process(id: string): ChildProcess {
    return this.#processes.get(id)!;
  }

  async reported(id: string, is: (report: unknown) => boolean = () => true): Promise<unknown> {
    for (;;) {
      const end = this.#ends.get(id)!;
      const found = end.reports.find(is);
      if (found !== undefined) return found;
      if (end.exitCode !== null || end.signal !== null)
        throw new Error(`node "${id}" ended without it:\n${end.stderr}`);
      await new Promise<void>((resolve) => {
        const listener = (): void => {
          this.#listeners.delete(listener);
          resolve();
        };
        this.#listeners.add(listener);
      });
    }
  }

  stop(reason: 'user' | 'failure' | 'shutdown' = 'user'): void {
    for (const { id } of this.#specs) this.broker.stopNode(this.name, id, reason, 1500);
  }

  counts(): NodeCounts[] {
    return this.broker.counts(this.name);
  }

  loseBroker(): void {
    this.#brokerLost = true;
    this.broker.close();
  }
  #brokerLost = false;

  async ended(): Promise<Record<string, NodeEnd>> {
    await Promise.all(this.#waits);
    running--;
    queue.shift()?.();
    this.#takeEvents();
    this.broker.close();
    rmSync(this.#folder, { recursive: true, force: true });
    return Object.fromEntries(this.#ends);
  }

  #takeEvents(): void {
    for (const event of this.broker.nextEvents()) {
      this.events.push(event);
      if (event.kind === 'requestStop') this.stop();
    }
  }

  #spawn(spec: NodeSpec, config: string): void {
    const mainFile = path.join(this.#folder, `${spec.id}.js`);
    writeFileSync(mainFile, spec.main.toString());
    const child = spawn(process.execPath, ['--expose-gc', '--enable-source-maps', this.#program], {
      env: {
        ...process.env,
        DORA_NODE_CONFIG: config,
        DORA_TEST_MAIN: mainFile,
        DORA_TEST_ARGS: JSON.stringify(spec.args ?? null),
        ...spec.env,
      },
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const end: NodeEnd = { exitCode: null, signal: null, reports: [], stdout: '', stderr: '' };
    this.#processes.set(spec.id, child);
    this.#ends.set(spec.id, end);
    child.stdout!.on('data', (chunk: Buffer) => (end.stdout += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (end.stderr += chunk.toString()));
    child.on('message', (value) => {
      end.reports.push(value);
      for (const listener of [...this.#listeners]) listener();
    });
    const watchdog = setTimeout(() => {
      end.stderr += `\n(test) node "${spec.id}" hung for ${HANG_MS} ms`;
      child.kill('SIGKILL');
    }, HANG_MS);
    // The process is reaped at 'exit', as a daemon would see it; pipes may have more until 'close'.
    child.on('exit', (code, signal) => {
      if (!this.#brokerLost && !this.#restarting.has(spec.id))
        this.broker.nodeEnded(this.name, spec.id, true, code !== 0);
      end.exitCode = code;
      end.signal = signal;
    });
    this.#waits.push(
      new Promise((resolve) => {
        child.on('close', () => {
          clearTimeout(watchdog);
          for (const listener of [...this.#listeners]) listener();
          resolve();
        });
      }),
    );
  }
}

function toBrokerInput(id: string, spec: string | InputSpec): BrokerInput {
  const input: InputSpec = typeof spec === 'string' ? { from: spec } : spec;
  const common = {
    id,
    queueSize: input.queueSize ?? 10,
    policy: input.policy ?? 'drop_oldest',
    priority: input.priority ?? 0,
    ...(input.timeoutMs === undefined ? {} : { timeoutNs: BigInt(input.timeoutMs) * 1_000_000n }),
  };
  if (input.from === undefined) {
    const periodMs = input.everyMs ?? 100;
    return {
      ...common,
      kind: 'timer',
      sourceText: `dora/timer/millis/${periodMs}`,
      periodNs: BigInt(periodMs) * 1_000_000n,
    };
  }
  const [sourceNode, sourceOutput] = input.from.split('/');
  return { ...common, kind: 'edge', sourceNode: sourceNode!, sourceOutput: sourceOutput!, sourceText: input.from };
}
