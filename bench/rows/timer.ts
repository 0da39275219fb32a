/**
 * Timers: how evenly the ticks of a 1 kHz timer arrive in a TypeScript node that does nothing else, and how far they have moved
 * against the clock after a minute.
 */

import { measureFlow } from '../measure.js';
import { nodeSource } from '../programs.js';
import { timerOf } from '../statistics.js';
import type { Case, Row, Samples } from './row.js';

const PERIOD_NS = 1e6;
const SECONDS = 60;
const JITTER: Row = { name: 'latency-timer-jitter', unit: 'µs', mode: '1 kHz, distance of ticks from 1 ms' };
const DRIFT: Row = { name: 'latency-timer-drift', unit: 'µs', mode: '1 kHz, after a minute (--quick: 3 s)' };
const MISSED: Row = { name: 'latency-timer-missed', unit: 'count', mode: '1 kHz, ticks missed meanwhile' };

export const timerCases: readonly Case[] = [
  {
    rows: [JITTER, DRIFT, MISSED],
    quick: true,
    async measure(quick: boolean): Promise<Samples> {
      const warmup = 100;
      const nodes = [{ id: 'timer', path: nodeSource('timer'), inputs: { tick: 'dora/timer/millis/1' } }];
      const settings = { bytes: 8, warmup, count: quick ? 3000 : SECONDS * 1000 };
      const { first, second } = (await measureFlow(nodes, settings)).pairs('timer');
      const [arrivals, numbers] = [first.subarray(warmup), second.subarray(warmup)];
      const { jitterNs, driftNs } = timerOf(arrivals, numbers, PERIOD_NS);
      const missed = (numbers.at(-1) ?? NaN) - (numbers[0] ?? NaN) + 1 - numbers.length;
      return { [JITTER.name]: jitterNs, [DRIFT.name]: [Math.abs(driftNs)], [MISSED.name]: [missed] };
    },
  },
];
