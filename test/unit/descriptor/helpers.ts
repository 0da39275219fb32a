/** What the tests of the descriptor share: one way to parse, and short forms of what comes back. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import {
  parseDataflow,
  readDataflow,
  type Dataflow,
  type DataflowNode,
  type DescriptorResult,
  type Diagnostic,
  type ReadOptions,
} from '../../../lib/descriptor/index.js';

/** Files in a folder of their own, removed when the test ends; returns the folder. */
export function project(t: ExecutionContext, files: Readonly<Record<string, string>>): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'dora-modules-')));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

/** Reads `flow.yml` of a project without looking at programs, with a fixed environment and short file names. */
export function readProject(folder: string, options: ReadOptions = {}, file = 'flow.yml'): DescriptorResult {
  return readDataflow(path.join(folder, file), { files: 'ignore', host, shownFile: file, ...options });
}

/** `file:line:column CODE` of every error. */
export function errorsOf({ diagnostics }: DescriptorResult): string[] {
  return diagnostics.filter((d) => d.severity === 'error').map((d) => `${d.file}:${d.line}:${d.column} ${d.code}`);
}

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
