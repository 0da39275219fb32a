#!/usr/bin/env -S node --
/**
 * The command `dora`: words of the command line -> a command of commands/, and its exit code.
 *
 * commander knows the words (program.ts, words/); each command is loaded when it is used, since the time to the first
 * message counts. This is the only file in lib/ that ends the process. Exit codes: 0 in order, 1 a failure (also output
 * that could not be written), 2 a wrong command line. The first line has `--` because Node.js 20 otherwise takes --env-file, wherever it stands, as its own.
 */

import { CommanderError } from 'commander';
import { Console } from './console.js';
import { makeProgram } from './program.js';

const USAGE = 2;

const console = new Console();

async function main(): Promise<number> {
  let exitCode = 0;
  const program = makeProgram({
    console,
    done: (code) => {
      exitCode = code;
    },
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
  return exitCode === 0 && console.hasLostOutput ? 1 : exitCode;
}

function hintAtRun(word: string): void {
  if (!/\.ya?ml$/.test(word)) return;
  console.errorLine(`  ${console.colorErr.dim('hint:')} to run a file: dora run ${word}`);
}

// Last, when everything above exists.
process.exit(await main());
