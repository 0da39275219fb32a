/**
 * How a control protocol is written down: the calls and events of its two sides, as zod schemas.
 *
 * A side answers its `calls` and emits its `events`; either side may call the other. A call that carries data is how a
 * receiver slows a sender down: the sender waits for the answer before it sends more, whatever carries the messages.
 * Everything is a JSON value (no bigint, no bytes), unknown keys are dropped, so a newer peer may say more than an
 * older one understands; whatever an older one cannot ignore is a new `version`.
 */

import type { z } from 'zod';

/** One request and its answer. */
export interface CallSchema {
  readonly params: z.ZodType;
  readonly result: z.ZodType;
}

/** What one end offers: the calls that it answers and the events that it emits. */
export interface Side {
  readonly calls: Readonly<Record<string, CallSchema>>;
  readonly events: Readonly<Record<string, z.ZodType>>;
}

/** Two sides and the name and version under which they recognise each other. */
export interface Protocol<S extends Side = Side, C extends Side = Side> {
  readonly name: string;
  /** Both ends must speak the same one. */
  readonly version: number;
  readonly server: S;
  readonly client: C;
}

export type CallName<S extends Side> = Extract<keyof S['calls'], string>;
export type EventName<S extends Side> = Extract<keyof S['events'], string>;
export type Params<S extends Side, K extends CallName<S>> = z.infer<S['calls'][K]['params']>;
export type Result<S extends Side, K extends CallName<S>> = z.infer<S['calls'][K]['result']>;
export type EventData<S extends Side, K extends EventName<S>> = z.infer<S['events'][K]>;

/** A function for each call of a side. */
export type Handlers<S extends Side> = {
  readonly [K in CallName<S>]: (params: Params<S, K>) => Promise<Result<S, K>> | Result<S, K>;
};

/** A function for each event of the other side that is of interest. */
export type Listeners<S extends Side> = {
  readonly [K in EventName<S>]?: (data: EventData<S, K>) => void;
};

/** Keeps the literal types of a protocol. */
export function defineProtocol<S extends Side, C extends Side>(protocol: Protocol<S, C>): Protocol<S, C> {
  return protocol;
}
