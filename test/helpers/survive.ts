/**
 * What has to hold for the answer to any bytes: diagnostics that lie inside the file or a clean pass, no exception, and
 * no time without end. The mutations of the unit tests and the fuzzer of test/long ask it the same way.
 */
import { formatDiagnostics, parseDataflow, toMermaid, type Purpose } from '../../lib/descriptor/index.js';

const host = { HOME: '/home/robot', PATH: '/usr/bin' };
/** Far above what a small file takes, far below what anybody would call hanging. */
const MAX_CPU_MS = 5_000;

/** Reads, checks, shows and draws a text; returns the number of diagnostics, and throws when the answer is impossible. */
export function survive(text: string | Uint8Array, purpose: Purpose = 'check'): number {
  const before = process.cpuUsage();
  const { kind, dataflow, diagnostics } = parseDataflow(text, '/robot/dataflow.yml', {
    files: 'ignore',
    host,
    purpose,
  });
  formatDiagnostics(diagnostics, { color: true });
  if (dataflow !== undefined) toMermaid(dataflow);
  const { user, system } = process.cpuUsage(before);
  if (user + system > MAX_CPU_MS * 1000) throw new Error(`took ${Math.round((user + system) / 1000)} ms`);

  const decoded = typeof text === 'string' ? text : new TextDecoder().decode(text);
  const lines = decoded.replace(/^\ufeff/u, '').split(/\n|\r(?!\n)/);
  for (const { line, column, endLine, endColumn, message, code, hint } of diagnostics) {
    // At the end of a line or of the file, what is missing is shown one column wide after it.
    const inside =
      line >= 1 &&
      column >= 1 &&
      endLine <= lines.length &&
      column <= (lines[line - 1]?.length ?? 0) + 1 &&
      endColumn <= (lines[endLine - 1]?.length ?? 0) + 2;
    const ordered = endLine > line || (endLine === line && endColumn > column);
    if (!inside || !ordered || message === '' || hint === '' || !/^[A-Z_]+$/.test(code))
      throw new Error(`impossible: ${line}:${column}-${endLine}:${endColumn} ${code} ${message}`);
  }
  const failed = diagnostics.some(({ severity }) => severity === 'error');
  if (kind === 'dataflow' && (dataflow === undefined) !== failed)
    throw new Error(failed ? 'a dataflow in spite of errors' : 'no dataflow and no error');
  return diagnostics.length;
}
