/**
 * What is said about a file that is in order and no dataflow, where a dataflow is needed: to draw, to expand, to make types of.
 *
 * One sentence for all commands, with what to give instead. A file with mistakes has diagnostics of its own. Called by
 * commands/graph.ts, commands/expand.ts and commands/types.ts.
 */

import type { FileKind } from '../descriptor/index.js';
import { DoraError } from '../errors.js';

const beside = 'Give the dataflow that names it; "dora check" checks it by itself.';
const kinds: Readonly<Record<FileKind, readonly [what: string, hint: string]>> = {
  module: ['a module', beside],
  node: ['a node alone', beside],
  cluster: ['the description of a cluster', 'Give the dataflow that runs there.'],
  dataflow: ['wrong', 'dora check says why.'],
  unknown: ['of an unknown kind', 'dora check says why.'],
};

export function notADataflow(file: string, kind: FileKind): DoraError {
  const [what, hint] = kinds[kind];
  return new DoraError('NOT_A_DATAFLOW', `${file} is ${what}, not a dataflow`, { hint });
}
