/**
 * A dataflow as a Mermaid flowchart: what `dora graph` prints. Pasted into Markdown, GitHub draws it.
 *
 * Boxes are programs, frames are runtime nodes with their operators, slanted boxes are started by hand, rounded ones
 * are timers; a thick arrow is an input that makes its sender wait. An arrow says the type of its input, where there is one. Ids of the drawing are numbers, for those of a
 * dataflow could be words of Mermaid's.
 */

import type { Dataflow, DataflowInput, DataflowNode, DataflowSource } from './model.js';
import { sourceOutputId } from './model.js';
import type { PortType } from './types/definition.js';
import { shortName } from './types/type-name.js';

/** The flowchart, with a line end after the last line. Same dataflow, same text. */
export function toMermaid(dataflow: Dataflow): string {
  const names = new Map<string, string>();
  const nameOf = (key: string): string => {
    const known = names.get(key) ?? `n${String(names.size)}`;
    names.set(key, known);
    return known;
  };
  const timers = new Map<bigint, string>();
  const nodeLines = dataflow.nodes.flatMap((node) => nodeShape(node, nameOf));
  const edges = dataflow.nodes.flatMap((node) =>
    receivers(node).flatMap(({ key, inputs }) => inputs.map((input) => edge(key, input, nameOf, timers))),
  );
  const timerLines = [...timers].map(([period, name]) => `  ${name}(["every ${formatPeriod(period)}"])`);
  return ['flowchart LR', ...timerLines, ...nodeLines, ...edges, ''].join('\n');
}

function nodeShape(node: DataflowNode, nameOf: (key: string) => string): string[] {
  if (node.operators === undefined) {
    const [open, close] =
      node.kind === 'dynamic' ? ['[/', '/]'] : node.kind === 'unsupported' ? ['{{', '}}'] : ['[', ']'];
    return [`  ${nameOf(node.id)}${open}"${label(node)}"${close}`];
  }
  const operators = node.operators.map(
    (operator) => `    ${nameOf(`${node.id}/${operator.id}`)}("${label(operator)}")`,
  );
  return [`  subgraph ${nameOf(node.id)}["${label(node)}"]`, ...operators, '  end'];
}

function receivers(node: DataflowNode): { key: string; inputs: readonly DataflowInput[] }[] {
  if (node.operators === undefined) return [{ key: node.id, inputs: node.inputs }];
  return node.operators.map((operator) => ({ key: `${node.id}/${operator.id}`, inputs: operator.inputs }));
}

/** A thick arrow is an input that makes its sender wait. */
function edge(
  receiver: string,
  input: DataflowInput,
  nameOf: (key: string) => string,
  timers: Map<bigint, string>,
): string {
  const arrow = input.queuePolicy === 'backpressure' ? '==>' : '-->';
  const { from, text } = sender(input.source, nameOf, timers);
  const ports = text === undefined || text === input.id ? input.id : `${text} → ${input.id}`;
  // Every timer has the same.
  const words = input.type === undefined || text === undefined ? ports : `${ports}: ${typeWords(input.type)}`;
  return `  ${from} ${arrow}|"${escape(words)}"| ${nameOf(receiver)}`;
}

/** `Image[encoding=rgb8]`. */
function typeWords({ name, base }: PortType): string {
  return name.slice(base.length - shortName(base).length);
}

function sender(
  source: DataflowSource,
  nameOf: (key: string) => string,
  timers: Map<bigint, string>,
): { from: string; text?: string } {
  if (source.kind === 'timer') {
    const from = nameOf(`timer ${String(source.periodNs)}`);
    timers.set(source.periodNs, from);
    return { from };
  }
  const key = source.operator === undefined ? source.node : `${source.node}/${source.operator}`;
  return { from: nameOf(key), text: source.operator === undefined ? sourceOutputId(source) : source.output };
}

/** `100 ms`, in the largest unit in which the period is a whole number. */
export function formatPeriod(ns: bigint): string {
  const units: [bigint, string][] = [
    [1_000_000_000n, 's'],
    [1_000_000n, 'ms'],
    [1_000n, 'µs'],
  ];
  for (const [size, unit] of units) {
    if (ns % size === 0n) return `${String(ns / size)} ${unit}`;
  }
  return ns > 1_000_000n ? `${(Number(ns) / 1e6).toFixed(2)} ms` : `${String(ns)} ns`;
}

function label(thing: { id: string; name?: string }): string {
  return thing.name === undefined || thing.name === thing.id
    ? escape(thing.id)
    : `${escape(thing.name)}<br/>${escape(thing.id)}`;
}

/** Mermaid reads HTML entities in quoted text, and characters by their number after `#`. */
function escape(text: string): string {
  return (
    text
      .replaceAll('&', '&amp;')
      .replaceAll('"', '&quot;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('#', '&num;')
      // A directive (%%{…}%%) counts wherever it stands, and a backtick after the quote begins Markdown.
      .replaceAll('%', '#37;')
      .replaceAll('`', '#96;')
      .replaceAll(/\s+/g, ' ')
  );
}
