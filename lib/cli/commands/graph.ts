/**
 * `dora graph FILE`: the dataflow as a Mermaid flowchart for Markdown, or as an HTML page for a browser.
 *
 * A file with errors is not drawn: the drawing would hide what is wrong. Warnings are `dora check`'s to show, and no
 * program has to be there. The drawings themselves are lib/descriptor's and graph-html.ts's.
 */

import { mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { formatDiagnostics, readDataflow, toMermaid, type Dataflow } from '../../descriptor/index.js';
import { DoraError } from '../../errors.js';
import { plainLine } from '../../message/plain-text.js';
import type { Console } from '../console.js';
import { gatherEnv, type EnvSources } from '../env-file.js';
import { notADataflow } from '../not-a-dataflow.js';
import { openFile } from '../open-file.js';

/** The command line's options, checked. */
export interface GraphCommandOptions extends EnvSources {
  readonly html: boolean;
  /** Implies `html`. */
  readonly open: boolean;
  /** Where the drawing goes instead of stdout. */
  readonly out?: string;
}

export async function graphCommand(file: string, options: GraphCommandOptions, console: Console): Promise<number> {
  const dataflow = readForDrawing(file, options, console);
  if (dataflow === undefined) return 1;
  const text = await draw(dataflow, options);
  const target = options.out ?? (options.open ? temporaryFile(file) : undefined);
  if (target === undefined) {
    console.out.write(text);
    return 0;
  }
  writeDrawing(target, text, dataflow);
  console.errorLine(`wrote ${plainLine(target)}`);
  if (options.open) await openFile(path.resolve(target));
  return 0;
}

/** The dataflow, or undefined when it was said what is wrong. */
function readForDrawing(file: string, sources: EnvSources, console: Console): Dataflow | undefined {
  // A drawing needs no programs: it may be made before anything is built.
  const { dataflow, diagnostics, kind } = readDataflow(file, {
    purpose: 'check',
    files: 'ignore',
    env: gatherEnv(sources),
  });
  if (dataflow !== undefined) return dataflow;
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  if (errors.length > 0) {
    console.errorLine(formatDiagnostics(errors, { color: console.colorErr.level > 0 }));
  } else {
    console.showError(notADataflow(file, kind));
  }
  return undefined;
}

async function draw(dataflow: Dataflow, { html, open }: GraphCommandOptions): Promise<string> {
  if (!html && !open) return toMermaid(dataflow);
  const { toHtml } = await import('../graph-html.js');
  return toHtml(dataflow);
}

/** In a folder of its own, which others cannot look into; the browser may read it long after us. */
function temporaryFile(file: string): string {
  return path.join(mkdtempSync(path.join(tmpdir(), 'dora-graph-')), `${path.parse(file).name}.html`);
}

function writeDrawing(target: string, text: string, dataflow: Dataflow): void {
  const sources = [dataflow.file, ...dataflow.modules.map((module) => module.file)].map(realPath);
  if (sources.includes(realPath(target))) {
    throw new DoraError('WRITE_FAILED', `${target} is a file of the dataflow itself`, {
      hint: 'Give --out another name.',
    });
  }
  try {
    writeFileSync(target, text);
  } catch (error) {
    throw new DoraError('WRITE_FAILED', `${target} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return path.resolve(file);
  }
}
