/**
 * `dora check FILE…`: every problem of each file at once, with its place and a way out; nothing is started.
 *
 * Exit code 1 when a file has an error (with --strict: or a warning), also when the others are in order. As text, what is
 * wrong goes to stderr and the verdicts to stdout; the other formats go to stdout whole. All checking is lib/descriptor's;
 * this file reads the command line's wishes, check-report.ts counts, and a file for each format writes it.
 */

import { fstatSync } from 'node:fs';
import { formatDiagnostics, parseDataflow, readDataflow, summarize, type Diagnostic } from '../../descriptor/index.js';
import type { ReadOptions } from '../../descriptor/index.js';
import { plainLine } from '../../message/plain-text.js';
import { formatJson, makeReport, type CheckReport, type CheckResult } from '../check-report.js';
import type { Console } from '../console.js';
import { gatherEnv } from '../env-file.js';

/** Above what the parser takes; it says so itself. */
const ENOUGH_BYTES = 8 * 1024 * 1024;

export type CheckFormat = 'text' | 'json' | 'sarif' | 'github';

/** The command line's options, checked. */
export interface CheckCommandOptions {
  readonly format: CheckFormat;
  /** Look whether programs, folders and the nodes that sources name are there. */
  readonly files: boolean;
  /** File that describes a cluster, which has to be able to take the nodes. */
  readonly cluster?: string;
  /** Warnings fail. */
  readonly strict: boolean;
  /** What is wrong with types is an error, whatever the file says. */
  readonly strictTypes: boolean;
  /** Errors only. */
  readonly quiet: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly envFile: readonly string[];
  /** What standard input counts as; relative paths start in its folder. */
  readonly stdinFilename: string;
}

export async function checkCommand(
  files: readonly string[],
  options: CheckCommandOptions,
  console: Console,
): Promise<number> {
  const readOptions: ReadOptions = {
    purpose: 'check',
    // Looked at by itself, a file may be a part of a dataflow whose other nodes are elsewhere.
    ...(options.files ? { files: 'warnBuildable' } : { files: 'ignore', missingNodes: 'warning' }),
    env: gatherEnv(options),
    ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
    ...(options.strictTypes ? { strictTypes: true } : {}),
  };
  const results: CheckResult[] = [];
  for (const file of files) results.push(await checkOne(file, options, readOptions));
  const report = makeReport(results, options.strict);
  await show(report, options, console);
  return report.ok ? 0 : 1;
}

async function checkOne(file: string, options: CheckCommandOptions, readOptions: ReadOptions): Promise<CheckResult> {
  if (file !== '-') {
    const { kind, diagnostics } = readDataflow(file, readOptions);
    return { file, kind, diagnostics };
  }
  const name = options.stdinFilename;
  try {
    const { kind, diagnostics } = parseDataflow(await readStdin(), name, readOptions);
    return { file: name, kind, diagnostics };
  } catch (error) {
    return { file: name, kind: 'unknown', diagnostics: [unreadable(name, error as Error)] };
  }
}

/** All of it, or what is enough to see that it is too much: a pipe may never end. */
async function readStdin(): Promise<Uint8Array> {
  if (fstatSync(0).isDirectory()) throw new Error('it is a folder');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > ENOUGH_BYTES) break;
  }
  return Buffer.concat(chunks);
}

function unreadable(file: string, error: Error): Diagnostic {
  return {
    ...{ file, line: 1, column: 1, endLine: 1, endColumn: 2, path: '', severity: 'error', code: 'FILE_UNREADABLE' },
    message: `standard input cannot be read: ${error.message}`,
    hint: 'Pipe a dataflow file into the command: dora check - < dataflow.yml',
  };
}

async function show(report: CheckReport, options: CheckCommandOptions, console: Console): Promise<void> {
  const wanted = (diagnostics: readonly Diagnostic[]): Diagnostic[] =>
    diagnostics.filter((diagnostic) => !options.quiet || options.strict || diagnostic.severity === 'error');
  const files = report.files.map((file) => ({ ...file, diagnostics: wanted(file.diagnostics) }));
  const all = files.flatMap((file) => file.diagnostics);
  // Where GitHub's runner has the repository; elsewhere the current folder.
  const root = process.env['GITHUB_WORKSPACE'] ?? process.cwd();
  switch (options.format) {
    case 'json':
      console.line(formatJson({ ...report, files }));
      break;
    case 'sarif': {
      const { formatSarif } = await import('../check-sarif.js');
      console.line(formatSarif(all, root));
      break;
    }
    case 'github': {
      const { formatGithub } = await import('../check-github.js');
      if (all.length > 0) console.line(formatGithub(all, root));
      break;
    }
    case 'text':
      if (all.length > 0) console.errorLine(formatDiagnostics(all, { color: console.colorErr.level > 0 }));
      if (!options.quiet) showVerdicts(report, console);
  }
}

/** One line a file, and one for all of them where there are several. */
function showVerdicts({ files, counts }: CheckReport, console: Console): void {
  for (const { file, diagnostics } of files) console.line(`${plainLine(file)}: ${summarize(diagnostics)}`);
  if (files.length === 1) return;
  const all = summarize(files.flatMap((file) => file.diagnostics));
  console.line(`${counts.files} files, ${counts.ok} in order: ${all}`);
}
