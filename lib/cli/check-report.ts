/**
 * What `dora check` found in its files, and the form for programs: one JSON object that does not change within a version.
 *
 * Every format is made of a CheckReport, so that they all count the same. The JSON form is documented in docs/cli.md;
 * fields may be added to it, a change of what is there raises `version`.
 */

import type { Diagnostic, FileKind } from '../descriptor/index.js';

/** One file that was checked. */
export interface CheckedFile {
  /** As named on the command line; what standard input counts as for `-`. */
  readonly file: string;
  readonly kind: FileKind;
  /** No error; with `--strict` no warning either. */
  readonly ok: boolean;
  readonly errors: number;
  readonly warnings: number;
  /** In the order of the file. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface CheckReport {
  readonly ok: boolean;
  readonly files: readonly CheckedFile[];
  readonly counts: { readonly files: number; readonly ok: number; readonly errors: number; readonly warnings: number };
}

/** One file's result. */
export interface CheckResult {
  readonly file: string;
  readonly kind: FileKind;
  readonly diagnostics: readonly Diagnostic[];
}

/** @param strict warnings fail as well */
export function makeReport(results: readonly CheckResult[], strict: boolean): CheckReport {
  const files = results.map(({ file, kind, diagnostics }): CheckedFile => {
    const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error').length;
    const warnings = diagnostics.length - errors;
    return { file, kind, ok: errors === 0 && !(strict && warnings > 0), errors, warnings, diagnostics };
  });
  const sum = (count: (file: CheckedFile) => number): number => files.reduce((total, file) => total + count(file), 0);
  return {
    ok: files.every((file) => file.ok),
    files,
    counts: {
      files: files.length,
      ok: files.filter((file) => file.ok).length,
      errors: sum((file) => file.errors),
      warnings: sum((file) => file.warnings),
    },
  };
}

/** Version of the JSON form. */
const VERSION = 1;

/** One line of JSON: `{ format, version, ok, counts, files }`. */
export function formatJson(report: CheckReport): string {
  const { ok, counts, files } = report;
  return JSON.stringify({ format: 'dora-check', version: VERSION, ok, counts, files });
}
