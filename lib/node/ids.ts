/**
 * Ids of inputs and outputs as indices.
 *
 * Ids are checked where a program names them, for types are only as good as `dora types` was up to date. An unknown id is the
 * caller's mistake: a TypeError that lists what there is and offers what was probably meant. So is one that belongs to another thread (share.ts).
 */

import { DoraError } from '../errors.js';
import { didYouMean, listNames, quote } from '../descriptor/suggest.js';

export class Ids {
  readonly names: readonly string[];
  readonly #indices: ReadonlyMap<string, number>;
  readonly #node: string;
  readonly #kind: 'input' | 'output';
  /** Those of other threads; undefined: there are none. */
  #away: Set<number> | undefined;

  constructor(node: string, kind: 'input' | 'output', names: readonly string[]) {
    this.#node = node;
    this.#kind = kind;
    this.names = names;
    this.#indices = new Map(names.map((name, index) => [name, index]));
  }

  /** @throws TypeError for an id that is not declared, or another thread's */
  index(id: string): number {
    const index = this.#indices.get(id);
    if (index === undefined) throw this.#unknown(id);
    if (this.#away !== undefined) this.expectHere(index);
    return index;
  }

  isHere(index: number): boolean {
    return this.#away?.has(index) !== true;
  }

  /** @throws TypeError when it is another thread's */
  expectHere(index: number): void {
    if (this.isHere(index)) return;
    throw new TypeError(
      `${this.#kind} ${quote(this.names[index] ?? '')} of node ${quote(this.#node)} belongs to another thread; ` +
        'use it there, or name it in the share() that this thread is connected through (takeBack() ends a share)',
    );
  }

  setAway(index: number, away: boolean): void {
    this.#away ??= new Set();
    if (away) this.#away.add(index);
    else this.#away.delete(index);
    if (this.#away.size === 0) this.#away = undefined;
  }

  /** @throws TypeError for an id that is not declared; DoraError ALREADY_SHARED */
  forShare(ids: readonly string[]): number[] {
    const indices = new Set<number>();
    for (const id of ids) {
      const index = this.#indices.get(id);
      if (index === undefined) throw this.#unknown(id);
      if (!this.isHere(index) || indices.has(index)) {
        throw new DoraError(
          'ALREADY_SHARED',
          `${this.#kind} ${quote(id)} of node ${quote(this.#node)} is ${indices.has(index) ? 'named twice' : 'shared already'}`,
          { hint: 'each input and output belongs to one thread: takeBack() the other share first' },
        );
      }
      indices.add(index);
    }
    return [...indices];
  }

  #unknown(id: unknown): TypeError {
    const start = `node ${quote(this.#node)} has no ${this.#kind}`;
    if (typeof id !== 'string') return new TypeError(`${start} of that id: ids are strings, and this is ${typeof id}`);
    const names = this.names.filter((_name, index) => this.isHere(index));
    const there =
      names.length > 0
        ? `it has ${listNames(names)}`
        : this.names.length > 0
          ? `it has none on this thread`
          : `it declares no ${this.#kind}s`;
    const suggestion = didYouMean(id, this.names);
    return new TypeError(`${start} ${quote(id)}; ${there}${suggestion === undefined ? '' : `. ${suggestion}`}`);
  }
}
