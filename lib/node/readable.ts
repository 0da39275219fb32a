/**
 * `node.readable(id)`: one input as a web stream of copies.
 *
 * The input leaves the node's general stream, so the stream may be read beside a loop. What it gives are copies, because web streams buffer and tee. It asks
 * for a message only when its reader does (no read-ahead), so the input's queue and policy act as in a loop. It closes when the input is closed
 * for good, at the end of the dataflow and at node.close(); cancel() gives the input back to the general stream.
 */

import type { ReadableStream, ReadableStreamDefaultController } from 'node:stream/web';
import type { Metadata } from '../message/metadata.js';
import type { AnyEvent } from './events.js';
import type { Claim, Inbox } from './inbox.js';
import { LentEvent } from './sample.js';

/** One message of readable(): heap-owned. */
export interface ReadableMessage {
  data: Uint8Array;
  metadata: Metadata;
}

export function makeReadable(inbox: Inbox, input: number): ReadableStream<ReadableMessage> {
  const source = new ReadableSource(inbox, input);
  inbox.claim(source, 'readable()');
  // The global one: `import` would load web streams into every node.
  return new globalThis.ReadableStream<ReadableMessage>(
    {
      start: (controller) => {
        source.controller = controller;
      },
      pull: () => source.pull(),
      cancel: () => {
        source.end();
      },
    },
    { highWaterMark: 0 },
  );
}

class ReadableSource implements Claim {
  readonly input: number;
  wanting = false;
  controller: ReadableStreamDefaultController<ReadableMessage> | undefined;
  readonly #inbox: Inbox;
  #pulled: (() => void) | undefined;

  constructor(inbox: Inbox, input: number) {
    this.#inbox = inbox;
    this.input = input;
  }

  pull(): Promise<void> {
    return new Promise((resolve) => {
      this.#pulled = resolve;
      this.#inbox.demand(this);
    });
  }

  onEvent(event: AnyEvent): void {
    if (event instanceof LentEvent) {
      this.wanting = false;
      const message = { data: event.copy(), metadata: event.metadata };
      event.release();
      this.controller?.enqueue(message);
      this.#answer();
    } else if (event.type === 'end' || (event.type === 'inputClosed' && event.reason === 'ended')) {
      this.end();
      this.controller?.close();
    }
  }

  end(): void {
    this.wanting = false;
    this.#inbox.unclaim(this);
    this.#answer();
  }

  #answer(): void {
    const pulled = this.#pulled;
    this.#pulled = undefined;
    pulled?.();
  }
}
