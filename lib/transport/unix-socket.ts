/**
 * The carrier of control messages between processes of one machine: a unix socket.
 *
 * Who may connect: the socket lies in a folder that only its owner may enter and has mode 0600 itself (Node.js cannot
 * ask for the peer's credentials), and the session asks for a token on top. How messages are framed is
 * message/stream-link.ts's. Nothing here starts a daemon: whoever serves calls listenUnix(), closes it, and the folder
 * is gone.
 */

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { DoraError } from '../errors.js';
import type { Link } from '../message/link.js';
import { StreamLink } from '../message/stream-link.js';

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
    onLink(new StreamLink(socket));
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
  return new StreamLink(socket);
}

function socketError(what: string, cause: unknown): DoraError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DoraError('SOCKET_FAILED', `${what}: ${reason}`, {
    hint: 'The folder must exist and belong to you; the other process must still run.',
    cause,
  });
}
