/**
 * The words of `dora new`: arguments, options and help. What it does is commands/new.ts.
 *
 * Only words: nothing is read or loaded before the command is used, and --help of it costs nothing. Added by program.ts; a
 * new template is a word here, one in project-template.ts, and a folder in templates/new.
 */

import { Option, type Command } from 'commander';
import type { NewCommandOptions } from '../commands/new.js';
import type { TemplateName } from '../project-template.js';
import type { CommandContext } from './command-words.js';

const templates: readonly TemplateName[] = ['typescript', 'javascript', 'c-operator', 'c-node'];

export function addNew(program: Command, { console, done }: CommandContext): void {
  program
    .command('new')
    .summary('make a project that runs at once')
    .description('Makes a folder with a dataflow that runs at once, is type-checked and has a test.')
    .argument('<name>', 'name of the project and of its folder; may be a path, and . is the current folder')
    .addOption(
      new Option('-t, --template <template>', 'what its nodes are written in')
        .choices(templates)
        .default('typescript', 'typescript'),
    )
    .addHelpText('after', help)
    .action(async (name: string, options: NewCommandOptions) => {
      const { newCommand } = await import('../commands/new.js');
      done(newCommand(name, options, console));
    });
}

const help = `
Examples:
  dora new my-robot
  dora new my-robot --template c-operator   # C in a runtime node, wired to JavaScript
  dora new my-robot --template c-node       # a C program, wired to JavaScript

Nothing is overwritten: the folder must not exist, or be empty.

Exit code: 0 made, 1 not made, 2 wrong command line.`;
