/**
 * `npm run bench`: measures what users would feel, through what users would call, beside what they would pick instead. See
 * bench/README.md; `npm run bench -- --help` lists the options.
 *
 * Rounds take their cases in turn, so that a slow minute of the machine falls on a row and on its peer. A row that could not be
 * measured, or a peer that is not here, is said in one line on stderr and left out. Exit code 1 when a row of ours could not be
 * measured, or with --gate when a figure is more than twice off its goal; otherwise missed goals are figures, not failures.
 */

import { writeDocs } from './docs.js';
import { judge, summarize } from './gate.js';
import { interrupted, watchSignals } from './leftovers.js';
import { currentLoad, describeMachine, warnings } from './machine.js';
import type { Machine } from './machine.js';
import { setCores } from './measure.js';
import { readOptions } from './options.js';
import type { Options } from './options.js';
import { makeReady } from './peers/peer.js';
import type { Requirement } from './peers/peer.js';
import { Recorder } from './results.js';
import type { Result } from './results.js';
import { allCases, select } from './rows/cases.js';
import type { Case } from './rows/row.js';
import { toTable } from './table.js';

const ROUNDS = 3;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

const requirementsOf = ({ peer, needs }: Case): Requirement[] => [peer, needs].filter((one) => one !== undefined);

/** The cases for which everything is here. Says what is not, each once. */
async function withRequirements(cases: readonly Case[], thorough: boolean): Promise<Case[]> {
  const missing = new Set<Requirement>();
  for (const one of new Set(cases.flatMap(requirementsOf))) {
    const reason = await makeReady(one, thorough, say);
    interrupted.throwIfAborted();
    if (reason === undefined) continue;
    missing.add(one);
    say(`left out: ${one.title}: ${reason}`);
  }
  return cases.filter((one) => !requirementsOf(one).some((requirement) => missing.has(requirement)));
}

/** Measures all cases, round by round. @returns how many rows of our own could not be measured */
async function measureAll(cases: readonly Case[], recorder: Recorder, { quick, verbose }: Options): Promise<number> {
  const broken = new Set<Case>();
  const rounds = quick ? 1 : ROUNDS;
  for (let round = 1; round <= rounds; round++) {
    for (const one of cases) {
      if (broken.has(one) || (round > 1 && one.rounds !== true)) continue;
      const names = one.rows.filter(({ from }) => from === undefined).map(({ name }) => name);
      const title = `${round}/${rounds} ${names[0] ?? ''}`;
      progress(title);
      const began = performance.now();
      try {
        recorder.add(await one.measure(quick));
      } catch (error) {
        interrupted.throwIfAborted();
        broken.add(one);
        progress('');
        say(`could not be measured: ${names.join(', ')}: ${error instanceof Error ? error.message : String(error)}`);
      }
      interrupted.throwIfAborted();
      if (verbose) say(`${title} ${((performance.now() - began) / 1000).toFixed(1)} s`);
    }
  }
  progress('');
  return [...broken].filter(({ peer }) => peer === undefined).length;
}

/** A line of a terminal that the next one overwrites. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function print(machine: Machine, rows: readonly Result[], { json }: Options): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine, rows }, null, 2)}\n`);
    return;
  }
  const { cpu, cores, memoryGiB, kernel, node, load, placement, bound } = machine;
  const where = bound.length === 0 ? 'placed by the scheduler' : `${placement}: cores ${bound.join(' and ')}`;
  process.stdout.write(`${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, Node ${node}, load ${load}, ${where}\n`);
  process.stdout.write(`${toTable(rows)}\n`);
}

async function bench(options: Options): Promise<void> {
  const selection = select(options.only, options.quick);
  if (selection.cases.length === 0) {
    say(`no row${options.quick ? ' of --quick' : ''} starts with "${options.only}"; there are:`);
    for (const { name } of select('', options.quick).rows) say(`  ${name}`);
    process.exitCode = 2;
    return;
  }
  if (options.install) {
    await withRequirements(allCases, true);
    return;
  }
  const machine = describeMachine(options.placement);
  for (const warning of warnings(machine)) say(`warning: ${warning}`);
  setCores(machine.bound);
  const recorder = new Recorder();
  const cases = await withRequirements(selection.cases, false);
  const began = performance.now();
  const broken = await measureAll(cases, recorder, options);
  const rows = recorder.results(selection.rows);
  const seconds = Math.round((performance.now() - began) / 1000);
  const done = { ...machine, loadAfter: currentLoad(), seconds };
  if (rows.length === 0 && !options.json) say('nothing was measured');
  else print(done, rows, options);
  if (options.writeDocs) await writeDocs(done, rows);
  const verdict = judge(rows);
  for (const line of verdict.off) say(line);
  say(summarize(verdict));
  if (broken > 0) say(`rows that could not be measured: ${broken}`);
  if (broken > 0 || (options.gate && verdict.off.length > 0)) process.exitCode = 1;
}

watchSignals();
try {
  await bench(readOptions(process.argv.slice(2)));
} catch (error) {
  if (!interrupted.aborted) throw error;
  progress('');
  say(`${(interrupted.reason as Error).message}: nothing was printed, nothing is left behind`);
}
