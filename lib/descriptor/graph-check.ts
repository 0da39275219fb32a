/**
 * What can only be seen in the whole graph: outputs that nobody reads, and cycles in which every edge makes its sender
 * wait. Both are warnings: the first is often meant, and the second deadlocks only when all queues are full at once.
 * Over units (programs and operators), in time linear in the edges: outputs file by file after the wiring, cycles in the
 * whole dataflow after link.ts, for a cycle may go through modules.
 */

import { findCycles } from './cycles.js';
import type { DraftInput, DraftNode, DraftUnit } from './draft.js';
import type { Reporter } from './diagnostic.js';
import type { OutputSource } from './model.js';
import { MAX_ID } from './names.js';
import { quote } from './suggest.js';

/**
 * Reports outputs of one file without a reader. A retained one is for receivers that join late and is left alone, and so
 * is one that leaves the file (`exported`: the outputs of a module), and one that a module brings along.
 */
export function warnUnreadOutputs(
  drafts: readonly DraftNode[],
  exported: ReadonlySet<string>,
  reporter: Reporter,
): void {
  const read = new Set<string>();
  for (const { units } of drafts) {
    for (const { inputs } of units) {
      for (const { source } of inputs) {
        if (source?.kind === 'output') read.add(`${unitName(source.node, source.operator)}/${source.output}`);
      }
    }
  }
  for (const draft of drafts) {
    if (draft.module !== undefined || draft.open) continue;
    for (const unit of draft.units) {
      for (const output of unit.outputs) {
        if (
          output.retain > 0 ||
          exported.has(output.id) ||
          read.has(`${unitName(draft.node.id, unit.operator)}/${output.id}`)
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

/** Reports ids that a module brings and another file writes out (`arm.grip` may be both), and those that became too long. */
export function checkUniqueIds(drafts: readonly DraftNode[]): void {
  // Inside one file the wiring has said so.
  if (drafts.every(({ context }) => context.prefix === '')) return;
  const seen = new Map<string, DraftNode>();
  for (const draft of drafts) {
    const { id } = draft.node;
    const first = seen.get(id);
    seen.set(id, draft);
    if (id.length > MAX_ID && draft.id.length <= MAX_ID) {
      draft.context.reporter.report(draft.idPlace, {
        code: 'INVALID_NAME',
        message: `with the names of the modules around it this id is ${String(id.length)} characters long`,
        hint: `At most ${String(MAX_ID)} are allowed; shorten it, or theirs.`,
      });
    }
    if (first === undefined || first.context.prefix === draft.context.prefix) continue;
    const [written, brought] =
      first.context.prefix.length < draft.context.prefix.length ? [first, draft] : [draft, first];
    written.context.reporter.report(written.idPlace, {
      code: 'DUPLICATE_ID',
      message: `there are two nodes ${quote(id)}; the module ${quote(brought.context.prefix.slice(0, -1))} has one of that name`,
      hint: 'Give this one another id.',
    });
  }
}

interface Vertex {
  name: string;
  /** Senders that wait for this unit, with the input that makes them. */
  waits: { to: string; input: DraftInput; reporter: Reporter }[];
}

/** Reports each group of units that may wait for each other in a circle, once. */
export function warnBackpressureCycles(drafts: readonly DraftNode[]): void {
  const waits = (unit: DraftUnit): boolean => unit.inputs.some(({ queuePolicy }) => queuePolicy === 'backpressure');
  if (!drafts.some(({ units }) => units.some(waits))) return;
  const graph = new Map<string, Vertex>();
  for (const { node, units, context } of drafts) {
    for (const unit of units) {
      const name = unitName(node.id, unit.operator);
      graph.set(name, { name, waits: waitsOf(unit, context.reporter) });
    }
  }
  const receivers = new Map([...graph].map(([name, { waits }]) => [name, waits.map(({ to }) => to)]));
  for (const component of findCycles(receivers)) {
    const members = new Set(component);
    const inside = component.flatMap((name) => graph.get(name)?.waits.filter(({ to }) => members.has(to)) ?? []);
    const first = inside.toSorted((a, b) => a.input.place.range.line - b.input.place.range.line)[0];
    if (first === undefined) continue;
    first.reporter.report(first.input.place, {
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

function waitsOf(unit: DraftUnit, reporter: Reporter): Vertex['waits'] {
  return unit.inputs
    .filter(
      (input): input is DraftInput & { source: OutputSource } =>
        input.queuePolicy === 'backpressure' && input.source?.kind === 'output',
    )
    .map((input) => ({ to: unitName(input.source.node, input.source.operator), input, reporter }));
}

function unitName(node: string, operator: string | undefined): string {
  return operator === undefined ? node : `${node}/${operator}`;
}
