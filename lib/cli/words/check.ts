/**
 * The words of `dora check`: arguments, options and help. What it does is commands/check.ts.
 *
 * Only words: nothing is read or loaded before the command is used, and --help of it costs nothing. Added by program.ts; a
 * new option is a line here and a field of the options in commands/.
 */

import type { Command } from 'commander';
import type { CommandContext } from './command-words.js';

export function addCheck(program: Command, { console, done }: CommandContext): void {
  program
    .command('check')
    .alias('validate')
    .summary('find every mistake in a dataflow file')
    .description('Reads a dataflow file and reports every mistake with its place and a way out. Starts nothing.')
    .argument('<file>', 'the dataflow file')
    .option('--json', 'print the result as one JSON object', false)
    .option('-q, --quiet', 'print errors only', false)
    .action(async (file: string, options: { json: boolean; quiet: boolean }) => {
      const { checkCommand } = await import('../commands/check.js');
      done(checkCommand(file, options, console));
    });
}
