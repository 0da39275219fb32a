/**
 * The carrier between processes of one machine: a unix socket, one JSON value a line.
 *
 * Who may connect: the socket lies in a folder that only its owner may enter and has mode 0600 itself (Node.js cannot
 * ask for the peer's credentials), and the session asks for a token on top. Lines are cut by split2 with an upper
 * bound, so that a peer cannot make this process buffer without end. Nothing here starts a daemon: whoever serves
 * calls listenUnix(), closes it, and the folder is gone.
 */

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import split2 from 'split2';
import { DoraError } from '../errors.js';
import type { Link, LinkReceiver } from './link.js';

/** UTF-16 units of one message; a plan with ten thousand operators takes two million. */
const MAX_MESSAGE = 32 * 1024 * 1024;
/** sun_path of Linux holds 108 bytes with the final zero. */
const MAX_PATH_BYTES = 107;

/** A listening socket. */
export interface UnixListener {
  /** The socket, inside a folder of its own. */
  readonly path: string;
  /** Stops listening, ends every connection and removes socket and folder. */
  close(): Promise<void>;
}

/**
 * Listens in a new owner-only folder.
 * @param folder parent of the new folder, such as $XDG_RUNTIME_DIR or /tmp
 * @param onLink called for each connection
 * @throws DoraError SOCKET_FAILED
 */
export async function listenUnix(folder: string, onLink: (link: Link) => void): Promise<UnixListener> {
  const own = await mkdtemp(join(folder, 'dora-control-')).catch((error: unknown) => {
    throw socketError(`cannot make a folder for the control socket in ${folder}`, error);
  });
  const path = join(own, 'control.sock');
  const remove = (): Promise<void> => rm(own, { recursive: true, force: true });
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    await remove();
    throw new DoraError('SOCKET_FAILED', `the path of the control socket is too long: ${path}`, {
      hint: `A unix socket's path has at most ${MAX_PATH_BYTES} bytes: set XDG_RUNTIME_DIR to a shorter folder.`,
    });
  }
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    onLink(new SocketLink(socket));
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    await chmod(path, 0o600);
  } catch (error) {
    server.close();
    await remove();
    throw socketError(`cannot listen on ${path}`, error);
  }
  return {
    path,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
      await remove();
    },
  };
}

/** @throws DoraError SOCKET_FAILED when nobody listens there */
export async function connectUnix(path: string): Promise<Link> {
  const socket = connectSocket(path);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error) => {
      reject(socketError(`nobody answers on ${path}`, error));
    });
  });
  return new SocketLink(socket);
}

class SocketLink implements Link {
  readonly #socket: Socket;
  #receiver: LinkReceiver | undefined;
  #error: DoraError | undefined;
  #closed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', (error) => {
      this.#error ??= socketError('the control connection broke', error);
    });
  }

  open(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    const lines = split2({ maxLength: MAX_MESSAGE });
    lines.on('data', (line: string) => {
      this.#take(line);
    });
    lines.on('error', () => {
      this.#break(`sent a message of more than ${MAX_MESSAGE} characters`);
    });
    // The last lines may still be on their way through split2 when the socket has closed.
    lines.once('end', () => {
      this.#finish();
    });
    if (this.#socket.destroyed) {
      lines.end();
      return;
    }
    this.#socket.once('close', () => {
      lines.end();
    });
    this.#socket.pipe(lines);
  }

  send(message: unknown): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  close(): void {
    this.#socket.end();
  }

  #take(line: string): void {
    if (line === '' || this.#closed) return;
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      this.#break('sent something that is not JSON');
      return;
    }
    this.#receiver?.message(message);
  }

  #break(what: string): void {
    this.#error ??= new DoraError('CONTROL_PROTOCOL', `the other end of the control connection ${what}`, {
      hint: 'Is it a dora-ts of the same version?',
    });
    this.#socket.destroy();
    this.#finish();
  }

  #finish(): void {
    if (this.#closed || this.#receiver === undefined) return;
    this.#closed = true;
    this.#socket.destroySoon();
    this.#receiver.closed(this.#error);
  }
}

function socketError(what: string, cause: unknown): DoraError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DoraError('SOCKET_FAILED', `${what}: ${reason}`, {
    hint: 'The folder must exist and belong to you; the other process must still run.',
    cause,
  });
}
