/**
 * What the daemon tells a runtime node's program: its operators, as JSON in DORA_RUNTIME_CONFIG or, where that is `-`, on standard input.
 *
 * Written by lib/daemon/programs.ts, read by runtime.ts. A value that does not fit means that daemon and runtime are of different versions,
 * or that somebody started the program by hand; either is one error that says so.
 */
import path from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { z } from 'zod';
import { DoraError } from '../errors.js';

const id = z.string().min(1);

/** One operator. Ids are those of the dataflow file, without the operator's prefix; their order is what indices in C mean. */
export const runtimeOperator = z.object({
  id,
  /** Absolute path of the shared library. */
  library: z.string().refine((file) => path.isAbsolute(file), 'must be an absolute path'),
  /** Higher first. */
  priority: z.int().min(0).max(255).default(0),
  inputs: z.array(id),
  outputs: z.array(id),
});

export const runtimeConfig = z.object({
  operators: z
    .array(runtimeOperator)
    .min(1)
    .refine((all) => new Set(all.map((one) => one.id)).size === all.length, 'has two operators with one id'),
  /** Workers of the scheduler. */
  threads: z.int().min(1).max(64).default(1),
});

export type RuntimeConfig = z.infer<typeof runtimeConfig>;

/** What DORA_RUNTIME_CONFIG says, or standard input where it says `-`. */
export async function readRuntimeConfig(): Promise<string | undefined> {
  const text = process.env['DORA_RUNTIME_CONFIG'];
  return text === '-' ? readAll(process.stdin) : text;
}

/**
 * Parses it.
 * @throws DoraError NOT_IN_DATAFLOW when it is not there, RUNTIME_CONFIG_INVALID when it is not what a daemon writes
 */
export function parseRuntimeConfig(text: string | undefined): RuntimeConfig {
  if (text === undefined || text === '') {
    throw new DoraError(
      'NOT_IN_DATAFLOW',
      'DORA_RUNTIME_CONFIG is not set: this runtime node was not started by a dora daemon',
      {
        hint: 'Operators run as part of a dataflow: `dora run dataflow.yml`.',
      },
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid('it is not JSON', cause);
  }
  const result = runtimeConfig.safeParse(value);
  if (result.success) return result.data;
  throw invalid(z.prettifyError(result.error).replaceAll('\n', ' '), result.error);
}

function invalid(what: string, cause: unknown): DoraError {
  return new DoraError('RUNTIME_CONFIG_INVALID', `DORA_RUNTIME_CONFIG cannot be read: ${what}`, {
    hint: 'Daemon and runtime node must be of one version of dora-ts; start the dataflow again with `dora run`.',
    cause,
  });
}
