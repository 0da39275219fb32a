/**
 * The command line as a whole: the list of commands, and what commander does for all of them (help, errors, colours).
 *
 * Words of a command stand in words/<verb>.ts, what it does in commands/<verb>.ts; the order here is that of `dora --help`.
 * Nothing here ends the process: exitOverride() makes commander throw, and main.ts decides.
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command, Help, type Option } from 'commander';
import { packageRoot } from '../native/package-root.js';
import { addBuild } from './words/build.js';
import { addCheck } from './words/check.js';
import type { AddCommand, CommandContext } from './words/command-words.js';
import { addExpand } from './words/expand.js';
import { addGraph } from './words/graph.js';
import { addNew } from './words/new.js';
import { addRun } from './words/run.js';
import { addTypes } from './words/types.js';

const commands: readonly AddCommand[] = [
  // One a line, in the order of the help.
  addNew,
  addRun,
  addBuild,
  addCheck,
  addGraph,
  addTypes,
  addExpand,
];

export function makeProgram(context: CommandContext): Command {
  const { console } = context;
  const program = new Command('dora')
    .description('Dataflow for robots: runs the nodes of a YAML file and moves their messages through shared memory.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        console.out.write(text);
      },
      writeErr: (text) => {
        console.err.write(text);
      },
      getOutHasColors: () => console.color.level > 0,
      getErrHasColors: () => console.colorErr.level > 0,
      outputError: (text, write) => {
        write(text.replace(/^error:/, console.colorErr.red('error')));
      },
    })
    .configureHelp({ optionDescription: (option) => optionDescription(option) })
    .showHelpAfterError('("dora --help" lists the commands, "dora help COMMAND" explains one)')
    .addHelpText('after', help);
  for (const add of commands) add(program, context);
  return program;
}

/** As commander's, without "(default: false)" behind every flag. */
function optionDescription(option: Option): string {
  return option.defaultValue === false ? option.description : new Help().optionDescription(option);
}

function version(): string {
  const text = readFileSync(path.join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const help = `
Examples:
  dora new my-robot                     make a project that runs at once
  dora run dataflow.yml                 build and run; Ctrl-C stops in order
  dora run dataflow.yml --stop-after 10s
  dora build dataflow.yml               only its build: commands
  dora check dataflow.yml               find mistakes without running
  dora graph dataflow.yml --open        draw it
  dora types dataflow.yml --watch       TypeScript types of its inputs and outputs

Every error has a code; docs/errors.md says what each means and what to do.`;
