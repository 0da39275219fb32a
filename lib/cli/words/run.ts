/**
 * The words of `dora run`: arguments, options and help. What it does is commands/run.ts.
 *
 * Defaults of the command stand here; run() has its own in run-api.ts, which a program sees. Only words: nothing is loaded
 * before the command is used. Added by program.ts.
 */

import type { Command } from 'commander';
import type { RunCommandOptions } from '../commands/run.js';
import { durationOption, envFileOption, envOption, type CommandContext } from './command-words.js';

export function addRun(program: Command, { console, done }: CommandContext): void {
  program
    .command('run')
    .summary('build and run a dataflow until it ends')
    .description('Builds and runs a dataflow on this machine until all its nodes have ended, one fails, or Ctrl-C.')
    .argument('<file>', 'the dataflow file')
    .option('--no-build', 'do not run the "build:" commands first')
    .option('--allow-shell-nodes', 'let nodes with "path: shell" run their command lines')
    .option('--release', 'set DORA_RELEASE=1: nodes check the lifetimes of samples less strictly', false)
    .addOption(envOption('a variable for every node; may be repeated'))
    .addOption(envFileOption())
    .addOption(durationOption('--stop-after <time>', 'stop in order this long after the start: 500ms, 10s, 2m'))
    .addOption(durationOption('--stop-timeout <time>', 'from the stop event to SIGTERM').default(5000, '5s'))
    .addOption(durationOption('--kill-timeout <time>', 'from SIGTERM to SIGKILL').default(5000, '5s'))
    .option('--json', 'print one JSON object a line: events, and the summary last', false)
    .option('-q, --quiet', 'print only what goes wrong', false)
    .addHelpText('after', help)
    .action(async (file: string, options: RunCommandOptions) => {
      const { runCommand } = await import('../commands/run.js');
      done(await runCommand(file, options, console));
    });
}

const help = `
Examples:
  dora run dataflow.yml
  dora run dataflow.yml --no-build --env SPEED=2 --stop-after 10s
  dora run dataflow.yml --json | jq 'select(.event == "finished").nodes'

Ctrl-C sends every node a stop event, SIGTERM after --stop-timeout, SIGKILL after
--kill-timeout more. A second Ctrl-C ends everything at once. SIGTERM is as Ctrl-C.

Exit code: 0 ended or stopped in order, 1 a node failed or the dataflow could not
start, 2 wrong command line, 130 ended by a second Ctrl-C.`;
