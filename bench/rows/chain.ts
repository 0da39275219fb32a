/**
 * Chains of nodes, each of which sends on what it gets, at 100 messages a second: how long one hop takes, whether everything
 * arrives, how long such a dataflow takes to start and to stop. Queues are the defaults: 10, drop_oldest. With 100 processes
 * there is no core for each, so the scheduler places all of them.
 */

import { measureFlow } from '../measure.js';
import type { FlowNode } from '../measure.js';
import { doraRust, measureDora } from '../peers/dora.js';
import { nodeSource } from '../programs.js';
import type { Case, Row } from './row.js';

const WARMUP = 200;
/** Ten seconds. */
const COUNT = 1000;

export const lengths = [2, 5, 10, 20, 50, 100] as const;

/** The id of the node at a place of the chain. */
const idAt = (place: number): string => `n${place}`;

function rowsOf(length: number): Row[] {
  const mode = `${length} TS nodes, 100 Hz`;
  const goal = length === 100;
  return [
    {
      name: `chain-${length}`,
      unit: 'µs',
      mode: `${mode}, one hop`,
      ...(length === 2 ? {} : { peer: 'chain-2' }),
      ...(goal && { goal: { ratioAtMost: 2 } }),
    },
    {
      name: `chain-${length}-delivered`,
      unit: '%',
      mode: `${mode}, messages that arrive`,
      goal: { valueAtLeast: 100 },
    },
    {
      name: `chain-${length}-start`,
      unit: 's',
      mode: `${mode}, until all have joined`,
      ...(goal && { goal: { valueAtMost: 10 } }),
    },
    {
      name: `chain-${length}-stop`,
      unit: 's',
      mode: `${mode}, after a stop`,
      ...(goal && { goal: { valueAtMost: 2 } }),
    },
  ];
}

function flow(length: number): FlowNode[] {
  return Array.from({ length }, (_, place) => {
    const program = place === 0 ? 'chain-source' : place === length - 1 ? 'chain-sink' : 'relay';
    const source = place === 0 ? 'dora/timer/hz/100' : `${idAt(place - 1)}/out`;
    const outputs = place === length - 1 ? {} : { outputs: ['out'] };
    return { id: idAt(place), path: nodeSource(program), inputs: { in: source }, ...outputs };
  });
}

function chain(length: number): Case {
  const name = `chain-${length}`;
  return {
    rows: rowsOf(length),
    quick: length === 2 || length === 10,
    async measure(quick) {
      const settings = { bytes: 8, warmup: quick ? 50 : WARMUP, count: quick ? 200 : COUNT, unplaced: true };
      const run = await measureFlow(flow(length), settings, { lossy: true });
      const { first, second } = run.pairs(idAt(length - 1));
      const [came = NaN, sent = NaN] = [first.at(-1), second.at(-1)];
      return {
        [name]: first.subarray(0, -1).map((ns) => ns / (length - 1)),
        [`${name}-delivered`]: [(100 * came) / sent],
        [`${name}-start`]: [run.startMs / 1000],
        [`${name}-stop`]: [run.stopMs / 1000],
      };
    },
  };
}

/** Longer ones of it take minutes to start and to stop. */
function doraChain(length: number): Case {
  const name = `chain-dora-rust-${length}`;
  return {
    rows: [{ name, unit: 'µs', mode: `${length} Rust nodes of dora, 100 Hz, one hop`, peer: `chain-${length}` }],
    peer: doraRust,
    async measure() {
      const nodes = Array.from({ length }, (_, place) => ({
        id: idAt(place),
        role: place === 0 ? 'tick' : place === length - 1 ? 'end' : 'relay',
        inputs: { in: place === 0 ? 'dora/timer/millis/10' : `${idAt(place - 1)}/out` },
        outputs: place === length - 1 ? [] : ['out'],
      }));
      const run = await measureDora('rust', nodes, { bytes: 8, warmup: 100, count: 500 });
      return { [name]: run.pairs(idAt(length - 1)).first.map((ns) => ns / (length - 1)) };
    },
  };
}

export const chainCases: readonly Case[] = [...lengths.map(chain), doraChain(2), doraChain(10)];
