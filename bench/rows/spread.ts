/**
 * How latency grows: with the subscribers of an output, the inputs of a node, and the size of a payload. Sender and reader sleep; the
 * scheduler places the processes where there are more than two.
 */

import { freemem } from 'node:os';
import { measureFlow } from '../measure.js';
import type { FlowNode } from '../measure.js';
import type { Requirement } from '../peers/peer.js';
import { nodeSource } from '../programs.js';
import type { Case } from './row.js';
import { KIB, MIB, size, warmupFor } from './sizes.js';

/** One message goes to all of them; the next when all have answered. */
function fanOut(subscribers: number): Case {
  const name = `latency-fan-out-${subscribers}`;
  return {
    rows: [
      {
        name,
        unit: 'µs',
        mode: `one output to ${subscribers}, 8 B, all of them answer, placed by the scheduler`,
        ...(subscribers === 1 ? {} : { peer: 'latency-fan-out-1' }),
      },
    ],
    quick: subscribers <= 2,
    async measure() {
      const ids = Array.from({ length: subscribers }, (_, index) => `pong${index}`);
      const answers = Object.fromEntries(ids.map((id) => [id, `${id}/pong`]));
      const nodes: FlowNode[] = [
        { id: 'ping', path: nodeSource('ping'), inputs: answers, outputs: ['ping'] },
        ...ids.map((id) => ({ id, path: nodeSource('pong'), inputs: { ping: 'ping/ping' }, outputs: ['pong'] })),
      ];
      const count = Math.max(1000, Math.ceil(10_000 / subscribers));
      const run = await measureFlow(nodes, { bytes: 8, warmup: count / 2, count, unplaced: true });
      return { [name]: ids.flatMap((id) => Array.from(run.pairs(id).first)) };
    },
  };
}

/** They take turns. */
function inputs(count: number): Case {
  const name = `latency-inputs-${count}`;
  return {
    rows: [
      {
        name,
        unit: 'µs',
        mode: `a reader with ${count} inputs, 8 B`,
        ...(count === 1 ? {} : { peer: 'latency-inputs-1' }),
      },
    ],
    async measure() {
      const ids = Array.from({ length: count }, (_, index) => `ping${index}`);
      const nodes: FlowNode[] = [
        { id: 'ping', path: nodeSource('ping'), inputs: { pong: 'pong/pong' }, outputs: ids },
        {
          id: 'pong',
          path: nodeSource('pong'),
          inputs: Object.fromEntries(ids.map((id) => [id, `ping/${id}`])),
          outputs: ['pong'],
        },
      ];
      const run = await measureFlow(nodes, { bytes: 8, warmup: warmupFor(8), count: 10_000 });
      return { [name]: run.pairs('pong').first };
    },
  };
}

/** Shared memory is granted up to half of what the machine has to spare; an output of large messages takes a few of them. */
function memoryFor(bytes: number): Requirement {
  return {
    title: `payloads of ${bytes / MIB} MiB`,
    effort: 'none',
    isHere: () => freemem() > 16 * bytes,
    async install() {
      throw new Error(
        `they want ${(16 * bytes) / (KIB * MIB)} GiB of free memory, there are ${(freemem() / (KIB * MIB)).toFixed(1)}`,
      );
    },
  };
}

/** Writing 256 MiB takes its time: large payloads come fewer than 10,000 times. */
function payload(bytes: number): Case {
  const { label } = size(bytes);
  const name = `latency-payload-${label}`;
  const count = Math.min(10_000, Math.max(30, Math.floor((8 * KIB * MIB) / bytes)));
  return {
    rows: [
      {
        name,
        unit: 'µs',
        mode: 'for await, asleep, from send',
        ...(bytes === 8 ? {} : { peer: 'latency-payload-8b' }),
      },
    ],
    ...(bytes >= 64 * MIB && { needs: memoryFor(bytes) }),
    async measure() {
      const nodes: FlowNode[] = [
        { id: 'ping', path: nodeSource('ping'), inputs: { pong: 'pong/pong' }, outputs: ['ping'] },
        { id: 'pong', path: nodeSource('pong'), inputs: { ping: 'ping/ping' }, outputs: ['pong'] },
      ];
      const run = await measureFlow(nodes, { bytes, warmup: Math.min(5000, Math.ceil(count / 2)), count });
      return { [name]: run.pairs('pong').first };
    },
  };
}

export const fanOuts = [1, 2, 4, 8, 16, 32, 64] as const;
export const inputCounts = [1, 4, 16, 64, 256] as const;
export const payloads = [8, 64, 512, 4 * KIB, 32 * KIB, 256 * KIB, 2 * MIB, 16 * MIB, 64 * MIB, 256 * MIB] as const;

export const spreadCases: readonly Case[] = [
  ...fanOuts.map(fanOut),
  ...inputCounts.map(inputs),
  ...payloads.map(payload),
];
