/**
 * The options of `npm run bench`.
 */

import { Command, Option } from 'commander';
import { placements } from './machine.js';
import type { Placement } from './machine.js';

export interface Options {
  readonly json: boolean;
  readonly only: string;
  readonly quick: boolean;
  readonly gate: boolean;
  readonly install: boolean;
  readonly verbose: boolean;
  readonly writeDocs: boolean;
  readonly placement: Placement;
}

/** Ends the process with code 2 and a line on stderr when one is wrong. */
export function readOptions(args: readonly string[]): Options {
  const command = new Command('npm run bench --')
    .description(
      'Measures messages, operators, starts and memory beside what a user would pick instead. See bench/README.md.',
    )
    .option('--json', '{ machine, rows } on stdout, nothing else there', false)
    .option('--only <prefix>', 'rows whose names start so, and the rows they are compared with', '')
    .option('--quick', 'under a minute: one round, fewer rows, no peer that has to be installed', false)
    .option('--gate', 'exit with 1 when a figure is more than twice off its goal', false)
    .option('--install', 'get every peer, also those that take long to compile; measures nothing', false)
    .option('--verbose', 'a line on stderr for whatever was measured, with the seconds it took', false)
    .addOption(
      new Option('--write-docs', 'write docs/performance.md and its charts, of all rows')
        .default(false)
        .conflicts(['only', 'quick', 'install']),
    )
    .addOption(
      new Option('--placement <where>', 'sender and receiver: a core each, on one, or where the scheduler puts them')
        .choices(placements)
        .default('apart'),
    )
    .allowExcessArguments(false)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  return command.parse(args, { from: 'user' }).opts<Options>();
}
