/**
 * The words of `dora expand`: arguments, options and help. What it does is commands/expand.ts.
 *
 * Only words: nothing is read or loaded before the command is used, and --help of it costs nothing. Added by program.ts; a
 * new option is a line here and a field of the options in commands/.
 */

import type { Command } from 'commander';
import type { ExpandCommandOptions } from '../commands/expand.js';
import { envFileOption, envOption, type CommandContext } from './command-words.js';

export function addExpand(program: Command, { console, done }: CommandContext): void {
  program
    .command('expand')
    .summary('print a dataflow with its modules put in')
    .description(
      'Prints the dataflow as one YAML file in which the nodes of all modules are written out. Starts nothing.',
    )
    .argument('<file>', 'the dataflow file')
    .addOption(envOption('a variable that goes into the root\'s "env", as in dora run; may be repeated'))
    .addOption(envFileOption())
    .addHelpText('after', help)
    .action(async (file: string, options: ExpandCommandOptions) => {
      const { expandCommand } = await import('../commands/expand.js');
      done(expandCommand(file, options, console));
    });
}

const help = `
Examples:
  dora expand dataflow.yml
  dora expand dataflow.yml > flat.yml && dora run flat.yml

What is printed belongs into the folder of the file: paths start there.

Exit code: 0 printed, 1 the file has errors, is a module or is not there, 2 wrong
command line.`;
