/**
 * "Did you mean": the words that a message offers in place of an unknown one, and how a message quotes what stands in
 * a file. Text of a file is hostile: it is cut, and control characters never reach a terminal. Every message of this
 * folder quotes by quote() and offers by nearest() or didYouMean().
 */

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { closest, distance } from 'fastest-levenshtein';

/** Longer words are not compared: nobody mistyped a kilobyte, and the distance takes quadratic time. */
const MAX_WORD = 100;
/** More are not compared: a file may have a hundred thousand names, and two hundred mistakes. */
const MAX_CANDIDATES = 5_000;

/** Candidates for many words, made ready once: a file of many names has many mistakes that are compared with the same ones. */
export class Candidates {
  /** As they are compared -> the first that is written so. */
  readonly #folded = new Map<string, string>();
  readonly #comparable: readonly string[];

  constructor(candidates: Iterable<string>) {
    let count = 0;
    for (const candidate of candidates) {
      if (count === MAX_CANDIDATES) break;
      count += 1;
      const folded = fold(candidate);
      if (!this.#folded.has(folded)) this.#folded.set(folded, candidate);
    }
    this.#comparable = [...this.#folded.keys()].filter((candidate) => candidate.length <= MAX_WORD);
  }

  /** The candidate that was probably meant, or undefined when none is near: a third may differ, or the order of letters. */
  nearest(word: string): string | undefined {
    if (word.length > MAX_WORD) return undefined;
    const plain = fold(word);
    const same = this.#folded.get(plain);
    if (same !== undefined || this.#comparable.length === 0) return same;
    const best = closest(plain, this.#comparable);
    const longest = Math.max(plain.length, best.length);
    // Of a word of one letter nothing would be left.
    const allowed = Math.min(longest - 1, Math.max(1, Math.floor(longest / 3)));
    if (distance(plain, best) > allowed && sorted(plain) !== sorted(best)) return undefined;
    return this.#folded.get(best);
  }
}

/** The candidate that was probably meant, or undefined when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  return new Candidates(candidates).nearest(word);
}

/** `Did you mean "x"?`, or undefined when nothing is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const best = nearest(word, candidates);
  return best === undefined ? undefined : `Did you mean ${quote(best)}?`;
}

/**
 * The same for a file that is not there: one of nearly that name in the folder in which it was looked for.
 * @param wanted the path as it is to be shown
 * @param kind what the names of files that are offered match
 * @param looked the path at which it was looked for
 */
export function didYouMeanFile(wanted: string, kind = /./, looked = wanted): string | undefined {
  try {
    const names = readdirSync(path.dirname(looked)).filter((name) => kind.test(name));
    const best = nearest(path.basename(wanted), names);
    return best === undefined ? undefined : `Did you mean ${quote(path.join(path.dirname(wanted), best))}?`;
  } catch {
    return undefined;
  }
}

/** Joins the parts of a hint that exist; undefined when there are none. */
export function hints(...parts: (string | undefined)[]): string | undefined {
  const present = parts.filter((part) => part !== undefined && part !== '');
  return present.length === 0 ? undefined : present.join(' ');
}

/** Text of a file inside a message: in double quotes, cut at 60 characters, control characters escaped. */
export function quote(text: string): string {
  // Never through a character: half of one would show as an escape that does not stand in the file.
  const cut = text.length > 60 ? `${text.slice(0, 57).replace(/[\ud800-\udbff]$/, '')}…` : text;
  // JSON escapes C0 only; DEL, C1, bidi and line separators could still change what a terminal shows.
  return JSON.stringify(cut).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** `a, b and 3 more`, or `nothing` for an empty list. */
export function listNames(names: Iterable<string>, limit = 8): string {
  const all = [...names];
  if (all.length === 0) return 'nothing';
  const shown = all.slice(0, limit).map(printable);
  return all.length > limit ? `${shown.join(', ')} and ${String(all.length - limit)} more` : shown.join(', ');
}

/** The text without quotes when it is a plain word, quoted otherwise. */
function printable(text: string): string {
  return /^[\w./-]{1,60}$/.test(text) ? text : quote(text);
}

function sorted(text: string): string {
  return Array.from(text).sort().join('');
}

function fold(text: string): string {
  return text.toLowerCase().replaceAll('-', '_');
}
