/**
 * What the native addon exports, as TypeScript sees it. The addon is glue: it checks the shape of its arguments and calls native/node and
 * native/broker; rules about lifetime and usage are made in lib/node.
 *
 * Calls that can fail for reasons outside the program throw an Error with `code` (docs/errors.md), `hint`, `errno` and `op`; load.ts turns
 * it into a NativeError. Indices are those of the dataflow file's order. Callers: lib/node, lib/daemon, lib/operator.
 */

/** Statuses that are no failure (dora/types.h). */
export const Status = { ok: 0, empty: 1, wouldBlock: 2, timeout: 3 } as const;

/** EventType of native/node/node.h. */
export const EventKind = { none: 0, input: 1, inputClosed: 2, inputRecovered: 3, stop: 4, error: 5, end: 6 } as const;

export interface NativeInputInfo {
  readonly id: string;
  readonly source: string;
  readonly kind: 'edge' | 'timer' | 'local';
}
export interface NativeOutputInfo {
  readonly id: string;
}

// ---- broker (the daemon's side) ------------------------------------------------------------------------------------

export interface BrokerOptions {
  /** Existing folder for the socket's own folder, such as $XDG_RUNTIME_DIR or /tmp. */
  runtimeFolder: string;
  /** Bytes of shared memory for all nodes; absent: half of MemAvailable. */
  memoryLimitBytes?: number;
  nodesOutlive: boolean;
  /** How long a node that lost its daemon has before it ends itself. */
  graceMs: number;
  /** Called on the JS thread when nextEvents() has something. */
  onEvents: () => void;
}

export interface BrokerInput {
  id: string;
  /** 'local': fed by an output of the same process (between operators of one runtime). */
  kind: 'edge' | 'timer' | 'local';
  /** 'edge': the publishing node's id. */
  sourceNode?: string;
  /** 'edge' and 'local': the output's id there. */
  sourceOutput?: string;
  /** For people: "camera/image", "dora/timer/millis/100". */
  sourceText: string;
  /** 'timer'. */
  periodNs?: bigint;
  queueSize: number;
  policy: 'drop_oldest' | 'backpressure';
  priority: number;
}

export interface BrokerNode {
  dataflow: string;
  node: string;
  restartCount: number;
  /** Takes part in the start barrier of its dataflow. */
  barrier: boolean;
  /** Bytes of shared memory; 0: the machine's limit. */
  memoryLimitBytes: number;
  inputs: BrokerInput[];
  outputs: { id: string; retain: number }[];
}

export interface BrokerEvent {
  kind: 'joined' | 'started' | 'left' | 'lost' | 'requestStop' | 'corrupt' | 'refused' | 'exhausted';
  dataflow: string;
  node: string;
  text: string;
  pid: number;
}

/** For edges: sent = received + dropped + inFlight + lost, exact. */
export interface InputCounts {
  id: string;
  sent: bigint;
  received: bigint;
  dropped: bigint;
  inFlight: bigint;
  lost: bigint;
}
export interface NodeCounts {
  node: string;
  inputs: InputCounts[];
  outputs: { id: string; sent: bigint; bytes: bigint }[];
  memoryGrantedBytes: number;
}

export interface NativeBroker {
  readonly socketPath: string;
  /** All nodes of a dataflow in one call, before the first is spawned. Returns each node's DORA_NODE_CONFIG. */
  addNodes(nodes: BrokerNode[]): string[];
  /** The daemon has reaped the process. `final`: it will not come back. */
  nodeEnded(dataflow: string, node: string, final: boolean, crashed: boolean): void;
  stopNode(dataflow: string, node: string, reason: StopReason, graceMs: number): void;
  removeDataflow(dataflow: string): void;
  nextEvents(): BrokerEvent[];
  counts(dataflow: string): NodeCounts[];
  /** Ends the broker's thread and removes its socket. */
  close(): void;
}
export type StopReason = 'user' | 'allInputsClosed' | 'failure' | 'shutdown';

// ---- operator runtime -------------------------------------------------------------------------------------------------

export interface NativeOperatorSpec {
  id: string;
  /** Absolute path of the shared library. */
  library: string;
  priority: number;
  /** Ids without the operator's prefix; the node's inputs and outputs are named `operator/id`. */
  inputs: string[];
  outputs: string[];
}
export interface NativeRuntimeOptions {
  operators: NativeOperatorSpec[];
  threads: number;
  /** Called on the JS thread once, when every operator has ended; `error` when the runtime could not go on. */
  onEnd: (error: { code: string; message: string; hint?: string } | null) => void;
}
export interface NativeRuntime {
  /** Asks every operator to stop (stop event). */
  stop(): void;
  close(): void;
}
