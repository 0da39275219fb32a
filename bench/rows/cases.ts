/**
 * Every case of the benchmark, in the order of the table, and which of them a run needs.
 */

import { latencyCases } from './latency.js';
import type { Case, Row } from './row.js';
import { throughputCases } from './throughput.js';

export const allCases: readonly Case[] = [...latencyCases, ...throughputCases];

export const allRows: readonly Row[] = allCases.flatMap(({ rows }) => rows);

/** The cases with a row whose name starts with `prefix`, and those that have their peers. */
export function casesFor(prefix: string): Case[] {
  const rows = allRows.filter(({ name }) => name.startsWith(prefix));
  const names = new Set(rows.flatMap(({ name, peer }) => (peer === undefined ? [name] : [name, peer])));
  return allCases.filter((one) => one.rows.some(({ name }) => names.has(name)));
}
