/**
 * The words of `dora types`: arguments, options and help. What it does is commands/types.ts.
 *
 * Only words: nothing is read or loaded before the command is used, and --help of it costs nothing. Added by program.ts; a
 * new option is a line here and a field of the options in commands/.
 */

import { Option, type Command } from 'commander';
import type { TypesCommandOptions } from '../commands/types.js';
import type { CommandContext } from './command-words.js';

export function addTypes(program: Command, { console, done }: CommandContext): void {
  program
    .command('types')
    .summary('write the inputs and outputs of each node as TypeScript types')
    .description('Writes an interface for each node and operator of a dataflow: ids, and what they carry.')
    .argument('<file>', 'the dataflow file')
    .option('-o, --out <file>', 'where to write; - is standard output (default: dora-types.ts beside the dataflow)')
    .addOption(new Option('-w, --watch', 'write again whenever the dataflow changes, until Ctrl-C').default(false))
    .addOption(
      new Option('--check', 'write nothing; exit code 1 when the file is not up to date')
        .default(false)
        .conflicts('watch'),
    )
    .addHelpText('after', help)
    .action(async (file: string, options: TypesCommandOptions) => {
      const { typesCommand } = await import('../commands/types.js');
      done(await typesCommand(file, options, console));
    });
}

const help = `
Examples:
  dora types dataflow.yml                    writes dora-types.ts
  dora types dataflow.yml --watch            keeps it up to date while you edit
  dora types dataflow.yml --check            in CI
  dora types dataflow.yml --out src/io.ts

In a node: import type { CameraIo } from './dora-types.js';
           await using node = await Node.connect<CameraIo>();

Exit code: 0 written or up to date (--watch: ended by Ctrl-C), 1 the dataflow has
errors or the file could not be written (--check: is not up to date), 2 wrong
command line.`;
