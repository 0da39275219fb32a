/**
 * Every case of the benchmark, in the order of the table, and which of them a run needs.
 */

import { peersOf } from '../results.js';
import { chainCases } from './chain.js';
import { latencyCases } from './latency.js';
import { latencyPeerCases } from './latency-peers.js';
import { operatorCases } from './operator.js';
import { resourceCases } from './resources.js';
import type { Case, Row } from './row.js';
import { spreadCases } from './spread.js';
import { startupCases } from './startup.js';
import { throughputCases } from './throughput.js';
import { timerCases } from './timer.js';

export const allCases: readonly Case[] = [
  ...latencyCases,
  ...latencyPeerCases,
  ...spreadCases,
  ...timerCases,
  ...throughputCases,
  ...operatorCases,
  ...startupCases,
  ...resourceCases,
  ...chainCases,
];

export const allRows: readonly Row[] = allCases.flatMap(({ rows }) => rows);

/** What a run measures and shows. */
export interface Selection {
  readonly cases: readonly Case[];
  readonly rows: readonly Row[];
}

/** The rows whose name starts with `prefix`, those that they are compared with, and the cases that measure them. */
export function select(prefix: string, quick: boolean, cases: readonly Case[] = allCases): Selection {
  const offered = cases.filter((one) => !quick || (one.quick === true && (one.peer?.effort ?? 'none') === 'none'));
  const rows = cases.flatMap((one) => one.rows);
  const byName = new Map(rows.map((row) => [row.name, row]));
  const wanted = new Set<string>();
  const want = (row: Row | undefined): void => {
    if (row === undefined || wanted.has(row.name)) return;
    wanted.add(row.name);
    for (const name of [...peersOf(row), ...(row.from === undefined ? [] : [row.from])]) want(byName.get(name));
  };
  const asked = offered.flatMap((one) => one.rows).filter(({ name }) => name.startsWith(prefix));
  asked.forEach(want);
  const chosen = offered.filter((one) => one.rows.some(({ name }) => wanted.has(name)));
  const measured = new Set(chosen.flatMap((one) => one.rows));
  return { cases: chosen, rows: rows.filter((row) => wanted.has(row.name) && measured.has(row)) };
}
