/**
 * How much a dataflow may multiply. By modules: eight files that each name the next ten times would be a hundred million
 * nodes. By variables: a text of 100 kB, named ten thousand times, would be a gigabyte.
 *
 * Each use of a module is paid for before it is resolved, in nodes and in the size of its file, so that neither many
 * uses of a small module nor some of a huge one take long; each text is paid for by what its variables made it grow,
 * each node by the variables that it has from those around it. One dataflow has one budget of each kind.
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

/** Characters of one text with its variables replaced: Linux starts no program with a longer argument or variable. */
const MAX_TEXT = 128 * 1024;
/** Characters that variables may add to all texts of a dataflow together. */
const MAX_ADDED_TEXT = 16 * 1024 * 1024;
/** Variables of all nodes together, those of the root counted for each node. */
const MAX_VARIABLES = 500_000;

export class TextBudget {
  #left = MAX_ADDED_TEXT;
  #variables = MAX_VARIABLES;
  #reported = false;

  /** How long one text may become now. */
  get longest(): number {
    return Math.min(MAX_TEXT, this.#left);
  }

  /** Takes what variables added to a text. */
  spend(characters: number): void {
    this.#left -= Math.max(0, characters);
  }

  /** Takes the variables of one node; false when that is too much. */
  spendVariables(count: number): boolean {
    this.#variables -= count;
    return this.#variables >= 0;
  }

  /** Reports a text that became too long. That all of them together are too much is said once. */
  report(place: Place, reporter: Reporter): void {
    const one = this.longest === MAX_TEXT && this.#variables >= 0;
    if (!one && this.#reported) return;
    this.#reported ||= !one;
    reporter.report(place, {
      code: 'TEXT_TOO_LONG',
      message: one
        ? `with its variables replaced this text is longer than ${String(MAX_TEXT / 1024)} KiB`
        : 'variables make the texts of this dataflow larger than can be run',
      hint: one
        ? 'No program can be started with a longer argument or variable. Put the text into a file, and give its path.'
        : 'Long texts that many nodes repeat multiply. Put them into a file, and give its path.',
    });
  }
}
