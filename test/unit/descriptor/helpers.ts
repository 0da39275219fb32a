/** What the tests of the descriptor share: one way to parse, and short forms of what comes back. */
import {
  parseDataflow,
  type Dataflow,
  type DataflowNode,
  type DescriptorResult,
  type Diagnostic,
  type ReadOptions,
} from '../../../lib/descriptor/index.js';

export const host = { HOME: '/home/robot', PATH: '/usr/bin' };

/** Parses without looking at files, with a fixed environment. */
export function parse(text: string | Uint8Array, options: ReadOptions = {}): DescriptorResult {
  return parseDataflow(text, '/robot/dataflow.yml', { files: 'ignore', host, ...options });
}

/** `line:column severity CODE`, in order. */
export function codes(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map((d) => `${d.line}:${d.column} ${d.severity} ${d.code}`);
}

/** The dataflow of a text that has to be right. */
export function dataflowOf(text: string, options: ReadOptions = {}): Dataflow {
  const { dataflow, diagnostics } = parse(text, options);
  if (dataflow === undefined) throw new Error(codes(diagnostics).join('\n'));
  return dataflow;
}

export function nodeOf(dataflow: Dataflow, id: string): DataflowNode {
  const found = dataflow.nodes.find((node) => node.id === id);
  if (found === undefined) throw new Error(`no node ${id}`);
  return found;
}

/** One node with the given lines under it, indented by four spaces. */
export function oneNode(...lines: string[]): string {
  return ['nodes:', '  - id: a', ...lines.map((line) => `    ${line}`), ''].join('\n');
}
