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
  type DataflowModule,
  type DataflowNode,
  type DataflowSource,
} from '../descriptor/index.js';
import type { BuildStep, DataflowPlan, PlanInput, PlanNode } from '../message/plan.js';

export function makePlan(dataflow: string, source: Dataflow, release: boolean): DataflowPlan {
  return { dataflow, folder: source.folder, release, nodes: source.nodes.map(planNode) };
}

/** The `build:` commands of modules, nodes and operators, in the order of the file; a module's before its nodes'. */
export function buildSteps(source: Dataflow): BuildStep[] {
  const waiting = [...source.modules];
  const steps = source.nodes.flatMap((node) => {
    const { id, env, workingDirectory } = node;
    // Modules stand in the order of their nodes, so the first ones are due when one of their nodes comes.
    const last = waiting.findLastIndex((module) => id.startsWith(`${module.id}.`));
    const modules = waiting.splice(0, last + 1).flatMap(moduleSteps);
    const own = { owner: id, lines: [...node.build], workingDirectory, env };
    const operators = (node.operators ?? []).map((operator) => ({
      owner: `${id}/${operator.id}`,
      lines: [...operator.build],
      workingDirectory,
      env: { ...env, ...operator.env },
    }));
    return [...modules, own, ...operators].filter((step) => step.lines.length > 0);
  });
  return [...steps, ...waiting.flatMap(moduleSteps)];
}

function moduleSteps({ id, builds, env }: DataflowModule): BuildStep[] {
  return builds.map(({ lines, folder }) => ({ owner: id, lines: [...lines], workingDirectory: folder, env }));
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
    folder: node.folder,
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
