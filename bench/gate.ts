/**
 * What the goals say about a run: how many are met, which figures close the gate. Pure.
 *
 * The gate lets a figure be twice off its goal before it closes: a machine's noise is no regression. A goal whose peer was not measured is not
 * judged, and that is said, so that a machine without peers does not pass for one where all is well.
 */

import { digits, withUnit } from './results.js';
import type { Result } from './results.js';

export interface Verdict {
  readonly met: number;
  readonly missed: number;
  /** Their peers were not measured. */
  readonly unjudged: number;
  /** More than twice off, a line each. */
  readonly off: readonly string[];
}

export function judge(results: readonly Result[]): Verdict {
  const goals = results.filter(({ goal }) => goal !== null);
  const off = goals.filter((row) => row.off === true);
  return {
    met: goals.filter(({ met }) => met === true).length,
    missed: goals.filter(({ met }) => met === false).length,
    unjudged: goals.filter(({ met }) => met === null).length,
    off: off.map(({ name, value, unit, ratio, peer, goal }) => {
      const beside = ratio === null || peer === null ? '' : `, ${digits(ratio)} × ${peer}`;
      return `${name}: ${withUnit(value, unit)}${beside}, is more than twice off its goal (${goal ?? ''})`;
    }),
  };
}

/** One line for people. */
export function summarize({ met, missed, unjudged, off }: Verdict): string {
  if (met + missed + unjudged === 0) return 'none of these rows has a goal';
  const beyond = off.length === 0 ? '' : ` (${off.length} by more than twice)`;
  const rest = unjudged === 0 ? '' : `, ${unjudged} not judged: what they are compared with was not measured`;
  return `goals: ${met} met, ${missed} missed${beyond}${rest}`;
}
