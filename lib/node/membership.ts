/**
 * The life of a node in its process: joining, the start barrier, what keeps the process alive, leaving.
 *
 * A node keeps its process alive while somebody waits for it: for an event, for room, for the other nodes to join. Otherwise nothing that comes could
 * matter, and the process ends when it has nothing else to do. A process that ends by itself or by process.exit(0) leaves in order, as by close(); one that ends with another exit code says nothing, so that its
 * peers see a crash. One node a process.
 */

import { DoraError } from '../errors.js';
import type { NativeNode } from '../native/binding.js';
import { Ids } from './ids.js';
import { Inbox } from './inbox.js';
import { Loans } from './loan.js';
import { Port } from './port.js';
import { Sender } from './sender.js';
import { InputFigures, OutputFigures } from './state.js';

let active: Membership | undefined;

/** @throws DoraError ALREADY_CONNECTED */
export function expectNoOther(): void {
  if (active === undefined) return;
  throw new DoraError('ALREADY_CONNECTED', `this process is node "${active.port.nodeId}" already`, {
    hint: 'a process has one node: pass it around instead of connecting again',
  });
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
  #onStarted: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  readonly #onExit = (exitCode: number): void => {
    if (exitCode === 0) this.closeNow();
  };

  /** Opens `native` on this thread. */
  constructor(native: NativeNode, options: { spinUs: number; strict: boolean }) {
    const { info } = native;
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
    this.inputFigures = new Map(
      info.inputs.map(({ id, source }, index) => [id, new InputFigures(this.port, index, source)]),
    );
    this.outputFigures = new Map(this.outputs.names.map((id, index) => [id, new OutputFigures(this.port, index)]));
    native.open(() => {
      this.#wake();
    }, options.spinUs);
    takePlace(this);
    process.on('exit', this.#onExit);
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
