/**
 * From a checked dataflow to what the daemon is told: everything that runs, nothing of how it was written.
 *
 * References are resolved by lib/descriptor; here they only change form. Paths stay as written, since only the machine
 * that runs a node can find its files. Pure functions; the coordinator calls them after the check.
 */

import {
  sourceOutputId,
  type Dataflow,
  type DataflowInput,
  type DataflowNode,
  type DataflowSource,
} from '../descriptor/index.js';
import type { BuildStep, DataflowPlan, PlanInput, PlanNode } from '../message/plan.js';

export function makePlan(dataflow: string, source: Dataflow, release: boolean): DataflowPlan {
  return { dataflow, folder: source.folder, release, nodes: source.nodes.map(planNode) };
}

/** The `build:` commands of nodes and operators, in the order of the file. */
export function buildSteps(source: Dataflow): BuildStep[] {
  return source.nodes.flatMap((node) => {
    const { id, env, workingDirectory } = node;
    const own = { owner: id, lines: [...node.build], workingDirectory, env };
    const operators = (node.operators ?? []).map((operator) => ({
      owner: `${id}/${operator.id}`,
      lines: [...operator.build],
      workingDirectory,
      env: { ...env, ...operator.env },
    }));
    return [own, ...operators].filter((step) => step.lines.length > 0);
  });
}

function planNode(node: DataflowNode): PlanNode {
  return {
    id: node.id,
    // `unsupported` never gets here: such a file has an error when it is read to run.
    kind: node.kind === 'unsupported' ? 'dynamic' : node.kind,
    ...(node.program === undefined ? {} : { program: { command: node.program.command, args: [...node.program.args] } }),
    ...(node.operators === undefined
      ? {}
      : {
          operators: node.operators.map((operator) => ({
            id: operator.id,
            library: operator.library,
            priority: operator.priority,
            inputs: operator.inputs.map((input) => input.id),
            outputs: operator.outputs.map((output) => output.id),
          })),
        }),
    env: node.env,
    workingDirectory: node.workingDirectory,
    inputs: node.inputs.map(planInput),
    outputs: node.outputs.map(({ id, retain }) => ({ id, retain })),
    ...(node.memoryBytes === undefined ? {} : { memoryBytes: node.memoryBytes }),
  };
}

function planInput({ id, queueSize, queuePolicy, priority, timeoutNs, source }: DataflowInput): PlanInput {
  const planned: PlanInput['source'] =
    source.kind === 'timer'
      ? { kind: 'timer', periodNs: String(source.periodNs) }
      : { kind: 'output', node: source.node, output: sourceOutputId(source) };
  const timeout = timeoutNs === undefined ? {} : { timeoutNs: String(timeoutNs) };
  return { id, sourceText: sourceText(source), source: planned, queueSize, queuePolicy, priority, ...timeout };
}

/** The full name of a source, as it could stand in the file. */
function sourceText(source: DataflowSource): string {
  if (source.kind === 'output') return `${source.node}/${sourceOutputId(source)}`;
  const units = { secs: 1_000_000_000n, millis: 1_000_000n, micros: 1000n, nanos: 1n };
  const [unit, size] = Object.entries(units).find(([, size]) => source.periodNs % size === 0n) ?? ['nanos', 1n];
  return `dora/timer/${unit}/${String(source.periodNs / size)}`;
}
