/**
 * A conversation over a link: calls with answers, events, both checked against a protocol's schemas.
 *
 * The first message of each end is `hello` with protocol, version and (from a client) token; whatever else is sent
 * waits for nobody's answer, so opening costs no round trip. A peer that says something unexpected is cut off with an
 * error that both ends see. When the link goes, every waiting call rejects with CONTROL_CLOSED. Errors cross as
 * `{ code, message, hint, details }` and come out as a RemoteError.
 */

import { timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { DoraError } from '../errors.js';
import type {
  CallName,
  EventData,
  EventName,
  Handlers,
  Listeners,
  Params,
  Protocol,
  Result,
  Side,
} from './contract.js';
import type { Link } from './link.js';

const errorBody = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().exactOptional(),
  /** JSON that belongs to the code, such as the diagnostics of DESCRIPTOR_INVALID. */
  details: z.unknown().exactOptional(),
});
const envelope = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('hello'),
    protocol: z.string(),
    version: z.number(),
    token: z.string().exactOptional(),
  }),
  z.object({ kind: z.literal('call'), id: z.int(), name: z.string(), params: z.unknown() }),
  z.object({ kind: z.literal('reply'), id: z.int(), result: z.unknown().exactOptional() }),
  z.object({ kind: z.literal('failure'), id: z.int(), error: errorBody }),
  z.object({ kind: z.literal('event'), name: z.string(), data: z.unknown() }),
  z.object({ kind: z.literal('refused'), error: errorBody }),
]);
type Envelope = z.infer<typeof envelope>;
type ErrorBody = z.infer<typeof errorBody>;

/** An error of the other end, with its code, message and hint. */
export class RemoteError extends DoraError {
  override readonly name = 'RemoteError';
  /** JSON that belongs to the code; undefined for most. */
  readonly details: unknown;

  constructor(body: ErrorBody) {
    super(body.code, body.message, { hint: body.hint });
    this.details = body.details;
  }
}

export interface SessionOptions<Own extends Side, Peer extends Side> {
  /** Answers to the peer's calls. */
  readonly handlers: Handlers<Own>;
  /** What to do on the peer's events; those without a listener are dropped. */
  readonly listeners?: Listeners<Peer>;
  /** Called once when the conversation is over; `error` when not in order. */
  readonly onClose?: (error?: DoraError) => void;
  /** A client says it in its hello; a server that has one refuses clients with another. */
  readonly token?: string;
}

/** The end that serves: answers `protocol.server.calls`, may call `protocol.client.calls`. */
export function serve<S extends Side, C extends Side>(
  protocol: Protocol<S, C>,
  link: Link,
  options: SessionOptions<S, C>,
): Session<S, C> {
  return new Session(protocol, 'server', protocol.server, protocol.client, link, options);
}

/** The end that connected. */
export function connect<S extends Side, C extends Side>(
  protocol: Protocol<S, C>,
  link: Link,
  options: SessionOptions<C, S>,
): Session<C, S> {
  return new Session(protocol, 'client', protocol.client, protocol.server, link, options);
}

interface Waiting {
  readonly name: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: DoraError) => void;
}

export class Session<Own extends Side, Peer extends Side> {
  readonly #protocol: Protocol;
  readonly #role: 'server' | 'client';
  readonly #own: Own;
  readonly #peer: Peer;
  readonly #link: Link;
  readonly #options: SessionOptions<Own, Peer>;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #greeted = false;
  #ended: DoraError | undefined;
  /** Why the conversation was cut off, when it was. */
  #reason: DoraError | undefined;

  /** Use serve() and connect(). */
  constructor(
    protocol: Protocol,
    role: 'server' | 'client',
    own: Own,
    peer: Peer,
    link: Link,
    options: SessionOptions<Own, Peer>,
  ) {
    this.#protocol = protocol;
    this.#role = role;
    this.#own = own;
    this.#peer = peer;
    this.#link = link;
    this.#options = options;
    const token = role === 'client' && options.token !== undefined ? { token: options.token } : {};
    this.#send({ kind: 'hello', protocol: protocol.name, version: protocol.version, ...token });
    link.open({
      message: (message) => {
        this.#receive(message);
      },
      closed: (error) => {
        this.#end(error);
      },
    });
  }

  /** Asks the other end. Rejects with its error, or with CONTROL_CLOSED when the connection goes first. */
  call<K extends CallName<Peer>>(name: K, params: Params<Peer, K>): Promise<Result<Peer, K>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    return new Promise<Result<Peer, K>>((resolve, reject) => {
      this.#waiting.set(id, { name, resolve: resolve as (result: unknown) => void, reject });
      this.#send({ kind: 'call', id, name, params });
    });
  }

  /** Tells the other end; nobody answers. */
  emit<K extends EventName<Own>>(name: K, data: EventData<Own, K>): void {
    if (this.#ended === undefined) this.#send({ kind: 'event', name, data });
  }

  /** Delivers what was sent and ends the conversation. Idempotent. */
  close(): void {
    this.#link.close();
  }

  #send(message: Envelope): void {
    this.#link.send(message);
  }

  #receive(raw: unknown): void {
    if (this.#ended !== undefined || this.#reason !== undefined) return;
    const parsed = envelope.safeParse(raw);
    if (!parsed.success) {
      this.#cutOff(protocolError('sent a message of an unknown form'));
      return;
    }
    const message = parsed.data;
    if (message.kind === 'refused') {
      this.#reason = new RemoteError(message.error);
      this.#link.close();
    } else if (!this.#greeted) {
      this.#greet(message);
    } else if (message.kind === 'call') {
      void this.#answer(message.id, message.name, message.params);
    } else if (message.kind === 'reply' || message.kind === 'failure') {
      this.#settle(message);
    } else if (message.kind === 'event') {
      this.#hear(message.name, message.data);
    } else {
      this.#cutOff(protocolError('greeted twice'));
    }
  }

  #greet(message: Envelope): void {
    const { name, version } = this.#protocol;
    if (message.kind !== 'hello' || message.protocol !== name) {
      this.#cutOff(protocolError(`does not speak "${name}"`));
    } else if (message.version !== version) {
      this.#cutOff(
        new DoraError(
          'CONTROL_VERSION',
          `one end speaks version ${message.version} of the control protocol, the other version ${version}`,
          { hint: 'Use the same version of dora-ts everywhere, and restart what still runs with the older one.' },
        ),
      );
    } else if (this.#role === 'server' && !tokenMatches(this.#options.token, message.token)) {
      this.#cutOff(
        new DoraError('CONTROL_REFUSED', 'the token of the control connection is wrong', {
          hint: 'The other end was restarted, or belongs to somebody else.',
        }),
      );
    } else {
      this.#greeted = true;
    }
  }

  async #answer(id: number, name: string, raw: unknown): Promise<void> {
    try {
      const schema = Object.hasOwn(this.#own.calls, name) ? this.#own.calls[name] : undefined;
      if (schema === undefined) throw protocolError(`asked for "${name}", which does not exist here`);
      const params = schema.params.safeParse(raw);
      if (!params.success) throw protocolError(`asked for "${name}" wrongly (${z.prettifyError(params.error)})`);
      const handlers = this.#options.handlers as Readonly<Record<string, (params: unknown) => unknown>>;
      const handler = handlers[name];
      if (handler === undefined) throw protocolError(`asked for "${name}", which nobody answers here`);
      this.#send({ kind: 'reply', id, result: await handler.call(handlers, params.data) });
    } catch (error) {
      this.#send({ kind: 'failure', id, error: errorToBody(error) });
    }
  }

  #settle(message: Extract<Envelope, { kind: 'reply' | 'failure' }>): void {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) {
      this.#cutOff(protocolError('answered a question that nobody asked'));
      return;
    }
    this.#waiting.delete(message.id);
    if (message.kind === 'failure') {
      waiting.reject(new RemoteError(message.error));
      return;
    }
    const result = this.#peer.calls[waiting.name]?.result.safeParse(message.result);
    if (result?.success === true) waiting.resolve(result.data);
    else waiting.reject(protocolError(`answered "${waiting.name}" with something else`));
  }

  #hear(name: string, raw: unknown): void {
    // A newer peer may have events that this end does not know.
    const schema = Object.hasOwn(this.#peer.events, name) ? this.#peer.events[name] : undefined;
    if (schema === undefined) return;
    const data = schema.safeParse(raw);
    if (!data.success) {
      this.#cutOff(protocolError(`sent a broken event "${name}" (${z.prettifyError(data.error)})`));
      return;
    }
    const listeners = this.#options.listeners as
      Readonly<Record<string, ((data: unknown) => void) | undefined>> | undefined;
    listeners?.[name]?.(data.data);
  }

  #cutOff(error: DoraError): void {
    this.#reason = error;
    this.#send({ kind: 'refused', error: errorToBody(error) });
    this.#link.close();
  }

  #end(linkError: DoraError | undefined): void {
    if (this.#ended !== undefined) return;
    const error = this.#reason ?? linkError;
    this.#ended =
      error ??
      new DoraError('CONTROL_CLOSED', 'the control connection is closed', {
        hint: 'The process at the other end has ended; start it again.',
      });
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended);
    this.#waiting.clear();
    this.#options.onClose?.(error);
  }
}

/** An error as it crosses; what is no DoraError becomes INTERNAL. */
export function errorToBody(error: unknown): ErrorBody {
  if (error instanceof DoraError) {
    const details = (error as { details?: unknown }).details;
    return { ...error.toJSON(), ...(details === undefined ? {} : { details }) };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'INTERNAL', message: text, hint: 'This is a mistake in dora-ts; please report it with this text.' };
}

function protocolError(what: string): DoraError {
  return new DoraError('CONTROL_PROTOCOL', `the other end of the control connection ${what}`, {
    hint: 'Use the same version of dora-ts at both ends.',
  });
}

function tokenMatches(expected: string | undefined, given: string | undefined): boolean {
  if (expected === undefined) return true;
  const a = Buffer.from(expected);
  const b = Buffer.from(given ?? '');
  return a.length === b.length && timingSafeEqual(a, b);
}
