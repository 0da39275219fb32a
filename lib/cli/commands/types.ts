/**
 * `dora types FILE`: the inputs and outputs of each node as TypeScript types, in a file beside the dataflow.
 *
 * The text is lib/descriptor's; this file reads, compares and writes. A file is written whole or not at all, only when it
 * changes, and only over one that this command wrote. A dataflow with errors leaves the last good file where it is: with
 * --watch the errors are shown, and the next change is waited for.
 */

import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { GENERATED_MARK, formatDiagnostics, readDataflow, toTypeScript } from '../../descriptor/index.js';
import { DoraError } from '../../errors.js';
import { plainLine } from '../../message/plain-text.js';
import type { Console } from '../console.js';
import { notADataflow } from '../not-a-dataflow.js';

/** The command line's options, checked. */
export interface TypesCommandOptions {
  /** Absent: dora-types.ts beside the dataflow. `-`: standard output. */
  readonly out?: string;
  readonly watch: boolean;
  readonly check: boolean;
}

const USAGE = 2;
const WAITING = 'not written; waiting for a change';

export async function typesCommand(file: string, options: TypesCommandOptions, console: Console): Promise<number> {
  const out = options.out ?? path.join(path.dirname(file), 'dora-types.ts');
  if (out === '-' && (options.watch || options.check)) {
    const hint = 'Leave --out away, or name a file.';
    const flag = options.watch ? '--watch' : '--check';
    console.showError(new DoraError('INVALID_ARGUMENT', `${flag} needs a file, and --out - is none`, { hint }));
    return USAGE;
  }
  if (options.watch) return await watch(file, out, console);
  const { text, failure } = generate(file, console);
  if (text === undefined) {
    show(failure, console);
    return 1;
  }
  if (out === '-') {
    console.out.write(text);
    return 0;
  }
  if (!options.check) {
    console.line(`${plainLine(out)}: ${write(out, text) ? 'written' : 'up to date'}`);
    return 0;
  }
  const old = readOld(out);
  if (old === text) {
    console.line(`${plainLine(out)}: up to date`);
    return 0;
  }
  const what = old === undefined ? `${out} is not there` : `${out} is not what ${file} says`;
  const hint = `Write it again: dora types ${file}${options.out === undefined ? '' : ` --out ${options.out}`}`;
  console.showError(new DoraError('TYPES_OUTDATED', what, { hint }));
  return 1;
}

/** The text, or why there is none; and the files that either depends on. */
type Generated = { sources: readonly string[] } & (
  { text: string; failure?: undefined } | { text?: undefined; failure: string | DoraError }
);

function generate(file: string, console: Console): Generated {
  // Types need no programs: they may be written before anything is built.
  const { dataflow, diagnostics, kind, files: sources } = readDataflow(file, { purpose: 'check', files: 'ignore' });
  if (dataflow !== undefined) return { text: toTypeScript(dataflow), sources };
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  if (errors.length > 0) return { failure: formatDiagnostics(errors, { color: console.colorErr.level > 0 }), sources };
  return { failure: notADataflow(file, kind), sources };
}

function show(failure: string | DoraError, console: Console): void {
  if (typeof failure === 'string') console.errorLine(failure);
  else console.showError(failure);
}

/** Writes a text; false when the file has it already. @throws DoraError FILE_NOT_OURS, FILE_NOT_WRITTEN */
function write(out: string, text: string): boolean {
  const old = readOld(out);
  if (old === text) return false;
  if (old !== undefined && old.trim() !== '' && !old.startsWith(GENERATED_MARK)) {
    throw new DoraError('FILE_NOT_OURS', `${out} is there, and was not written by dora types`, {
      hint: 'Name another file by --out, or remove this one.',
    });
  }
  try {
    mkdirSync(path.dirname(out), { recursive: true });
    // A link stays one.
    const target = old === undefined ? out : realpathSync(out);
    const fresh = `${target}.${String(process.pid)}.tmp`;
    try {
      writeFileSync(fresh, text);
      renameSync(fresh, target);
    } catch (error) {
      rmSync(fresh, { force: true });
      throw error;
    }
  } catch (cause) {
    throw notWritten(out, cause);
  }
  return true;
}

/** What is in the file now; undefined when it is not there. @throws DoraError FILE_NOT_WRITTEN */
function readOld(out: string): string | undefined {
  try {
    const status = statSync(out);
    // A device may never end, and a pipe has nothing to compare with; a folder says so itself.
    if (!status.isFile() && !status.isDirectory()) throw new Error('it is a device, pipe or socket');
    return readFileSync(out, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw notWritten(out, cause);
  }
}

function notWritten(out: string, cause: unknown): DoraError {
  return new DoraError('FILE_NOT_WRITTEN', `${out} cannot be written: ${(cause as Error).message}`, {
    hint: 'Look at the path and at the permissions of its folder, or name another file by --out; - is standard output.',
    cause,
  });
}

/** Writes, and again after each change, until a signal. */
async function watch(file: string, out: string, console: Console): Promise<number> {
  const end = endOfWatching(console);
  let last: string | undefined;
  // What was said last is not said again: a look is taken also where a change is only possible.
  const say = (state: string, failure?: string | DoraError): void => {
    const now = `${state} ${String(failure)}`;
    if (last === now && state !== 'written') return;
    last = now;
    if (failure !== undefined) show(failure, console);
    console.line(`${plainLine(out)}: ${state}`);
  };
  const update = (): readonly string[] => {
    const { text, failure, sources } = generate(file, console);
    if (text === undefined) {
      say(WAITING, failure);
      return sources;
    }
    try {
      say(write(out, text) ? 'written' : 'up to date');
    } catch (error) {
      if (!(error instanceof DoraError)) throw error;
      say(WAITING, error);
    }
    return sources;
  };
  const { SourceWatcher } = await import('../source-watcher.js');
  const watcher = await SourceWatcher.start(file, update, (error) => {
    console.showError(error);
  });
  await end;
  await watcher.close();
  return 0;
}

/** Ctrl-C, SIGTERM, a closed terminal, or the end of whoever reads what is printed. */
function endOfWatching(console: Console): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      for (const name of signals) process.off(name, end);
      resolve();
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    for (const name of signals) process.on(name, end);
    console.whenGone(end);
  });
}
