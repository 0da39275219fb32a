/**
 * `dora check FILE`: every problem of a file at once, with its place and a way out; nothing is started.
 *
 * Exit code 1 when there is an error; warnings alone are 0. What is wrong goes to stderr, the verdict to stdout. All
 * checking is lib/descriptor's; this file only shows it.
 */

import { checkFile, formatDiagnostics, summarize } from '../../descriptor/index.js';
import type { Console } from '../console.js';

export function checkCommand(file: string, options: { json: boolean; quiet: boolean }, console: Console): number {
  const diagnostics = checkFile(file);
  const ok = !diagnostics.some((diagnostic) => diagnostic.severity === 'error');
  if (options.json) {
    console.line(JSON.stringify({ file, ok, diagnostics }));
    return ok ? 0 : 1;
  }
  const shown = options.quiet ? diagnostics.filter((diagnostic) => diagnostic.severity === 'error') : diagnostics;
  if (shown.length > 0) console.errorLine(formatDiagnostics(shown, { color: console.colorErr.level > 0 }));
  if (!options.quiet) console.line(`${file}: ${summarize(diagnostics)}`);
  return ok ? 0 : 1;
}
