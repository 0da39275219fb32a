/**
 * `node.share({ inputs, outputs })`: what another thread of the process takes over by `Node.connect({ parent })`.
 *
 * What is shared leaves the thread that shares it at once: its messages wait in their queues, under their policies, until a worker is connected. When
 * that worker's node is closed, or its thread ends in whatever way, they wait again: for the next worker that is given the same handle, or for takeBack().
 */

import { DoraError } from '../errors.js';
import type { Membership } from './membership.js';
import type { Id, Io, NodeHandle } from './types.js';

export interface ShareOptions<In extends string, Out extends string> {
  readonly inputs?: readonly In[] | undefined;
  readonly outputs?: readonly Out[] | undefined;
}

/** The part of I that a share names. */
export interface SharedIo<I extends Io, In extends Id<I['inputs']>, Out extends Id<I['outputs']>> extends Io {
  inputs: Pick<I['inputs'], In>;
  outputs: Pick<I['outputs'], Out>;
}

/** Hand it to a worker, by workerData or postMessage: what arrives there is a NodeHandle. */
export class NodeShare<I extends Io = Io> implements NodeHandle<I> {
  declare readonly io?: I;
  readonly node: string;
  readonly pid: number;
  readonly key: number;
  readonly #member: Membership;
  readonly #inputs: readonly number[];
  readonly #outputs: readonly number[];
  #taken = false;

  /** @internal */
  constructor(member: Membership, inputs: readonly number[], outputs: readonly number[]) {
    const { native } = member.port;
    this.#member = member;
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.node = native.info.id;
    this.pid = process.pid;
    this.key = native.share(Uint32Array.from(inputs), Uint32Array.from(outputs));
    this.#setAway(true);
  }

  /**
   * Inputs and outputs come back to the thread that shared them, with what is queued. Idempotent; harmless on a closed node. The handle is dead.
   * @throws DoraError SHARE_IN_USE while a worker is connected through it
   */
  takeBack(): void {
    const { port } = this.#member;
    if (this.#taken || port.closed) return;
    if (!port.native.takeBack(this.key)) {
      throw new DoraError('SHARE_IN_USE', `a worker is connected to node "${this.node}" through this share`, {
        hint: 'let the worker close its node, or await worker.terminate(), before takeBack()',
      });
    }
    this.#taken = true;
    this.#setAway(false);
  }

  #setAway(away: boolean): void {
    for (const input of this.#inputs) this.#member.inputs.setAway(input, away);
    for (const output of this.#outputs) this.#member.outputs.setAway(output, away);
  }
}

/**
 * Checks a share and makes it.
 * @throws TypeError unknown id; DoraError ALREADY_SHARED, CONSUMER_BUSY, SEND_PENDING
 */
export function makeShare(member: Membership, what: ShareOptions<string, string>): NodeShare {
  if (member.isPart) {
    throw new TypeError(
      `share() belongs to the thread that joined as node "${member.port.nodeId}"; this one is connected through it`,
    );
  }
  const inputs = member.inputs.forShare(what.inputs ?? []);
  const outputs = member.outputs.forShare(what.outputs ?? []);
  if (inputs.length + outputs.length === 0) {
    throw new TypeError('share() names at least one input or output: share({ inputs: ["image"] })');
  }
  for (const input of inputs) member.inbox.expectUnclaimed(input);
  for (const output of outputs) member.sender.expectFree(output);
  return new NodeShare(member, inputs, outputs);
}
