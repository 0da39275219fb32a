/**
 * The latency rows of those that we are compared with: the same payload, stamps, placement and answers, through their ways.
 *
 * Three rounds make at least 10,000 messages of the quick ones; slow ones get fewer, the number stands beside each figure.
 */

import { measureDoraPair, doraPython, doraRust } from '../peers/dora.js';
import { iceoryx2, measureIceoryx2 } from '../peers/iceoryx2.js';
import { childProcess, measureNodePeer, net, zeromq } from '../peers/node-peers.js';
import type { Peer } from '../peers/peer.js';
import type { Settings } from '../measure.js';
import type { Pairs } from '../pairs.js';
import { RESTED_COUNT, RESTED_WARMUP, REST_US } from './latency.js';
import type { Case, Row } from './row.js';
import { MIB, size, warmupFor } from './sizes.js';

interface PeerRow {
  readonly name: string;
  readonly mode: string;
  readonly peer: Peer;
  readonly bytes: number;
  readonly count: number;
  readonly pauseUs?: number;
  readonly quick?: boolean;
  readonly run: (settings: Settings) => Promise<Pairs>;
}

function peerCase({ name, mode, peer, bytes, count, pauseUs = 0, quick = false, run }: PeerRow): Case {
  const sent: Row = { name, unit: 'µs', mode };
  const written: Row = { name: `${name}-from-write`, unit: 'µs', mode: `${mode}, from write` };
  return {
    rows: bytes > 8 ? [sent, written] : [sent],
    peer,
    quick,
    rounds: true,
    async measure() {
      const warmup = pauseUs > 0 ? RESTED_WARMUP : warmupFor(bytes);
      const { first, second } = await run({ bytes, warmup, count, pauseUs });
      return { [name]: first, ...(bytes > 8 && { [written.name]: second }) };
    },
  };
}

/** A round. */
const COUNT = 3400;

const small = size(8);
const large = size(4 * MIB);

const nodePeers = (
  [
    ['net', net],
    ['child-process', childProcess],
    ['zeromq', zeromq],
  ] as const
).flatMap(([name, peer]) =>
  [small, large].map(({ label, bytes }) =>
    peerCase({
      name: `latency-${name}-${label}`,
      mode: `${peer.title}, asleep`,
      peer,
      bytes,
      count: bytes === 8 ? COUNT : 500,
      quick: bytes === 8 && name === 'net',
      run: (settings) => measureNodePeer(name, settings),
    }),
  ),
);

const iceoryx2Peers = (['event', 'poll'] as const).flatMap((mode) =>
  [small, large].map(({ label, bytes }) =>
    peerCase({
      name: `latency-iceoryx2-${mode}-${label}`,
      mode: `${iceoryx2.title}, ${mode === 'event' ? 'asleep' : 'spins'}`,
      peer: iceoryx2,
      bytes,
      count: COUNT,
      run: (settings) => measureIceoryx2(mode, settings),
    }),
  ),
);

const doraPeers = (
  [
    ['rust', doraRust, COUNT, 1000],
    ['python', doraPython, COUNT, 300],
  ] as const
).flatMap(([language, peer, smallCount, largeCount]) =>
  [small, large].flatMap(({ label, bytes }) => {
    const one = (suffix: string, mode: string, count: number, pauseUs: number): Case =>
      peerCase({
        name: `latency-dora-${language}-${label}${suffix}`,
        mode: `${peer.title}, ${mode}`,
        peer,
        bytes,
        count,
        pauseUs,
        run: (settings) => measureDoraPair(language, settings),
      });
    const rested = Math.min(RESTED_COUNT, bytes === 8 ? 500 : largeCount);
    return [one('', 'asleep', bytes === 8 ? smallCount : largeCount, 0), one('-5ms', '5 ms rests', rested, REST_US)];
  }),
);

export const latencyPeerCases: readonly Case[] = [...nodePeers, ...iceoryx2Peers, ...doraPeers];
