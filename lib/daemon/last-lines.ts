/**
 * The newest lines of a node's output, for the message that says why it failed.
 *
 * Bounded in number and in length: a node may print for months. stdout and stderr are kept together in the order in
 * which they were read, as a person saw them.
 */

const MAX_LINES = 50;
const MAX_LENGTH = 2000;

export class LastLines {
  #lines: string[] = [];

  add(lines: readonly string[]): void {
    for (const line of lines.slice(-MAX_LINES)) {
      this.#lines.push(line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)} …` : line);
    }
    // Cut in bulk: shifting one by one would move the whole array for each line.
    if (this.#lines.length > 4 * MAX_LINES) this.#lines = this.#lines.slice(-MAX_LINES);
  }

  /** Oldest first, at most 50. */
  toArray(): string[] {
    return this.#lines.slice(-MAX_LINES);
  }
}
