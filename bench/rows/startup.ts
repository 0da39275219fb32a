/**
 * From the start of the command until the first message has arrived: `dora run` of two trivial nodes in TypeScript, compiled once before,
 * as a second run by a user is; beside dora's `dora run` of two nodes in Rust.
 */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { environment, withFolder } from '../measure.js';
import { readPairs } from '../pairs.js';
import { doraRust, measureDora } from '../peers/dora.js';
import { nodeSource, projectRoot } from '../programs.js';
import { runProgram } from '../run-program.js';
import type { Case, Row, Samples } from './row.js';

const DORA: Row = {
  name: 'startup-dora-rust',
  unit: 'ms',
  mode: 'its `dora run`, two Rust nodes, until the first message',
};
const OURS: Row = {
  name: 'startup-ts',
  unit: 'ms',
  mode: '`dora run`, two TS nodes, until the first message',
  peer: DORA.name,
  goal: { ratioAtMost: 0.5 },
};
/** A round. Starts are slow: p99 is the slowest of a dozen. */
const STARTS = 4;
const settings = { bytes: 8, warmup: 0, count: 1, unplaced: true };

async function startOnce(): Promise<number> {
  return withFolder(async (folder) => {
    const file = path.join(folder, 'dataflow.yml');
    const resultFile = path.join(folder, 'arrival');
    const nodes = [
      { id: 'first', path: nodeSource('first'), outputs: ['out'] },
      { id: 'arrival', path: nodeSource('arrival'), inputs: { in: 'first/out' }, env: { BENCH_RESULT: resultFile } },
    ];
    writeFileSync(file, JSON.stringify({ nodes }));
    const env = { ...process.env, ...environment(settings) };
    const began = process.hrtime.bigint();
    const command = path.join(projectRoot, 'dist/cli/main.js');
    await runProgram({ file: process.execPath, args: [command, 'run', file] }, { env });
    return (readPairs(resultFile)?.first[0] ?? NaN) - Number(began);
  });
}

async function startDora(): Promise<number> {
  const nodes = [
    { id: 'first', role: 'first', outputs: ['out'], inputs: { stop: 'arrival/done' } },
    { id: 'arrival', role: 'arrival', inputs: { in: 'first/out' }, outputs: ['done'] },
  ];
  const run = await measureDora('rust', nodes, settings);
  return (run.pairs('arrival').first[0] ?? NaN) - Number(run.beganNs);
}

async function times(count: number, start: () => Promise<number>): Promise<number[]> {
  const found: number[] = [];
  for (let index = 0; index < count; index++) found.push(await start());
  return found;
}

export const startupCases: readonly Case[] = [
  {
    rows: [OURS],
    quick: true,
    rounds: true,
    async measure(): Promise<Samples> {
      await startOnce();
      return { [OURS.name]: await times(STARTS, startOnce) };
    },
  },
  {
    rows: [DORA],
    peer: doraRust,
    rounds: true,
    measure: async (): Promise<Samples> => ({ [DORA.name]: await times(STARTS, startDora) }),
  },
];
