/**
 * The project's own files as text, for tests that read the source instead of running it.
 *
 * Rules take `SourceFile[]`, so that a test can hand them files of its own making and see the rule fail.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of package.json. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface SourceFile {
  /** Relative to the repository, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** A finding: `file: what is wrong`. An empty list is a rule that holds. */
export type Findings = string[];

const notOurs = /(^|\/)(node_modules|third_party|dist|out|build[^/]*|target|\.dora)\//;

/** Files under `folders` whose path matches, sorted. A folder that does not exist has none. */
export function readSources(folders: readonly string[], pattern: RegExp): SourceFile[] {
  return folders
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`),
    )
    .filter((file) => pattern.test(file) && !notOurs.test(file))
    .sort()
    .map((file) => ({ path: file, text: readFileSync(path.join(root, file), 'utf8') }));
}
