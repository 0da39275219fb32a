/**
 * Figures of inputs and outputs: Node.inputs and Node.outputs.
 *
 * They are read from the process's ledger when asked for, so looking costs the message path nothing. After close() they stay as they
 * were last, for a summary at the end of a program.
 */

import type { Port } from './port.js';
import type { InputState, OutputState } from './types.js';

/** One input's figures. */
export class InputFigures implements InputState {
  readonly source: string;
  readonly #port: Port;
  readonly #input: number;
  #last: InputState | undefined;

  constructor(port: Port, input: number, source: string) {
    this.#port = port;
    this.#input = input;
    this.source = source;
  }

  /** Messages taken; of a timer, ticks. */
  get received(): bigint {
    return this.#last?.received ?? this.#port.native.received(this.#input);
  }
  /** Messages dropped by drop_oldest; of a timer, ticks missed. */
  get dropped(): bigint {
    return this.#last?.dropped ?? this.#port.native.dropped(this.#input);
  }
  /** Something may still come. */
  get open(): boolean {
    return this.#last?.open ?? this.#port.native.inputOpen(this.#input);
  }

  /** @internal */
  freeze(): void {
    const { source, received, dropped } = this;
    this.#last = { source, received, dropped, open: false };
  }
}

/** One output's figures. */
export class OutputFigures implements OutputState {
  readonly #port: Port;
  readonly #output: number;
  #last: OutputState | undefined;

  constructor(port: Port, output: number) {
    this.#port = port;
    this.#output = output;
  }

  /** Messages published, whether or not anybody subscribes. */
  get sent(): bigint {
    return this.#last?.sent ?? this.#port.native.sent(this.#output);
  }
  /** Inputs that get them now. */
  get subscribers(): number {
    return this.#last?.subscribers ?? this.#port.native.subscribers(this.#output);
  }

  /** @internal */
  freeze(): void {
    this.#last = { sent: this.sent, subscribers: 0 };
  }
}
