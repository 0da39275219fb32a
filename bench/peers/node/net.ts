/**
 * The peer Node `net`: two processes and a unix socket. `pong` listens on the path in BENCH_ADDRESS, `ping` connects.
 */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Assembler, ping, pong } from './ends.js';
import type { Channel } from './ends.js';

const address = process.env['BENCH_ADDRESS'] ?? '';

function channelOf(socket: Socket): Channel {
  return {
    send(data) {
      socket.write(data);
    },
    async *messages(size) {
      const assembler = new Assembler(size);
      for await (const piece of socket) yield* assembler.add(piece as Buffer);
    },
    close() {
      socket.end();
    },
  };
}

/** The listener is started at the same time. */
async function reach(): Promise<Socket> {
  for (let tries = 0; ; tries++) {
    const socket = connect(address);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (tries === 500) throw error;
      await sleep(10);
    }
  }
}

if (process.argv[2] === 'pong') {
  const server = createServer().listen(address);
  const [socket] = (await once(server, 'connection')) as [Socket];
  server.close();
  await pong(channelOf(socket));
} else {
  await ping(channelOf(await reach()));
}
