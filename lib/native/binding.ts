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
  /** Of this thread: of all of them for who joined, of those that were shared with it for a worker. */
  readonly here: boolean;
  readonly source: string;
  readonly kind: 'edge' | 'timer' | 'local';
}
export interface NativeOutputInfo {
  readonly id: string;
  readonly here: boolean;
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
  /** The input counts as closed after this long without a message; absent: never. */
  timeoutNs?: bigint;
}

export interface BrokerNode {
  dataflow: string;
  node: string;
  restartCount: number;
  /** Takes part in the start barrier of its dataflow. */
  barrier: boolean;
  /** Bytes of shared memory; 0: the machine's limit. */
  memoryLimitBytes: number;
  /** The process keeps all its memory in RAM. Default: false. */
  lockMemory?: boolean;
  inputs: BrokerInput[];
  outputs: { id: string; retain: number }[];
}

export interface BrokerEvent {
  kind: 'joined' | 'started' | 'left' | 'lost' | 'requestStop' | 'corrupt' | 'refused' | 'exhausted' | 'unlocked';
  dataflow: string;
  node: string;
  text: string;
  pid: number;
}

/** For edges: sent = received + dropped + inFlight + lost, exact. */
export interface InputCounts {
  id: string;
  /** BrokerInput.sourceText. */
  source: string;
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

/** A Node-API external: JavaScript can only hand it on. */
export interface NativeBridge {
  readonly 'a Node-API external of dora/bridge.h': never;
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
  /**
   * The core as a table of C functions, for another addon in this process (native/include/dora/bridge.h, docs/bridge.md): a Node-API external, tagged, whose
   * pointer is a `const dora_bridge_host_t *`, valid while the external is. Its functions fail with DORA_ENDED after close().
   */
  bridge(): NativeBridge;
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
  /** DORA_NODE_CONFIG's value; absent: the environment's. */
  config?: string;
  /** Workers of the scheduler, 1 … 64. */
  threads: number;
  /**
   * Called on the JS thread once, when every operator has ended: null, or why the runtime could not start, or the first operator that failed.
   * The loop stays alive until then.
   */
  onEnd: (error: { code: string; message: string; hint?: string } | null) => void;
}
/** An operator runtime: operators are added, then it is started, once. Thousands of them cost little when they come one by one. */
export interface NativeRuntime {
  addOperator(spec: NativeOperatorSpec): void;
  /** An id that two of the operators have, or null. */
  repeatedId(): string | null;
  /** Starts it; it joins as the node of this process. Returns at once; what goes wrong is told to onEnd. */
  start(options: NativeRuntimeOptions): void;
  /** Asks every operator to stop (stop event), and the runtime to end when they have. */
  stop(): void;
  /** The same, and waits for the end: blocks for as long as an operator does. At once after onEnd. */
  close(): void;
}

// ---- node -------------------------------------------------------------------------------------------------------------

/** Words of NativeNode.control, an Int32Array that both sides read and write on the JS thread. */
export const Control = {
  /** JS → native: what a wake-up is for (Waiting). */
  waiting: 0,
  /** native → JS, written by drain(): a coarse monotonic clock in ms, for bounding a run of events. */
  clockMs: 1,
  /** native → JS: handle of the last loan(). JS → native: of what sendLoan() and view() are about. */
  handle: 2,
  /** native → JS: 1 while the node keeps the process alive. */
  referenced: 3,
  /** JS → native: how many others than a consumer need the loop: the start barrier, sends that wait for room. */
  holds: 4,
  /** native → JS: loans that were neither sent nor discarded before the collector found them, since JS last wrote 0. */
  leakedLoans: 5,
  /** JS → native: the wait that begins wants the loop to turn before it ends. */
  yield: 6,
  /** JS → native: the arguments of sendScratch() and, but for the output, sendLoan(). */
  sendOutput: 7,
  sendBytes: 8,
  sendEncoding: 9,
  sendMetadata: 10,
  sendFlags: 11,
  /** Native → JS: the loop has rested for some milliseconds; the next send announces itself and sets it to 0. */
  rested: 12,
  /** First word of the mask of inputs that may end a sleep (Waiting.masked), and of the one for drain() and recvSync(). */
  sleepMask: 16,
  takeMask: 48,
} as const;

/** Values of Control.waiting. `nobody`: messages pile up under their policies and ring no bell. */
export const Waiting = { nobody: 0, all: 1, masked: 2 } as const;

/** Int32 fields of one event in NativeNode.records; event n starts at n * Field.stride. */
export const Field = {
  kind: 0,
  input: 1,
  /** DORA_REASON_* of a closed input or a stop. */
  reason: 2,
  encoding: 3,
  /** u32. */
  sizeBytes: 4,
  metadataBytes: 5,
  /** Of a payload that was copied into the slab (its slot is released already). */
  dataOffset: 6,
  metadataOffset: 7,
  /** Of a payload that stays in shared memory until release(); -1: copied. */
  handle: 8,
  dropped: 9,
  sequenceLow: 10,
  sequenceHigh: 11,
  sentAtLow: 12,
  sentAtHigh: 13,
  graceMs: 14,
  stride: 16,
} as const;

/** Flags of drain(), recvSync() and the sends. */
export const Flag = {
  /** drain, recvSync: only inputs of Control.takeMask (control events always). */
  masked: 1,
  /** drain: behind the records and slab bytes of the previous drain, which are still in use. */
  append: 2,
  /** recvSync: come back after any wake-up, for there are sends to try again. */
  once: 4,
  /** send: when it would block, ring the doorbell once there may be room. */
  arm: 8,
} as const;

/** Sizes that both sides know. */
export const Limits = {
  /** Received payloads up to this many bytes are copied into the slab: above, a buffer over shared memory costs less than an array of its own. */
  copiedBytes: 512,
  /** Payloads up to this many bytes are sent through `scratch`. */
  smallBytes: 4096,
  /** Events in one drain, more are left for the next. */
  records: 1024,
  slabBytes: 512 * 1024,
} as const;

export interface NodeInfo {
  readonly id: string;
  readonly dataflow: string;
  readonly restartCount: number;
  readonly inputs: readonly NativeInputInfo[];
  readonly outputs: readonly NativeOutputInfo[];
}

/**
 * One node, glue over native/node. Between connect and open() it belongs to nobody; open() makes this thread its consumer. Handles of samples and loans must all be given back before close().
 * `output` and `input` are indices. Sends: `data` is the payload, or null for the first `sizeBytes` of `scratch`; metadata is the first
 * `metadataBytes` of `metadataScratch`. They return Status.ok, wouldBlock or timeout and throw for failures.
 */
export interface NativeNode {
  readonly info: NodeInfo;
  readonly control: Int32Array;
  readonly records: Int32Array;
  readonly slab: Uint8Array;
  readonly scratch: Uint8Array;
  readonly metadataScratch: Uint8Array;

  /** Joins the event loop. `onWake` is called once per wake-up, when something may have come for whoever waits; spinning goes on for `spinUs` before a sleep. */
  open(onWake: () => void, spinUs: number): void;
  /** Keeps the process alive, until the loop is about to sleep and nobody waits (Control.waiting, Control.holds). */
  ref(): void;
  /** The start barrier is passed: events may be taken. */
  started(): boolean;
  /** Leaves. Idempotent; every other call is an error afterwards. */
  close(): void;

  /** Takes up to `max` events into `records`; returns how many there are, those before an append included. */
  drain(max: number, flags: number): number;
  /** drain(1, 0), cheaper. */
  takeOne(): number;
  /** Blocks the thread until an event is in `records` (1) or timeoutMs (< 0: for ever) is over (0). */
  recvSync(timeoutMs: number, spinUs: number, flags: number): number;
  /** The failure behind record n of the last drain, of kind error. */
  eventError(record: number): Error;
  /** The payload behind Control.handle, in place where the runtime allows it. */
  view(): ArrayBuffer;
  /** Detaches the buffer that view() gave, if any, and gives the slot back. */
  release(handle: number, buffer: ArrayBuffer | null): void;
  /** Detaches a buffer of the JS heap. */
  detach(buffer: ArrayBuffer): void;

  send(
    output: number,
    data: Uint8Array | null,
    sizeBytes: number,
    encoding: number,
    metadataBytes: number,
    flags: number,
  ): number;
  /** send() of the first Control.sendBytes bytes of `scratch`, cheaper: the other arguments are in Control.send… too. */
  sendScratch(): number;
  /** Blocks the thread while there is no room. timeoutMs < 0: for ever. `goesOn`: when the time is over the send waits on, for the caller calls again. */
  sendSync(
    output: number,
    data: Uint8Array | null,
    sizeBytes: number,
    encoding: number,
    metadataBytes: number,
    timeoutMs: number,
    goesOn: boolean,
  ): number;
  /** Writable memory; its handle is in Control.handle. A buffer that is collected before it was detached gives the loan back. */
  loan(output: number, sizeBytes: number): ArrayBuffer;
  /** The memory of a loan once more, after a send of it that would block. */
  loanView(handle: number): ArrayBuffer;
  /**
   * Detaches the buffer, then publishes the loan of Control.handle; the other arguments are in Control.send… . wouldBlock: nobody got it and the handle
   * is still valid.
   */
  sendLoan(buffer: ArrayBuffer | null): number;
  discardLoan(handle: number, buffer: ArrayBuffer | null): void;
  hasRoom(output: number): boolean;
  /** A send on this output follows at once: who sleeps is woken while it is made. */
  announce(output: number): void;
  closeOutput(output: number): void;
  requestStop(): void;

  /** Of who joined: gives inputs and outputs to whoever calls connectPart() with the key that it returns. Blocks for the broker, milliseconds. */
  share(inputs: Uint32Array, outputs: Uint32Array): number;
  /** Takes them back. false: somebody is connected through the key. */
  takeBack(key: number): boolean;

  received(input: number): bigint;
  dropped(input: number): bigint;
  inputOpen(input: number): boolean;
  sent(output: number): bigint;
  subscribers(output: number): number;
  /** Hybrid logical clock, ns since 1970. */
  nowNs(): bigint;
}

// ---- the module -------------------------------------------------------------------------------------------------------

/** What a native failure is made of. */
export interface NativeFailure {
  code: string;
  message: string;
  hint: string;
  /** 0 where no system call failed. */
  errno: number;
  op: string;
}

export interface NativeModule {
  /** Once, by load.ts: makes the Error that native calls throw. */
  setErrorFactory(make: (failure: NativeFailure) => Error): void;
  createBroker(options: BrokerOptions): NativeBroker;
  /** Joins a dataflow: blocks for the broker's answers, milliseconds. `config`: DORA_NODE_CONFIG's value; absent: the environment's. */
  connectNode(config?: string): NativeNode;
  /** A node over what another thread of this process has shared. Closing it, or the end of this thread, lets go of that. */
  connectPart(key: number): NativeNode | 'unknown' | 'closed' | 'inUse';
  createRuntime(): NativeRuntime;
}
