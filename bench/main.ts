/**
 * `npm run bench`: measures what users would feel, through what users would call. See bench/README.md.
 *
 *   npm run bench                          the table
 *   npm run bench -- --json                { machine, rows } on stdout, nothing else there
 *   npm run bench -- --only latency-ts     rows whose names start so, and the rows they are compared with
 *   npm run bench -- --quick               one short round instead of three
 *   npm run bench -- --placement same      both processes of a row on one core; free: where the scheduler puts them
 *
 * Rounds take all cases in turn, so that a slow minute of the machine falls on a row and on its peer. Exit code 1 when a row could
 * not be measured; missed goals are figures, not failures.
 */

import { parseArgs } from 'node:util';
import { describeMachine, placements, warnings } from './machine.js';
import type { Placement } from './machine.js';
import { setPlacement } from './measure.js';
import { Recorder, toTable } from './report.js';
import { allRows, casesFor } from './rows/cases.js';
import type { Case, Scale } from './rows/row.js';

const FULL = { rounds: 3, scale: { factor: 1 } };
const QUICK = { rounds: 1, scale: { factor: 0.5 } };

function usage(problem: string): never {
  process.stderr.write(
    `${problem}\nusage: npm run bench -- [--json] [--only PREFIX] [--quick] [--placement apart|same|free]\n`,
  );
  process.exit(2);
}

interface Options {
  json: boolean;
  only: string;
  quick: boolean;
  placement: Placement;
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        only: { type: 'string', default: '' },
        quick: { type: 'boolean', default: false },
        placement: { type: 'string', default: 'apart' },
      },
    });
    const placement = placements.find((name) => name === values.placement);
    return placement === undefined ? usage(`there is no placement "${values.placement}"`) : { ...values, placement };
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
}

/** Runs a case and records its rows; false when it could not be measured. */
async function measure(one: Case, scale: Scale, recorder: Recorder): Promise<boolean> {
  try {
    const samples = await one.measure(scale);
    one.rows.forEach((row, index) => {
      recorder.add(row, samples[index] ?? new Float64Array());
    });
    return true;
  } catch (error) {
    const names = one.rows.map(({ name }) => name).join(', ');
    process.stderr.write(`${names} could not be measured: ${error instanceof Error ? error.message : String(error)}\n`);
    return false;
  }
}

async function main(): Promise<void> {
  const { json, only, quick, placement } = readOptions();
  const cases = casesFor(only);
  if (cases.length === 0) {
    usage(`no row starts with "${only}"; there are:\n  ${allRows.map(({ name }) => name).join('\n  ')}`);
  }
  const machine = describeMachine(placement);
  setPlacement(placement);
  for (const warning of warnings(machine)) process.stderr.write(`warning: ${warning}\n`);

  const { rounds, scale } = quick ? QUICK : FULL;
  const recorder = new Recorder();
  const broken = new Set<Case>();
  for (let round = 1; round <= rounds; round++) {
    for (const one of cases.filter((candidate) => !broken.has(candidate))) {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${round}/${rounds} ${one.rows[0]?.name ?? ''}`);
      if (!(await measure(one, scale, recorder))) broken.add(one);
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');

  const rows = recorder.results(allRows);
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine, rows }, null, 2)}\n`);
  } else {
    const { cpu, cores, memoryGiB, kernel, node, load } = machine;
    process.stdout.write(
      `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, Node ${node}, load ${load}, ${placement}\n`,
    );
    process.stdout.write(`${toTable(rows)}\n`);
  }
  if (broken.size > 0) process.exitCode = 1;
}

await main();
