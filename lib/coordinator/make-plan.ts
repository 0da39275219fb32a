/**
 * From a checked dataflow to what the daemon is told: everything that runs, nothing of how it was written.
 *
 * References are resolved by lib/descriptor; here they only change form. Paths stay as written, since only the machine
 * that runs a node can find its files. Pure functions; the coordinator calls them after the check.
 */

import path from 'node:path';
import {
  sourceOutputId,
  sourceText,
  type Dataflow,
  type DataflowInput,
  type DataflowModule,
  type DataflowNode,
} from '../descriptor/index.js';
import type { BuildStep, DataflowPlan, Fetched, FetchStep, PlanInput, PlanNode } from '../message/plan.js';

/** @param fetched where the daemon has put what fetchSteps() asks for */
export function makePlan(
  dataflow: string,
  source: Dataflow,
  release: boolean,
  fetched: readonly Fetched[] = [],
): DataflowPlan {
  const nodes = source.nodes.map((node) => planNode(place(node, fetched)));
  return { dataflow, folder: source.folder, release, nodes };
}

/** What has to be brought to the machine before the build. */
export function fetchSteps(source: Dataflow): FetchStep[] {
  return source.nodes.flatMap(({ id, fetch }) => (fetch === undefined ? [] : [{ owner: id, source: fetch }]));
}

/** The node with its paths in the clone, or its program where the download lies. */
function place(node: DataflowNode, fetched: readonly Fetched[]): DataflowNode {
  const found = fetched.find(({ owner }) => owner === node.id)?.path;
  if (found === undefined) return node;
  if (node.fetch?.kind === 'git')
    return { ...node, folder: found, workingDirectory: path.resolve(found, node.workingDirectory) };
  return node.program === undefined ? node : { ...node, program: { ...node.program, command: found } };
}

/** The `build:` commands of modules, nodes and operators, in the order of the file; a module's before its nodes'. */
export function buildSteps(source: Dataflow, fetched: readonly Fetched[] = []): BuildStep[] {
  const waiting = [...source.modules];
  const steps = source.nodes.flatMap((written) => {
    const node = place(written, fetched);
    const { id, env, workingDirectory } = node;
    const lock = node.fetch?.kind === 'git' && node !== written ? { lock: `${node.folder}.lock` } : {};
    // Modules stand in the order of their nodes, so the first ones are due when one of their nodes comes.
    const last = waiting.findLastIndex((module) => id.startsWith(`${module.id}.`));
    const modules = waiting.splice(0, last + 1).flatMap(moduleSteps);
    const own = { owner: id, lines: [...node.build], workingDirectory, env, ...lock };
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
    ...(node.cpuAffinity === undefined ? {} : { cpuAffinity: [...node.cpuAffinity] }),
    ...(node.realtime === undefined ? {} : { realtime: node.realtime }),
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
