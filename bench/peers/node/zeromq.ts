/**
 * The peer zeromq (npm): two PAIR sockets over ipc. `pong` binds the address in BENCH_ADDRESS, `ping` connects. The package lies
 * where BENCH_PACKAGES says.
 */

import { createRequire } from 'node:module';
import path from 'node:path';
import { ping, pong } from './ends.js';
import type { Channel } from './ends.js';

/** The part of the package that is used here. */
interface Zeromq {
  Pair: new () => {
    bind(address: string): Promise<void>;
    connect(address: string): void;
    send(data: Uint8Array): Promise<void>;
    close(): void;
    [Symbol.asyncIterator](): AsyncIterator<Uint8Array[]>;
  };
}

const packages = path.join(process.env['BENCH_PACKAGES'] ?? '.', 'package.json');
const { Pair } = createRequire(packages)('zeromq') as Zeromq;
const address = `ipc://${process.env['BENCH_ADDRESS'] ?? ''}`;
const socket = new Pair();

const channel: Channel = {
  send: (data) => socket.send(data),
  async *messages() {
    for await (const [message] of socket) if (message !== undefined) yield message;
  },
  close() {
    // Closing waits for what is still on its way (linger), so the last answer arrives.
    socket.close();
  },
};

if (process.argv[2] === 'pong') {
  await socket.bind(address);
  await pong(channel);
} else {
  socket.connect(address);
  await ping(channel);
}
