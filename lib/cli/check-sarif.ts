/**
 * Diagnostics as SARIF 2.1.0 (OASIS), which code scanning services and editors read.
 *
 * One run, one rule for each code that occurs, its words taken from docs/errors.md so that they exist once. Paths are
 * relative to the root given (`%SRCROOT%`) where a file lies in it, else file URIs. Columns count UTF-16 units from 1 and ends are
 * exclusive, as in a Diagnostic. The types are those of @types/sarif; the result is held to the schema of the standard by a test.
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ArtifactLocation, Log, ReportingDescriptor, Result } from 'sarif';
import { packageRoot } from '../native/package-root.js';
import type { Diagnostic } from '../descriptor/index.js';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

/** A code's row in docs/errors.md. */
interface CodeWords {
  readonly meaning: string;
  readonly todo: string;
}

/** The log as JSON text, without a line end. */
export function formatSarif(diagnostics: readonly Diagnostic[], root: string): string {
  return JSON.stringify(makeSarif(diagnostics, root), null, 2);
}

export function makeSarif(diagnostics: readonly Diagnostic[], root: string): Log {
  const page = path.join(packageRoot(), 'docs', 'errors.md');
  const words = readCodeWords(readFileSync(page, 'utf8'));
  const codes = [...new Set(diagnostics.map((diagnostic) => diagnostic.code))].sort();
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: { name: 'dora-ts', version: packageVersion(), rules: codes.map((code) => rule(code, words, page)) },
        },
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: { '%SRCROOT%': { uri: `${pathToFileURL(root).href.replace(/\/$/, '')}/` } },
        results: diagnostics.map((diagnostic) => result(diagnostic, codes, root)),
      },
    ],
  };
}

function rule(code: string, words: ReadonlyMap<string, CodeWords>, page: string): ReportingDescriptor {
  const found = words.get(code);
  const base = { id: code, helpUri: pathToFileURL(page).href };
  if (found === undefined) return base;
  const { meaning, todo } = found;
  return {
    ...base,
    shortDescription: { text: plain(meaning) },
    fullDescription: { text: plain(`${meaning} ${todo}`) },
    help: { text: plain(todo), markdown: todo },
  };
}

function result(diagnostic: Diagnostic, codes: readonly string[], root: string): Result {
  const { file, line, column, endLine, endColumn, severity, code, message, hint } = diagnostic;
  return {
    ruleId: code,
    ruleIndex: codes.indexOf(code),
    level: severity,
    message: { text: hint === undefined ? message : `${message}\n${hint}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: artifact(file, root),
          region: { startLine: line, startColumn: column, endLine, endColumn },
        },
        ...(diagnostic.path === '' ? {} : { logicalLocations: [{ fullyQualifiedName: diagnostic.path }] }),
      },
    ],
  };
}

function artifact(file: string, root: string): ArtifactLocation {
  const absolute = path.resolve(file);
  const relative = path.relative(root, absolute);
  const isInside = relative !== '' && relative !== '..' && !relative.startsWith(`..${path.sep}`);
  return isInside
    ? { uri: relative.split(path.sep).map(encodeURIComponent).join('/'), uriBaseId: '%SRCROOT%' }
    : { uri: pathToFileURL(absolute).href };
}

/** The rows of docs/errors.md: `| CODE | meaning | what to do |`. */
export function readCodeWords(markdown: string): Map<string, CodeWords> {
  const rows = markdown.matchAll(/^\| ([A-Z][A-Z0-9_]*) \| (.*?) (?<!\\)\| (.*?) (?<!\\)\|$/gm);
  const unescape = (text = ''): string => text.replaceAll('\\|', '|');
  return new Map(
    [...rows].map(([, code = '', meaning, todo]) => [code, { meaning: unescape(meaning), todo: unescape(todo) }]),
  );
}

/** Markdown of one table cell -> text: code marks go. */
function plain(markdown: string): string {
  return markdown.replaceAll('`', '');
}

function packageVersion(): string {
  const text = readFileSync(path.join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
