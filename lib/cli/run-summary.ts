/**
 * The end of a run in words: the tables of edges and nodes, and which node failed first and why.
 *
 * Pure functions from the summary to text, so that the words can be tested. The failure comes last, where the eye of
 * somebody who watched the output stops.
 */

import type { ChalkInstance } from 'chalk';
import Table from 'cli-table3';
import { plainLines } from '../message/plain-text.js';
import type { DataflowSummary, Failure, NodeSummary } from '../message/report.js';
import { formatDuration } from './duration.js';

/** Of the lines that are kept; the rest was on the screen already. */
const SHOWN_LINES = 15;

/** One row a node: how it ended, how long it ran, its messages. `lost` and `missed ticks` only when there are any. */
export function formatTable(summary: DataflowSummary, color: ChalkInstance): string {
  const withLost = summary.nodes.some((node) => node.lost > 0);
  const withMissed = summary.nodes.some((node) => node.missedTicks > 0);
  const head = [
    ...['node', 'exit', 'duration', 'messages in', 'out', 'dropped'],
    ...(withLost ? ['lost'] : []),
    ...(withMissed ? ['missed ticks'] : []),
  ];
  const table = new Table({
    head: head.map((title) => color.bold(title)),
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'left', ...head.slice(2).map(() => 'right' as const)],
    chars: plainBorders,
  });
  for (const node of summary.nodes) {
    const numbers = [
      ...[node.messagesIn, node.messagesOut, node.dropped],
      ...(withLost ? [node.lost] : []),
      ...(withMissed ? [node.missedTicks] : []),
    ];
    const duration = node.end === 'notStarted' ? '–' : formatDuration(node.durationMs);
    table.push([
      node.node,
      formatExit(node, color),
      duration,
      ...numbers.map((count) => count.toLocaleString('en-US')),
    ]);
  }
  return table.toString();
}

/** One row an edge: sent = received + dropped + in flight (+ lost, when there is any). Undefined without edges. */
export function formatEdges(summary: DataflowSummary, color: ChalkInstance): string | undefined {
  const edges = summary.counts.flatMap(({ node, inputs }) =>
    inputs
      .filter(({ source }) => !source.startsWith('dora/'))
      .map((input) => ({ ...input, to: `${node}/${input.id}` })),
  );
  if (edges.length === 0) return undefined;
  const withLost = edges.some(({ lost }) => lost > 0);
  const head = ['edge', 'sent', 'received', 'dropped', 'in flight', ...(withLost ? ['lost'] : [])];
  const table = new Table({
    head: head.map((title) => color.bold(title)),
    style: { head: [], border: [], compact: true },
    colAligns: ['left', ...head.slice(1).map(() => 'right' as const)],
    chars: plainBorders,
  });
  for (const { source, to, sent, received, dropped, inFlight, lost } of edges) {
    const numbers = [sent, received, dropped, inFlight, ...(withLost ? [lost] : [])];
    table.push([`${source} → ${to}`, ...numbers.map((count) => count.toLocaleString('en-US'))]);
  }
  return table.toString();
}

/** `0`, `exit 3`, `SIGSEGV`, `ended by SIGTERM`, `killed`, `not started`. */
function formatExit(node: NodeSummary, color: ChalkInstance): string {
  switch (node.end) {
    case 'finished':
    case 'stopped':
      return color.green(String(node.exitCode ?? 0));
    case 'terminated':
      return color.yellow('ended by SIGTERM');
    case 'killed':
      return color.yellow('ended by SIGKILL');
    case 'notStarted':
      return color.dim('not started');
    case 'failed':
      return color.red(node.signal ?? (node.exitCode === null ? 'did not start' : `exit code ${node.exitCode}`));
  }
}

/** What failed first, its last lines, and what to do. Without a line end. */
export function formatFailure(failure: Failure, color: ChalkInstance): string {
  const { code, message, hint, lastLines, node } = failure;
  const lines = [`${color.red('error')} ${color.bold(code)}: ${plainLines(message)}`];
  const shown = lastLines.slice(-SHOWN_LINES);
  if (shown.length > 0) {
    const what = code === 'BUILD_FAILED' ? 'the last lines of the command' : `the last lines of "${node ?? ''}"`;
    lines.push(`  ${what}:`, ...shown.map((line) => `    ${color.dim('|')} ${line}`));
  } else if (node !== undefined && code !== 'BUILD_FAILED' && failure.exitCode !== null) {
    lines.push('  it printed nothing');
  }
  if (hint !== undefined) lines.push(`  ${color.dim('hint:')} ${plainLines(hint)}`);
  return lines.join('\n');
}

/** Rules above and below the head only: easy to read, easy to paste. */
const plainBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};
