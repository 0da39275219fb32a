/**
 * Ids of inputs and outputs as indices.
 *
 * Ids are checked where a program names them, for types are only as good as `dora types` was up to date. An unknown id is the
 * caller's mistake: a TypeError that lists what there is and offers what was probably meant.
 */

import { didYouMean, listNames, quote } from '../descriptor/suggest.js';

export class Ids {
  readonly names: readonly string[];
  readonly #indices: ReadonlyMap<string, number>;
  readonly #node: string;
  readonly #kind: 'input' | 'output';

  constructor(node: string, kind: 'input' | 'output', names: readonly string[]) {
    this.#node = node;
    this.#kind = kind;
    this.names = names;
    this.#indices = new Map(names.map((name, index) => [name, index]));
  }

  /** @throws TypeError for an id that is not declared */
  index(id: string): number {
    const index = this.#indices.get(id);
    if (index === undefined) throw this.#unknown(id);
    return index;
  }

  #unknown(id: unknown): TypeError {
    const start = `node ${quote(this.#node)} has no ${this.#kind}`;
    if (typeof id !== 'string') return new TypeError(`${start} of that id: ids are strings, and this is ${typeof id}`);
    const there = this.names.length === 0 ? `it declares no ${this.#kind}s` : `it has ${listNames(this.names)}`;
    const suggestion = didYouMean(id, this.names);
    return new TypeError(`${start} ${quote(id)}; ${there}${suggestion === undefined ? '' : `. ${suggestion}`}`);
  }
}
