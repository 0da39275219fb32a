/**
 * The life of a node in its process: joining, the start barrier, what keeps the process alive, leaving.
 *
 * A node keeps its process alive while somebody waits for it: for an event, for room, for the other nodes to join. Otherwise nothing that comes could
 * matter, and the process ends when it has nothing else to do. A process that ends by itself or by process.exit(0) leaves in order, as by close(); one that ends with another exit code says nothing, so that its
 * peers see a crash. One node a process; other threads have parts of it (share.ts), and leave their part as this leaves the node.
 */

import { isMainThread } from 'node:worker_threads';
import { DoraError } from '../errors.js';
import type { NativeNode } from '../native/binding.js';
import { loadNative } from '../native/load.js';
import { Ids } from './ids.js';
import { Inbox } from './inbox.js';
import { Loans } from './loan.js';
import { Port } from './port.js';
import { Sender } from './sender.js';
import { InputFigures, OutputFigures } from './state.js';
import type { NodeHandle } from './types.js';

let active: Membership | undefined;

/** @throws DoraError ALREADY_CONNECTED */
function expectNoOther(): void {
  if (active === undefined) return;
  throw new DoraError('ALREADY_CONNECTED', `this thread is node "${active.port.nodeId}" already`, {
    hint: 'a process has one node: pass it around instead of connecting again; a worker thread takes a part of it by Node.connect({ parent })',
  });
}

/** Sets what the daemon has chosen for V8 in this process (lib/daemon/v8-flags.ts). Most nodes have nothing to set, and do not load the module. */
export async function setV8Flags(): Promise<void> {
  const flags = process.env['DORA_V8_FLAGS'];
  if (flags === undefined) return;
  const { setFlagsFromString } = await import('node:v8');
  for (const flag of flags.split(' ')) setFlagsFromString(flag);
}

/** Joins the dataflow, or takes over what `parent` names. @throws DoraError as Node.connect() */
export function connectNative(parent: NodeHandle | undefined): NativeNode {
  if (parent === undefined) {
    expectNoOther();
    return loadNative().connectNode();
  }
  const { node, pid, key } = checkHandle(parent);
  if (isMainThread) {
    throw new DoraError('NOT_A_WORKER', `\`parent\` is for worker threads, and this is the main thread`, {
      hint: 'hand the share to a worker (new Worker(file, { workerData: share })) and connect there',
    });
  }
  expectNoOther();
  const from = `node "${node}"`;
  if (pid !== process.pid)
    throw notConnected(`this handle is of ${from} in process ${pid}, and this is process ${process.pid}`);
  const native = loadNative().connectPart(key);
  switch (native) {
    case 'unknown':
      throw notConnected(`what this handle named was taken back from sharing, or ${from} is not connected`);
    case 'closed':
      throw new DoraError('PARENT_CLOSED', `${from} was closed by the thread that had joined`, {
        hint: 'close workers first: when the node leaves its dataflow, its parts are over too',
      });
    case 'inUse':
      throw new DoraError('SHARE_IN_USE', `another worker is connected to ${from} through this handle`, {
        hint: 'one worker a share: let each have a share() of its own, with other inputs and outputs',
      });
    default:
      return native;
  }
}

function notConnected(message: string): DoraError {
  return new DoraError('PARENT_NOT_CONNECTED', message, {
    hint: 'call share() on the node that the main thread of this process is connected as, and hand what it returns to the worker',
  });
}

function checkHandle(parent: unknown): NodeHandle {
  const { node, pid, key } = (parent ?? {}) as Partial<NodeHandle>;
  if (typeof node === 'string' && typeof pid === 'number' && typeof key === 'number') return { node, pid, key };
  throw new TypeError(
    parent instanceof Object && 'share' in parent
      ? 'parent is what share() returns, not the node itself: node.share({ inputs, outputs })'
      : 'parent is what Node.share() gave: hand it to the worker as it is, by workerData or postMessage',
  );
}

function takePlace(member: Membership | undefined): void {
  active = member;
}

export class Membership {
  readonly port: Port;
  readonly inputs: Ids;
  readonly outputs: Ids;
  readonly inbox: Inbox;
  readonly sender: Sender;
  readonly loans: Loans;
  readonly inputFigures: ReadonlyMap<string, InputFigures>;
  readonly outputFigures: ReadonlyMap<string, OutputFigures>;
  /** Connected through another thread. */
  readonly isPart: boolean;
  #onStarted: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  readonly #onExit = (exitCode: number): void => {
    if (exitCode === 0) this.closeNow();
  };

  /** Opens `native` on this thread. */
  constructor(native: NativeNode, options: { spinUs: number; strict: boolean; isPart: boolean }) {
    const { info } = native;
    this.isPart = options.isPart;
    this.port = new Port(native, options.strict);
    this.inputs = new Ids(info.id, 'input', this.port.inputIds);
    this.outputs = new Ids(
      info.id,
      'output',
      info.outputs.map((output) => output.id),
    );
    this.inbox = new Inbox(this.port);
    this.sender = new Sender(this.port, this.outputs);
    this.loans = new Loans(this.sender);
    info.inputs.forEach(({ here }, index) => {
      if (!here) this.inputs.setAway(index, true);
    });
    info.outputs.forEach(({ here }, index) => {
      if (!here) this.outputs.setAway(index, true);
    });
    this.inputFigures = new Map(
      info.inputs.flatMap(({ id, source, here }, index) =>
        here ? [[id, new InputFigures(this.port, index, source)] as const] : [],
      ),
    );
    this.outputFigures = new Map(
      info.outputs.flatMap(({ id, here }, index) => (here ? [[id, new OutputFigures(this.port, index)] as const] : [])),
    );
    native.open(() => {
      this.#wake();
    }, options.spinUs);
    takePlace(this);
    process.on('exit', this.#onExit);
    this.sender.outgoing.warmUp();
  }

  /** Resolves when every node of the dataflow has joined. An abort leaves. */
  async started(signal: AbortSignal | undefined): Promise<void> {
    const { native } = this.port;
    this.port.hold();
    while (!native.started()) {
      let onAbort: (() => void) | undefined;
      try {
        await new Promise<void>((resolve, reject) => {
          this.#onStarted = resolve;
          onAbort = () => {
            this.closeNow();
            // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the signal's own reason, whatever it is
            reject(signal?.reason);
          };
          signal?.addEventListener('abort', onAbort, { once: true });
        });
      } finally {
        if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
      }
    }
    this.#onStarted = undefined;
    this.port.letGo();
  }

  #wake(): void {
    if (this.#onStarted !== undefined) this.#onStarted();
    this.loans.reportLeaks();
    this.sender.retryAll();
    this.inbox.wake();
  }

  /** Waits for room for what is being sent, then leaves. */
  close(): Promise<void> {
    this.#closing ??= this.sender.settled().then(() => {
      this.closeNow();
    });
    return this.#closing;
  }

  /** Leaves at once. Every view is detached before the memory goes. */
  closeNow(): void {
    if (this.port.closed) return;
    this.inbox.close();
    this.port.releaseRetained();
    this.sender.dropAll();
    for (const figures of [...this.inputFigures.values(), ...this.outputFigures.values()]) figures.freeze();
    this.port.closed = true;
    this.port.native.close();
    takePlace(undefined);
    process.off('exit', this.#onExit);
  }
}
