/**
 * One problem of a dataflow file, and the list of all of them.
 *
 * Nothing in this folder stops at the first mistake: each step reports what it finds to a Reporter and goes on with
 * what is left. The Reporter throws away repetitions (an anchor that is used ten times is wrong once), folds
 * "has no effect yet" into one warning for each key, caps the list, and hands it back in the order of the file.
 * Columns and lines count from 1, columns in UTF-16 units, ends are exclusive.
 */

import { DoraError } from '../errors.js';
import { hints, quote } from './suggest.js';

/** A stretch of a dataflow file. */
export interface SourceRange {
  /** First line, from 1. */
  readonly line: number;
  /** First column, from 1, in UTF-16 units. */
  readonly column: number;
  readonly endLine: number;
  /** The column after the last character. */
  readonly endColumn: number;
}

/** `error`: the file cannot run. `warning`: it can, but something is not as it seems. */
export type Severity = 'error' | 'warning';

/** One problem, with everything that is needed to show it. */
export interface Diagnostic extends SourceRange {
  /** The file as the caller named it. */
  readonly file: string;
  /** Where in the document, as `nodes[1].inputs.image`; empty for the file as a whole. */
  readonly path: string;
  /** Stable, upper case with underscores, listed in docs/errors.md. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** What to do about it, one or two sentences. */
  readonly hint?: string;
  /** The text of the line `line`; absent when the problem is not in the text (a file that is not there). */
  readonly lineText?: string;
}

/** Where something stands: its range and its YAML path. */
export interface Place {
  readonly range: SourceRange;
  readonly path: readonly (string | number)[];
}

/** What a step says about a problem; the Reporter adds file and line text. */
export interface Problem {
  code: string;
  severity?: Severity;
  message: string;
  hint?: string | undefined;
}

/** Errors shown at most, and warnings; a broken file can have more mistakes than bytes, and nobody reads the thousandth. */
const MAX_SHOWN = 200;

/** Codes that say that something is not there. */
const saysMissing: ReadonlySet<string> = new Set(['NO_SOURCE', 'MISSING_KEY']);

/** Collects the diagnostics of one file. */
export class Reporter {
  readonly #file: string;
  readonly #lineText: (line: number) => string | undefined;
  readonly #included: string | undefined;
  readonly #found: Diagnostic[] = [];
  readonly #seen = new Set<string>();
  readonly #noEffect = new Map<string, { first: Place; lines: Set<number> }>();
  readonly #shown = { error: 0, warning: 0 };
  readonly #omitted = { error: 0, warning: 0 };
  #endsEarly = false;
  #trustedLines = Number.POSITIVE_INFINITY;
  #wholeLines = Number.POSITIVE_INFINITY;

  /**
   * @param file the file as the caller named it
   * @param lineText the text of a line, from 1
   * @param included who includes the file, as a sentence for every hint; undefined for the file that the caller named
   */
  constructor(file: string, lineText: (line: number) => string | undefined, included?: string) {
    this.#file = file;
    this.#lineText = lineText;
    this.#included = included;
  }

  /** The file as the caller named it. */
  get file(): string {
    return this.#file;
  }

  /** Reports a problem at a place. The same problem at the same place counts once. */
  report(place: Place, problem: Problem): void {
    const severity = problem.severity ?? 'error';
    // Where it stands is not looked up: a megabyte may hold a quarter of a million mistakes.
    if (this.omitsNext(severity)) return;
    const { range, path } = place;
    if (range.line > this.#trustedLines) return;
    if (range.line > this.#wholeLines && saysMissing.has(problem.code)) return;
    const key = `${String(range.line)}:${String(range.column)}:${problem.code}:${problem.message}`;
    if (this.#seen.has(key)) return;
    if (this.#shown[severity] >= MAX_SHOWN) {
      this.#omitted[severity] += 1;
      return;
    }
    this.#seen.add(key);
    this.#shown[severity] += 1;
    const lineText = this.#lineText(range.line);
    const hint = hints(problem.hint, this.#included);
    this.#found.push({
      file: this.#file,
      line: range.line,
      column: range.column,
      endLine: range.endLine,
      endColumn: range.endColumn,
      path: formatPath(path),
      code: problem.code,
      severity,
      message: problem.message,
      ...(hint === undefined ? {} : { hint }),
      ...(lineText === undefined ? {} : { lineText }),
    });
  }

  /** Whether further errors (or warnings) are only counted. Then say so by `omit()` and spare the work of explaining. */
  isFull(severity: Severity = 'error'): boolean {
    return this.#shown[severity] >= MAX_SHOWN;
  }

  /**
   * Counts the next problem when nothing but its number would be told, wherever it stands. When this is true there is
   * nothing to explain.
   */
  omitsNext(severity: Severity = 'error'): boolean {
    if (this.#shown[severity] < MAX_SHOWN || this.#trustedLines !== Number.POSITIVE_INFINITY) return false;
    this.#omitted[severity] += 1;
    return true;
  }

  /** Counts a problem that is not explained. */
  omit(severity: Severity = 'error'): void {
    this.#omitted[severity] += 1;
  }

  /** Notes that the file has so many mistakes that its rest is not read. */
  endsEarly(): void {
    this.#endsEarly = true;
  }

  /** Notes that a key was used whose feature does not exist yet; all uses of a key become one warning. */
  noEffectYet(key: string, place: Place): void {
    const known = this.#noEffect.get(key);
    if (known === undefined) this.#noEffect.set(key, { first: place, lines: new Set([place.range.line]) });
    else known.lines.add(place.range.line);
  }

  /** Whether an error (not a mere warning) was reported so far. */
  get hasErrors(): boolean {
    return this.#shown.error > 0;
  }

  /**
   * The text cannot be trusted from a line on (its YAML is broken there): what was found below, or is found later, is
   * most likely a consequence, and is left out. So is what the entry that is broken seems to lack; it starts at `entry`.
   */
  distrustFrom(line: number, entry = line): void {
    this.#trustedLines = line - 1;
    this.#wholeLines = entry - 1;
  }

  /** Everything found, in the order of the file. */
  finish(): Diagnostic[] {
    for (const [key, { first, lines }] of this.#noEffect) {
      const others = [...lines].filter((line) => line !== first.range.line);
      this.report(first, {
        code: 'NO_EFFECT_YET',
        severity: 'warning',
        message: `"${key}" is checked but has no effect yet${alsoOn(others)}`,
        hint: 'This version runs the dataflow as if the key were not there.',
      });
    }
    this.#noEffect.clear();
    const sorted = this.#found.toSorted((a, b) => a.line - b.line || a.column - b.column);
    const last = sorted.at(-1);
    for (const severity of ['error', 'warning'] as const) {
      const omitted = this.#omitted[severity];
      if (omitted === 0 || last === undefined) continue;
      const rest = this.#endsEarly && severity === 'error' ? ', and the rest of the file is not read' : '';
      const message = `${omitted} more ${severity}s are not shown${rest}`;
      sorted.push({
        ...last,
        path: '',
        code: 'TOO_MANY_PROBLEMS',
        severity,
        message,
        hint: 'Mend the first ones and check again.',
      });
    }
    return sorted;
  }
}

/** `nodes[1].inputs.image`; names that would be read wrongly are quoted: `env["a b"]`. */
export function formatPath(path: readonly (string | number)[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${String(part)}]`;
    else if (!/^[\w-]+$/.test(part)) text += `[${quote(part)}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

/** A dataflow file that cannot run. `diagnostics` holds every problem, warnings too. */
export class DescriptorError extends DoraError {
  override readonly name = 'DescriptorError';
  readonly diagnostics: readonly Diagnostic[];

  constructor(file: string, diagnostics: readonly Diagnostic[]) {
    const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
    const shown = errors
      .slice(0, 10)
      .map((d) => `  ${d.file}:${String(d.line)}:${String(d.column)} ${d.code}  ${d.message}`);
    const more = errors.length > shown.length ? [`  and ${String(errors.length - shown.length)} more`] : [];
    const count = errors.length === 1 ? '1 error' : `${errors.length} errors`;
    super('DESCRIPTOR_INVALID', [`${file} has ${count}`, ...shown, ...more].join('\n'), {
      hint: `"dora check ${file}" shows each one with its place and a way out.`,
    });
    this.diagnostics = diagnostics;
  }
}

function alsoOn(lines: readonly number[]): string {
  if (lines.length === 0) return '';
  const shown = lines.slice(0, 5).map(String).join(', ');
  return ` (also on line${lines.length === 1 ? '' : 's'} ${shown}${lines.length > 5 ? ', …' : ''})`;
}
