/**
 * What can only be seen in the whole graph: outputs that nobody reads, and cycles in which every edge makes its sender
 * wait. Both are warnings: the first is often meant, and the second deadlocks only when all queues are full at once.
 * Runs after the wiring, over units (programs and operators), in time linear in the edges.
 */

import type { DraftInput, DraftNode, DraftUnit } from './draft.js';
import type { Reporter } from './diagnostic.js';
import type { OutputSource } from './model.js';
import { quote } from './suggest.js';

/**
 * Reports outputs without a reader. A retained one is for receivers that join late and is left alone, and so is one that
 * leaves the file (`exported`: the outputs of a module).
 */
export function warnUnreadOutputs(
  drafts: readonly DraftNode[],
  exported: ReadonlySet<string>,
  reporter: Reporter,
): void {
  const read = new Set<string>();
  for (const { source } of drafts.flatMap((draft) => draft.units.flatMap((unit) => unit.inputs))) {
    if (source?.kind === 'output') read.add(`${unitName(source.node, source.operator)}/${source.output}`);
  }
  for (const draft of drafts) {
    for (const unit of draft.units) {
      for (const output of unit.outputs) {
        if (
          output.retain > 0 ||
          exported.has(output.id) ||
          read.has(`${unitName(draft.id, unit.operator)}/${output.id}`)
        )
          continue;
        reporter.report(output.place, {
          code: 'UNREAD_OUTPUT',
          severity: 'warning',
          message: `nobody reads the output ${quote(output.id)} of ${quote(unitName(draft.id, unit.operator))}`,
          hint: 'Connect an input to it, or remove it.',
        });
      }
    }
  }
}

interface Vertex {
  name: string;
  /** Senders that wait for this unit, with the input that makes them. */
  waits: { to: string; input: DraftInput }[];
}

/** Reports each group of units that may wait for each other in a circle, once. */
export function warnBackpressureCycles(drafts: readonly DraftNode[], reporter: Reporter): void {
  const graph = new Map<string, Vertex>();
  for (const draft of drafts) {
    for (const unit of draft.units) {
      const name = unitName(draft.id, unit.operator);
      graph.set(name, { name, waits: waitsOf(unit) });
    }
  }
  for (const component of components(graph)) {
    const members = new Set(component);
    const inside = component.flatMap((name) => graph.get(name)?.waits.filter(({ to }) => members.has(to)) ?? []);
    const first = inside.toSorted((a, b) => a.input.place.range.line - b.input.place.range.line)[0];
    if (first === undefined) continue;
    reporter.report(first.input.place, {
      code: 'BACKPRESSURE_CYCLE',
      severity: 'warning',
      message:
        component.length === 1
          ? `${quote(first.to)} waits for itself: an input with queue_policy: backpressure reads its own output`
          : `${component.slice(0, 6).map(quote).join(', ')}${component.length > 6 ? ', …' : ''} wait for each other in a circle of backpressure inputs`,
      hint: 'When all queues are full, none of them can go on. Let one input of the circle drop: queue_policy: drop_oldest.',
    });
  }
}

function waitsOf(unit: DraftUnit): Vertex['waits'] {
  return unit.inputs
    .filter(
      (input): input is DraftInput & { source: OutputSource } =>
        input.queuePolicy === 'backpressure' && input.source?.kind === 'output',
    )
    .map((input) => ({ to: unitName(input.source.node, input.source.operator), input }));
}

/** Strongly connected groups that hold a cycle (Tarjan 1972, with a stack of its own: a chain may be 10,000 long). */
function components(graph: ReadonlyMap<string, Vertex>): string[][] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const found: string[][] = [];
  const enter = (name: string): { name: string; next: number } => {
    order.set(name, order.size);
    low.set(name, order.size - 1);
    open.push(name);
    isOpen.add(name);
    return { name, next: 0 };
  };
  const lower = (name: string, value: number): void => {
    low.set(name, Math.min(low.get(name) ?? value, value));
  };
  for (const start of graph.keys()) {
    if (order.has(start)) continue;
    const calls = [enter(start)];
    for (let call = calls.at(-1); call !== undefined; call = calls.at(-1)) {
      const edge = graph.get(call.name)?.waits[call.next];
      if (edge !== undefined) {
        call.next += 1;
        if (!graph.has(edge.to)) continue;
        if (!order.has(edge.to)) calls.push(enter(edge.to));
        else if (isOpen.has(edge.to)) lower(call.name, order.get(edge.to) ?? 0);
        continue;
      }
      calls.pop();
      const parent = calls.at(-1);
      if (parent !== undefined) lower(parent.name, low.get(call.name) ?? 0);
      if (low.get(call.name) === order.get(call.name)) {
        const members = open.splice(open.lastIndexOf(call.name));
        for (const member of members) isOpen.delete(member);
        if (members.length > 1 || graph.get(call.name)?.waits.some(({ to }) => to === call.name) === true)
          found.push(members);
      }
    }
  }
  return found;
}

function unitName(node: string, operator: string | undefined): string {
  return operator === undefined ? node : `${node}/${operator}`;
}
