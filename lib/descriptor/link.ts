/**
 * Connects what the wiring has connected inside each file across files, and settles what is open about inputs.
 *
 * `module/output` becomes the output of the program inside that makes it, `_mod/port` whatever the module's node gives
 * to its input `port`, through as many modules as there are. What an input inside a module says about its queue counts;
 * what it leaves open is taken from the module's node, and what that leaves open has its default. An input whose optional port is not given
 * is left out.
 */

import type { DraftInput, DraftNode } from './draft.js';
import type { DataflowSource } from './model.js';

/** Settles all inputs of a dataflow, and returns its programs: the drafts that are no modules, in the order of the file. */
export function link(drafts: readonly DraftNode[]): DraftNode[] {
  const all = new Map<string, DraftNode>();
  // Without modules every output is that of a program already.
  if (drafts.some(({ module }) => module !== undefined)) collect(drafts, all);
  const programs: DraftNode[] = [];
  settle(drafts, undefined, all, programs);
  return programs;
}

function collect(drafts: readonly DraftNode[], all: Map<string, DraftNode>): void {
  for (const draft of drafts) {
    if (!all.has(draft.node.id)) all.set(draft.node.id, draft);
    if (draft.module !== undefined) collect(draft.module.children, all);
  }
}

/** The outer inputs come first: those inside copy from them. */
function settle(
  drafts: readonly DraftNode[],
  parent: DraftNode | undefined,
  all: ReadonlyMap<string, DraftNode>,
  programs: DraftNode[],
): void {
  for (const draft of drafts) {
    for (const unit of draft.units) for (const input of unit.inputs) settleInput(input, parent, all);
    if (draft.module === undefined) programs.push(draft);
    else settle(draft.module.children, draft, all, programs);
  }
}

function settleInput(input: DraftInput, parent: DraftNode | undefined, all: ReadonlyMap<string, DraftNode>): void {
  const { source } = input;
  if (source?.kind === 'output') input.source = follow(source, all);
  if (source?.kind !== 'port') return;
  const given = parent?.units[0]?.inputs.find(({ id }) => id === source.port);
  input.sourceText = given?.sourceText;
  if (given?.source === undefined || given.source.kind === 'port') {
    delete input.source;
    return;
  }
  input.source = given.source;
  input.queueSize ??= given.queueSize;
  input.queuePolicy ??= given.queuePolicy;
  input.priority ??= given.priority;
  input.timeoutNs ??= given.timeoutNs;
}

/** The output of a program behind that of a module. Ends: each step goes one module further in. */
function follow(source: DataflowSource, all: ReadonlyMap<string, DraftNode>): DataflowSource {
  let end = source;
  while (end.kind === 'output') {
    const inner = all.get(end.node)?.module?.exports.get(end.output);
    if (inner === undefined) break;
    end = inner;
  }
  return end;
}
