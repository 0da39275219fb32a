/**
 * A set whose members come and go with each message.
 *
 * A Set or a Map that is emptied makes itself anew, in memory that only a major collection gives back. Here a member gets a place, by which it is
 * removed; a place that is free again is the next to be given.
 */

export class Places<T extends object> {
  readonly #members: (T | undefined)[] = [];
  readonly #free: number[] = [];
  #freeCount = 0;

  /** Returns its place. */
  add(member: T): number {
    const place = this.#freeCount > 0 ? (this.#free[--this.#freeCount] ?? 0) : this.#members.length;
    this.#members[place] = member;
    return place;
  }

  /** Does nothing when it was removed before. */
  remove(member: T, place: number): void {
    if (this.#members[place] !== member) return;
    this.#members[place] = undefined;
    this.#free[this.#freeCount++] = place;
  }

  /** Those that are there now. */
  all(): T[] {
    return this.#members.filter((member) => member !== undefined);
  }
}
