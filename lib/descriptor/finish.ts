/**
 * Drafts without errors -> the model. Nothing is checked here any more; what the file leaves open gets its default, and
 * an input whose source this version cannot serve is left out. load.ts calls it when no
 * file has an error. The inputs and outputs of a runtime node are listed twice: at their operators, and at the node with
 * `operator/` in front, which is how the rest of dora-ts names them.
 */

import type { DraftNode, DraftUnit } from './draft.js';
import type { DataflowInput, DataflowModule, DataflowNode, DataflowOutput } from './model.js';

const DEFAULT_QUEUE_SIZE = 10;
const noPorts: DraftUnit = { inputs: [], outputs: [] };

export function finishNode(draft: DraftNode): DataflowNode {
  if (draft.node.kind !== 'runtime') {
    const [unit = noPorts] = draft.units;
    return Object.assign(draft.node, { inputs: finishInputs(unit), outputs: finishOutputs(unit) });
  }
  const prefixed = (unit: DraftUnit, id: string): string =>
    unit.operator === undefined ? id : `${unit.operator}/${id}`;
  const inputs = draft.units.flatMap((unit) =>
    finishInputs(unit).map((input) => ({ ...input, id: prefixed(unit, input.id) })),
  );
  const outputs = draft.units.flatMap((unit) =>
    finishOutputs(unit).map((output) => ({ ...output, id: prefixed(unit, output.id) })),
  );
  const operators = draft.operators.map((operator) => {
    const unit = draft.units.find((candidate) => candidate.operator === operator.id) ?? noPorts;
    return { ...operator, inputs: finishInputs(unit), outputs: finishOutputs(unit) };
  });
  return { ...draft.node, inputs, outputs, operators };
}

/** The modules among drafts, an outer one before those inside it. */
export function finishModules(drafts: readonly DraftNode[]): DataflowModule[] {
  return drafts.flatMap(({ module }) =>
    module === undefined ? [] : [module.model, ...finishModules(module.children)],
  );
}

function finishInputs(unit: DraftUnit): DataflowInput[] {
  const inputs: DataflowInput[] = [];
  for (const { id, queueSize, queuePolicy, priority, timeoutNs, source, type } of unit.inputs) {
    if (source === undefined || source.kind === 'port') continue;
    inputs.push({
      id,
      queueSize: queueSize ?? DEFAULT_QUEUE_SIZE,
      queuePolicy: queuePolicy ?? 'drop_oldest',
      priority: priority ?? 0,
      ...(timeoutNs === undefined ? {} : { timeoutNs }),
      source,
      ...(type === undefined ? {} : { type }),
    });
  }
  return inputs;
}

function finishOutputs(unit: DraftUnit): DataflowOutput[] {
  return unit.outputs.map(({ id, retain, type, metadata }) => ({
    id,
    retain,
    ...(type === undefined ? {} : { type }),
    ...(metadata === undefined ? {} : { metadata }),
  }));
}
