/**
 * Diagnostics for a terminal: place, severity, code, message, the line with what is wrong underlined, the way out.
 *
 * ```
 * dataflow.yml:14:14 error UNKNOWN_SOURCE  the node "camera" has no output "imagee"
 *   14 |       image: camera/imagee
 *                     ^^^^^^^^^^^^^
 *   hint: It has image, depth. Did you mean camera/image?
 * ```
 */

import { Chalk } from 'chalk';
import { plainLine } from '../message/plain-text.js';
import type { Diagnostic } from './diagnostic.js';

/** How diagnostics are shown. */
export interface FormatOptions {
  /** Colours for a terminal. Default false. */
  color?: boolean;
}

/** Columns of a line that are shown; a longer one is cut around the mistake. */
const MAX_LINE = 160;

/** All diagnostics, one below the other, without a line end after the last; empty text for none. */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], options: FormatOptions = {}): string {
  const chalk = new Chalk({ level: options.color === true ? 1 : 0 });
  return diagnostics
    .map((diagnostic) => {
      const paint = diagnostic.severity === 'error' ? chalk.red : chalk.yellow;
      const { file, line, column, severity, code, message, hint } = diagnostic;
      const head = `${chalk.bold(`${plainLine(file)}:${String(line)}:${String(column)}`)} ${paint(severity)} ${chalk.bold(code)}  ${plainLine(message)}`;
      const frame = formatFrame(diagnostic, paint);
      return [head, ...frame, ...(hint === undefined ? [] : [`  ${chalk.dim('hint:')} ${plainLine(hint)}`])].join('\n');
    })
    .join('\n');
}

/** `2 errors, 1 warning`; `no problems` for none. */
export function summarize(diagnostics: readonly Diagnostic[]): string {
  const count = (severity: Diagnostic['severity']): string[] => {
    const number = diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
    return number === 0 ? [] : [`${String(number)} ${severity}${number === 1 ? '' : 's'}`];
  };
  return [...count('error'), ...count('warning')].join(', ') || 'no problems';
}

function formatFrame(diagnostic: Diagnostic, paint: (text: string) => string): string[] {
  const { lineText, line, column, endLine, endColumn } = diagnostic;
  if (lineText === undefined || lineText.trim() === '') return [];
  const from = column - 1;
  const cut = lineText.length > MAX_LINE ? Math.max(0, Math.min(from - 40, lineText.length - MAX_LINE)) : 0;
  const shown = lineText.slice(cut, cut + MAX_LINE);
  const last = endLine === line ? endColumn - 1 : lineText.trimEnd().length;
  const width = Math.max(1, Math.min(last, cut + MAX_LINE) - from);
  const prefix = `  ${String(line)} | `;
  const before = plainLine(shown.slice(0, Math.max(0, from - cut))).replace(/[^\t]/g, ' ');
  return [`${prefix}${plainLine(shown)}`, `${' '.repeat(prefix.length)}${before}${paint('^'.repeat(width))}`];
}
