/**
 * How much modules may multiply: eight files that each name the next ten times would be a hundred million nodes.
 *
 * Each use of a module is paid for before it is resolved, in nodes and in the size of its file, so that neither many
 * uses of a small module nor some of a huge one take long. One dataflow has one budget.
 */

import type { Place, Reporter } from './diagnostic.js';

/** Nodes that modules may bring into one dataflow. */
export const MAX_EXPANDED_NODES = 10_000;
/** Keys, values and entries of module files, each counted as often as it is used. */
const MAX_EXPANDED_PARTS = 2_000_000;

export class DescriptorBudget {
  #nodes = 0;
  #parts = 0;
  #reported = false;

  /** Takes what one more use of a module costs; false when that is too much. */
  spend(nodes: number, parts: number): boolean {
    // The use itself counts too: modules without nodes could be named without end.
    this.#nodes += nodes + 1;
    this.#parts += parts;
    return this.#nodes <= MAX_EXPANDED_NODES && this.#parts <= MAX_EXPANDED_PARTS;
  }

  /** Says so, once in a dataflow: every further use would be the same. */
  report(place: Place, reporter: Reporter): void {
    if (this.#reported) return;
    this.#reported = true;
    reporter.report(place, {
      code: 'TOO_MANY_NODES',
      message:
        this.#nodes > MAX_EXPANDED_NODES
          ? `modules would bring more than ${MAX_EXPANDED_NODES.toLocaleString('en-US')} nodes into this dataflow`
          : 'modules would make this dataflow larger than can be run',
      hint: 'Modules that name modules multiply. Name them fewer times.',
    });
  }
}
