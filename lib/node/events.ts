/**
 * Records of the native side as events.
 *
 * Indices become ids, and the numbers of dora/types.h the names that people switch on. A record is read at once: the next drain writes over it.
 * Input events become a LentEvent, which keeps what it needs; see sample.ts for what stays where it is.
 */

/* eslint-disable @typescript-eslint/no-non-null-assertion -- fields of a record, all inside the array */
import { DoraError } from '../errors.js';
import { EventKind, Field } from '../native/binding.js';
import type { Port } from './port.js';
import { LentEvent } from './sample.js';
import type { CloseReason, EndEvent, InputChangeEvent, StopEvent, StopReason } from './types.js';

/** An event inside lib/node: the public type with the class behind input events. */
export type AnyEvent = LentEvent | InputChangeEvent | StopEvent | { type: 'error'; error: DoraError } | EndEvent;

export const END: EndEvent = Object.freeze({ type: 'end' });

/** DORA_REASON_* from 0 on. */
const REASONS = [
  'none',
  'ended',
  'crashed',
  'timeout',
  'link',
  'corrupt',
  'user',
  'allInputsClosed',
  'failure',
  'shutdown',
] as const;

/** The event of record `index` of the last drain. */
export function readEvent(port: Port, index: number): AnyEvent {
  const { records } = port;
  const at = index * Field.stride;
  const kind = records[at + Field.kind]!;
  if (kind === EventKind.input) return new LentEvent(port, at);
  const reason = REASONS[records[at + Field.reason]!] ?? 'none';
  switch (kind) {
    case EventKind.inputClosed:
    case EventKind.inputRecovered:
      return {
        type: kind === EventKind.inputClosed ? 'inputClosed' : 'inputRecovered',
        id: port.inputIds[records[at + Field.input]!]!,
        reason: reason as CloseReason,
      };
    case EventKind.stop:
      return { type: 'stop', reason: reason as StopReason, graceMs: records[at + Field.graceMs]! };
    case EventKind.error: {
      const error = port.native.eventError(index);
      return { type: 'error', error: error instanceof DoraError ? error : new DoraError('INTERNAL', error.message) };
    }
    case EventKind.end:
      return END;
    default:
      return {
        type: 'error',
        error: new DoraError('INTERNAL', `an event of unknown kind ${kind}; please report this`),
      };
  }
}
