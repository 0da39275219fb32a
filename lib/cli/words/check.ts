/**
 * The words of `dora check`: arguments, options and help. What it does is commands/check.ts.
 *
 * Only words: nothing is read or loaded before the command is used, and --help of it costs nothing. Added by program.ts; a
 * new option is a line here and a field of the options in commands/.
 */

import { Option, type Command } from 'commander';
import type { CheckCommandOptions } from '../commands/check.js';
import { envFileOption, envOption, type CommandContext } from './command-words.js';

export function addCheck(program: Command, { console, done }: CommandContext): void {
  program
    .command('check')
    .alias('validate')
    .summary('find every mistake in dataflow files')
    .description('Reads dataflow files and reports every mistake with its place and a way out. Starts nothing.')
    .argument('<file...>', 'dataflow files, modules, single nodes or clusters; - is standard input')
    .addOption(
      new Option('--format <format>', 'text for people, one JSON object, SARIF 2.1.0, or GitHub annotations')
        .choices(['text', 'json', 'sarif', 'github'])
        .default('text', 'text'),
    )
    .option('--json', 'the same as --format json', false)
    .option(
      '--no-files',
      'look at the text alone: programs and folders may be missing, and nodes that sources name (a warning)',
    )
    .option('--cluster <file>', 'look whether the machines of this cluster can take the nodes ("deploy")')
    .option('--strict', 'fail on warnings as well', false)
    .option('--strict-types', 'what is wrong with types is an error, as with strict_types: true in the file', false)
    .addOption(envOption('a variable that $NAME stands for, as in dora run; may be repeated'))
    .addOption(envFileOption())
    .option('--stdin-filename <file>', 'what - counts as: named in messages, relative paths start beside it', '<stdin>')
    .option('-q, --quiet', 'print errors only (with --strict: and warnings)', false)
    .addHelpText('after', help)
    .action(async (files: string[], { json, ...options }: CheckCommandOptions & { json: boolean }) => {
      const { checkCommand } = await import('../commands/check.js');
      done(await checkCommand(files, json ? { ...options, format: 'json' } : options, console));
    });
}

const help = `
Examples:
  dora check dataflow.yml
  dora check flows/*.yml --strict --no-files
  dora check dataflow.yml --format sarif > dora.sarif
  dora check dataflow.yml --format github       # in a GitHub workflow
  git show HEAD:dataflow.yml | dora check - --stdin-filename dataflow.yml

Exit code: 0 every file is in order, 1 a file has errors (with --strict: or
warnings) or is not there, 2 wrong command line.`;
