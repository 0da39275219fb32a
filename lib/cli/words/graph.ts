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
    .summary('draw a dataflow: Mermaid, or a page for a browser')
    .description('Draws a dataflow: as a Mermaid flowchart, which GitHub and many editors show, or as an HTML page.')
    .argument('<file>', 'the dataflow file')
    .option('--html', 'one HTML file that needs no network: the drawing, with details under the pointer', false)
    .option('-o, --out <file>', 'write the drawing there instead of printing it')
    .option('--open', 'show the page in the browser (with --html, also when that is not given)', false)
    .addOption(envOption('a variable that $NAME stands for, as in dora run; may be repeated'))
    .addOption(envFileOption())
    .addHelpText('after', help)
    .action(async (file: string, options: GraphCommandOptions) => {
      const { graphCommand } = await import('../commands/graph.js');
      done(await graphCommand(file, options, console));
    });
}

const help = `
Examples:
  dora graph dataflow.yml > graph.mmd
  dora graph dataflow.yml --open
  dora graph dataflow.yml --html --out graph.html

Exit code: 0 drawn, 1 not drawn or not shown, 2 wrong command line.`;
