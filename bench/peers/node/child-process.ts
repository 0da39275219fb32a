/**
 * The peer Node `child_process`: `ping` forks `pong`, and both use the IPC channel with serialization 'advanced', which takes typed
 * arrays as they are.
 */

import { fork } from 'node:child_process';
import { on, once } from 'node:events';
import { ping, pong } from './ends.js';
import type { Channel } from './ends.js';

/** A child, or this process as one. */
interface Ipc {
  send?(message: Uint8Array): boolean;
  disconnect?(): void;
}

function channelOf(ipc: Ipc): Channel {
  return {
    send(data) {
      ipc.send?.(data);
    },
    async *messages() {
      for await (const [message] of on(ipc as NodeJS.EventEmitter, 'message') as AsyncIterable<[Uint8Array]>)
        yield message;
    },
    close() {
      ipc.disconnect?.();
    },
  };
}

if (process.argv[2] === 'pong') {
  await pong(channelOf(process));
} else {
  const child = fork(process.argv[1] ?? '', ['pong'], { serialization: 'advanced' });
  const ended = once(child, 'exit');
  await ping(channelOf(child));
  const [code] = (await ended) as [number];
  process.exitCode = code;
}
