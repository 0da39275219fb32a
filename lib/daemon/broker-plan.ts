/**
 * From a plan's nodes to the broker's: what has to be connected by shared memory, and who waits for whom.
 *
 * Between two operators of one runtime node nothing is connected (`local`): they pass messages inside their process.
 * A node takes part in the start barrier when it has inputs or outputs and is started by us; a program without any
 * need not even know that it is part of a dataflow.
 */

import type { PlanInput, PlanNode } from '../message/plan.js';
import type { BrokerInput, BrokerNode } from '../native/binding.js';

export function toBrokerNodes(dataflow: string, nodes: readonly PlanNode[]): BrokerNode[] {
  return nodes.map((node) => ({
    dataflow,
    node: node.id,
    restartCount: 0,
    barrier: node.kind !== 'dynamic' && hasPorts(node),
    memoryLimitBytes: node.memoryBytes ?? 0,
    lockMemory: node.realtime?.lockMemory ?? false,
    inputs: node.inputs.map((input) => toBrokerInput(node, input)),
    outputs: node.outputs.map(({ id, retain }) => ({ id, retain })),
  }));
}

/** Whether the node has to join: it sends or receives. */
export function hasPorts(node: PlanNode): boolean {
  return node.inputs.length + node.outputs.length > 0;
}

function toBrokerInput(node: PlanNode, input: PlanInput): BrokerInput {
  const { id, sourceText, queueSize, priority, source } = input;
  const timeout = input.timeoutNs === undefined ? {} : { timeoutNs: BigInt(input.timeoutNs) };
  const common = { id, sourceText, queueSize, priority, policy: input.queuePolicy, ...timeout };
  if (source.kind === 'timer') return { ...common, kind: 'timer', periodNs: BigInt(source.periodNs) };
  if (source.node === node.id && node.kind === 'runtime')
    return { ...common, kind: 'local', sourceOutput: source.output };
  return { ...common, kind: 'edge', sourceNode: source.node, sourceOutput: source.output };
}
