/**
 * What the daemon tells a runtime node's program, in DORA_RUNTIME_CONFIG or, where that is `-`, on standard input: a line of JSON with the
 * number of operators and of workers, then a line for each operator.
 *
 * There may be thousands of operators. They are read line by line, and synchronously into one buffer: what a line needed is garbage before the
 * next comes and never grows old, so the process stays small. Written by runtimeConfigText() for lib/daemon/programs.ts, read by runtime.ts.
 * A line that does not fit means that daemon and runtime are of different versions, or that somebody started the program by hand; either is one
 * error that says so.
 */
import { readSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { DoraError } from '../errors.js';

const id = z.string().min(1);

/** The first line. */
const runtimeHead = z.object({
  /** How many follow: a daemon that is killed while it writes must not start half of them. */
  operators: z.int().min(1),
  /** Workers of the scheduler. */
  threads: z.int().min(1).max(64).default(1),
});

/** One operator. Ids are those of the dataflow file, without the operator's prefix; their order is what indices in C mean. */
const runtimeOperator = z.object({
  id,
  /** Absolute path of the shared library. */
  library: z.string().refine((file) => path.isAbsolute(file), 'must be an absolute path'),
  /** Higher first. */
  priority: z.int().min(0).max(255).default(0),
  inputs: z.array(id),
  outputs: z.array(id),
});

export type RuntimeOperator = z.infer<typeof runtimeOperator>;

/** What the program reads. */
export function runtimeConfigText(operators: readonly object[], threads: number): string {
  return [{ operators: operators.length, threads }, ...operators].map((line) => JSON.stringify(line)).join('\n');
}

/**
 * The lines of DORA_RUNTIME_CONFIG, or of standard input where it says `-`.
 * @throws DoraError NOT_IN_DATAFLOW when it is not there
 */
export function runtimeConfigLines(): Iterable<string> {
  const text = process.env['DORA_RUNTIME_CONFIG'];
  if (text === undefined || text === '') {
    throw new DoraError(
      'NOT_IN_DATAFLOW',
      'DORA_RUNTIME_CONFIG is not set: this runtime node was not started by a dora daemon',
      {
        hint: 'Operators run as part of a dataflow: `dora run dataflow.yml`.',
      },
    );
  }
  return text === '-' ? linesOf(0) : text.split('\n');
}

const NEWLINE = 0x0a;

/** The lines of a file that is read to its end. */
export function* linesOf(fd: number): Generator<string> {
  let buffer = Buffer.alloc(16 * 1024);
  let filled = 0;
  for (;;) {
    const count = readSome(fd, buffer.subarray(filled));
    if (count === 0) break;
    filled += count;
    let begin = 0;
    for (;;) {
      const end = buffer.subarray(0, filled).indexOf(NEWLINE, begin);
      if (end < 0) break;
      yield buffer.toString('utf8', begin, end);
      begin = end + 1;
    }
    buffer.copyWithin(0, begin, filled);
    filled -= begin;
    if (filled === buffer.length) buffer = Buffer.concat([buffer, Buffer.alloc(filled)]);
  }
  if (filled > 0) yield buffer.toString('utf8', 0, filled);
}

/** Waits for bytes, also where whoever shares the descriptor has made it non-blocking. 0: the end. */
function readSome(fd: number, into: Uint8Array): number {
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      return readSync(fd, into);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(nobody, 0, 0, 5);
    }
  }
}

/**
 * Gives each operator to `add`, in the order of the lines, and returns the number of workers.
 * @throws DoraError RUNTIME_CONFIG_INVALID when a line is not what a daemon writes, or the last ones are missing
 */
export function readRuntimeConfig(lines: Iterable<string>, add: (operator: RuntimeOperator) => void): number {
  let head: z.infer<typeof runtimeHead> | undefined;
  let count = 0;
  for (const line of lines) {
    if (head === undefined) {
      head = parse(runtimeHead, line, 1);
    } else {
      count++;
      add(parse(runtimeOperator, line, count + 1));
    }
  }
  if (head === undefined) throw invalid('it is empty');
  if (count !== head.operators) {
    throw invalid(`it announces ${String(head.operators)} operators and has ${String(count)}`);
  }
  return head.threads;
}

function parse<T>(form: z.ZodType<T>, line: string, number: number): T {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw invalid(`line ${String(number)} is not JSON`, cause);
  }
  const result = form.safeParse(value);
  if (result.success) return result.data;
  throw invalid(`line ${String(number)}: ${z.prettifyError(result.error).replaceAll('\n', ' ')}`, result.error);
}

/** For what is wrong with the operators as a whole. */
export function invalid(what: string, cause?: unknown): DoraError {
  return new DoraError('RUNTIME_CONFIG_INVALID', `DORA_RUNTIME_CONFIG cannot be read: ${what}`, {
    hint: 'Daemon and runtime node must be of one version of dora-ts; start the dataflow again with `dora run`.',
    cause,
  });
}
