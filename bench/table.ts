/**
 * The results as a table for a terminal.
 */

import chalk from 'chalk';
import Table from 'cli-table3';
import { digits, isComparison, withUnit } from './results.js';
import type { Result } from './results.js';

/** Comparisons with a peer that was not measured are left out: the row that they are about is there. */
export function toTable(results: readonly Result[]): string {
  const shown = results.filter(({ name, peerValue }) => !isComparison(name) || peerValue !== null);
  const table = new Table({
    head: ['row', 'mode', 'p50 or value', 'p99', 'p99.9', 'samples', 'peer', 'its value', 'ratio', 'goal', 'met'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'left', 'right', 'right', 'left', 'left'],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, mode, p99, p999, samples, value, unit, peer, peerValue, ratio, goal, met } of shown) {
    table.push([
      name,
      mode,
      withUnit(value, unit),
      p99 === null ? '' : digits(p99),
      p999 === null ? '' : digits(p999),
      samples.toLocaleString('en'),
      peer ?? '',
      peer === null ? '' : peerValue === null ? 'not measured' : withUnit(peerValue, unit),
      ratio === null ? '' : digits(ratio),
      goal ?? '',
      met === null ? '' : met ? chalk.green('yes') : chalk.red('no'),
    ]);
  }
  return table.toString();
}
