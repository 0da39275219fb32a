/**
 * The words of `dora graph`: arguments, options and help. What it does is commands/graph.ts.
 *
 * Only words: nothing is read or loaded before the command is used, and --help of it costs nothing. Added by program.ts; a
 * new option is a line here and a field of the options in commands/.
 */

import type { Command } from 'commander';
import type { GraphCommandOptions } from '../commands/graph.js';
import { envFileOption, envOption, type CommandContext } from './command-words.js';

export function addGraph(program: Command, { console, done }: CommandContext): void {
  program
    .command('graph')
    .summary('draw a dataflow as a Mermaid flowchart')
    .description('Prints the dataflow as a Mermaid flowchart, which GitHub and many editors draw.')
    .argument('<file>', 'the dataflow file')
    .addOption(envOption('a variable that $NAME stands for, as in dora run; may be repeated'))
    .addOption(envFileOption())
    .action(async (file: string, options: GraphCommandOptions) => {
      const { graphCommand } = await import('../commands/graph.js');
      done(graphCommand(file, options, console));
    });
}
