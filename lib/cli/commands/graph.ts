/**
 * `dora graph FILE`: the dataflow as a Mermaid flowchart on stdout, for Markdown, GitHub or mermaid.live.
 *
 * A file with errors is not drawn: the drawing would hide what is wrong. Warnings are `dora check`'s to show, and no
 * program has to be there. The drawing itself is lib/descriptor's.
 */

import { formatDiagnostics, readDataflow, toMermaid } from '../../descriptor/index.js';
import { DoraError } from '../../errors.js';
import type { Console } from '../console.js';
import { gatherEnv, type EnvSources } from '../env-file.js';

/** The command line's options, checked. */
export type GraphCommandOptions = EnvSources;

export function graphCommand(file: string, options: GraphCommandOptions, console: Console): number {
  // A drawing needs no programs: it may be made before anything is built.
  const { dataflow, diagnostics, kind } = readDataflow(file, {
    purpose: 'check',
    files: 'ignore',
    env: gatherEnv(options),
  });
  if (dataflow !== undefined) {
    console.out.write(toMermaid(dataflow));
    return 0;
  }
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  if (errors.length > 0) {
    console.errorLine(formatDiagnostics(errors, { color: console.colorErr.level > 0 }));
  } else {
    const what = kind === 'module' ? 'a module' : 'a node alone';
    console.showError(
      new DoraError('NOT_A_DATAFLOW', `${file} is ${what}, not a dataflow`, {
        hint: 'Draw the dataflow that names it.',
      }),
    );
  }
  return 1;
}
