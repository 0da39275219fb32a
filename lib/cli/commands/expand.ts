/**
 * `dora expand FILE`: the dataflow with its modules put in and its variables replaced, as one YAML file on stdout.
 *
 * A file with errors is not printed, nor one with a variable that is not set: the printed file would mean something
 * else. Warnings are `dora check`'s to show. The text itself is lib/descriptor's.
 */

import { expandDataflow, formatDiagnostics } from '../../descriptor/index.js';
import type { Console } from '../console.js';
import { gatherEnv, type EnvSources } from '../env-file.js';
import { notADataflow } from '../not-a-dataflow.js';

/** The command line's options, checked. */
export type ExpandCommandOptions = EnvSources;

export function expandCommand(file: string, options: ExpandCommandOptions, console: Console): number {
  const read = { purpose: 'check', files: 'ignore', env: gatherEnv(options) } as const;
  const { yaml, diagnostics, kind } = expandDataflow(file, read);
  if (yaml !== undefined) {
    console.out.write(yaml);
    return 0;
  }
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  if (errors.length > 0) {
    console.errorLine(formatDiagnostics(errors, { color: console.colorErr.level > 0 }));
  } else {
    console.showError(notADataflow(file, kind));
  }
  return 1;
}
