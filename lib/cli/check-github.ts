/**
 * Diagnostics as workflow commands of GitHub Actions, which show them at their lines in a pull request.
 *
 * `::error file=…,line=…,endLine=…,col=…,endColumn=…,title=…::message`, one a line. The form and its escapes are those of
 * actions/toolkit (packages/core/src/command.ts): `%`, CR and LF everywhere, `:` and `,` too in a property. Columns are
 * left out where a diagnostic ends on another line, for GitHub refuses them there.
 */

import path from 'node:path';
import type { Diagnostic } from '../descriptor/index.js';

/**
 * The commands, one a line, without a line end after the last.
 * @param root folder to which GitHub's paths are relative: that of the repository
 */
export function formatGithub(diagnostics: readonly Diagnostic[], root: string): string {
  return diagnostics
    .map((diagnostic) => {
      const { file, line, column, endLine, endColumn, severity, code, message, hint } = diagnostic;
      const columns = line === endLine ? { col: column, endColumn } : {};
      const properties = { file: path.relative(root, path.resolve(file)), line, endLine, ...columns, title: code };
      const words = Object.entries(properties).map(([name, value]) => `${name}=${escapeProperty(String(value))}`);
      return `::${severity} ${words.join(',')}::${escapeData(hint === undefined ? message : `${message}\n${hint}`)}`;
    })
    .join('\n');
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
