/**
 * The words of `dora build`: arguments, options and help. What it does is commands/build.ts.
 *
 * Only words: nothing is read or loaded before the command is used, and --help of it costs nothing. Added by program.ts; a
 * new option is a line here and a field of the options in commands/.
 */

import type { Command } from 'commander';
import type { BuildCommandOptions } from '../commands/build.js';
import { envFileOption, envOption, type CommandContext } from './command-words.js';

export function addBuild(program: Command, { console, done }: CommandContext): void {
  program
    .command('build')
    .summary('run the build commands of a dataflow')
    .description('Runs the "build:" commands of a dataflow in order, as dora run does first, and starts nothing.')
    .argument('<file>', 'the dataflow file')
    .option('--release', 'set DORA_RELEASE=1 for the commands', false)
    .addOption(envOption('a variable for every command, under those of the nodes; may be repeated'))
    .addOption(envFileOption())
    .option('--json', 'print one JSON object a line: events, and the summary last', false)
    .option('-q, --quiet', 'print only what goes wrong', false)
    .addHelpText('after', help)
    .action(async (file: string, options: BuildCommandOptions) => {
      const { buildCommand } = await import('../commands/build.js');
      done(await buildCommand(file, options, console));
    });
}

const help = `
Examples:
  dora build dataflow.yml
  dora build dataflow.yml --env CC=clang && dora run dataflow.yml --no-build

The commands see DORA_INCLUDE and DORA_LIB, the folders of dora's C headers and of
libdora: cc -I"$DORA_INCLUDE" node.c -L"$DORA_LIB" -ldora -Wl,-rpath,"$DORA_LIB"

Exit code: 0 built, 1 a command failed or the file has mistakes, 2 wrong command
line, 130 interrupted.`;
