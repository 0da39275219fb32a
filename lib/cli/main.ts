#!/usr/bin/env node
/**
 * The command `dora`: words of the command line -> a command of commands/, and its exit code.
 *
 * commander knows the words; each command is loaded when it is used, since the time to the first message counts. This
 * is the only file in lib/ that ends the process. Exit codes: 0 in order, 1 a failure, 2 a wrong command line.
 */

import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { Console } from './console.js';
import { parseDuration } from './duration.js';
import type { RunCommandOptions } from './commands/run.js';

const USAGE = 2;

const console = new Console();

async function main(): Promise<number> {
  let exitCode = 0;
  const program = makeProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      exitCode = error.exitCode === 0 ? 0 : USAGE;
      if (error.code === 'commander.unknownCommand') hintAtRun(process.argv[2] ?? '');
    } else {
      console.showError(error);
      exitCode = 1;
    }
  }
  await console.flush();
  return exitCode;
}

function makeProgram(done: (exitCode: number) => void): Command {
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
    .showHelpAfterError('("dora --help" lists the commands, "dora help COMMAND" explains one)')
    .addHelpText('after', programExamples);
  addRun(program, done);
  addCheck(program, done);
  addGraph(program, done);
  return program;
}

function addRun(program: Command, done: (exitCode: number) => void): void {
  program
    .command('run')
    .summary('build and run a dataflow until it ends')
    .description('Builds and runs a dataflow on this machine until all its nodes have ended, one fails, or Ctrl-C.')
    .argument('<file>', 'the dataflow file')
    .option('--no-build', 'do not run the "build:" commands first')
    .option('--release', 'set DORA_RELEASE=1: nodes check the lifetimes of samples less strictly', false)
    .option('-e, --env <NAME=VALUE>', 'a variable for every node; may be repeated', collectEnv, {})
    .addOption(durationOption('--stop-after <time>', 'stop in order this long after the start: 500ms, 10s, 2m'))
    .addOption(durationOption('--stop-timeout <time>', 'from the stop event to SIGTERM').default(5000, '5s'))
    .addOption(durationOption('--kill-timeout <time>', 'from SIGTERM to SIGKILL').default(5000, '5s'))
    .option('--json', 'print one JSON object a line: events, and the summary last', false)
    .option('-q, --quiet', 'print only what goes wrong', false)
    .addHelpText('after', runExamples)
    .action(async (file: string, options: RunCommandOptions) => {
      const { runCommand } = await import('./commands/run.js');
      done(await runCommand(file, options, console));
    });
}

function addCheck(program: Command, done: (exitCode: number) => void): void {
  program
    .command('check')
    .alias('validate')
    .summary('find every mistake in a dataflow file')
    .description('Reads a dataflow file and reports every mistake with its place and a way out. Starts nothing.')
    .argument('<file>', 'the dataflow file')
    .option('--json', 'print the result as one JSON object', false)
    .option('-q, --quiet', 'print errors only', false)
    .action(async (file: string, options: { json: boolean; quiet: boolean }) => {
      const { checkCommand } = await import('./commands/check.js');
      done(checkCommand(file, options, console));
    });
}

function addGraph(program: Command, done: (exitCode: number) => void): void {
  program
    .command('graph')
    .summary('draw a dataflow as a Mermaid flowchart')
    .description('Prints the dataflow as a Mermaid flowchart, which GitHub and many editors draw.')
    .argument('<file>', 'the dataflow file')
    .action(async (file: string) => {
      const { graphCommand } = await import('./commands/graph.js');
      done(graphCommand(file, console));
    });
}

function durationOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string) => {
    const ms = parseDuration(text);
    if (ms === undefined) throw new InvalidArgumentError('A duration has a number and a unit: 500ms, 10s, 2m, 1h.');
    return ms;
  });
}

function collectEnv(text: string, known: Readonly<Record<string, string>>): Record<string, string> {
  const match = /^([^=\s]+)=(.*)$/s.exec(text);
  if (match?.[1] === undefined) throw new InvalidArgumentError('Write NAME=VALUE.');
  return { ...known, [match[1]]: match[2] ?? '' };
}

function hintAtRun(word: string): void {
  if (!/\.ya?ml$/.test(word)) return;
  console.errorLine(`  ${console.colorErr.dim('hint:')} to run a file: dora run ${word}`);
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const programExamples = `
Examples:
  dora run dataflow.yml                 build and run; Ctrl-C stops in order
  dora run dataflow.yml --stop-after 10s
  dora check dataflow.yml               find mistakes without running
  dora graph dataflow.yml > graph.mmd   draw it

Every error has a code; docs/errors.md says what each means and what to do.`;

const runExamples = `
Examples:
  dora run dataflow.yml
  dora run dataflow.yml --no-build --env SPEED=2 --stop-after 10s
  dora run dataflow.yml --json | jq 'select(.event == "finished").nodes'

Ctrl-C sends every node a stop event, SIGTERM after --stop-timeout, SIGKILL after
--kill-timeout more. A second Ctrl-C ends everything at once. SIGTERM is as Ctrl-C.
Exit code: 0 ended or stopped in order, 1 a node failed or the dataflow could not
start, 2 wrong command line, 130 ended by a second Ctrl-C.`;

// Last, when everything above exists.
process.exit(await main());
