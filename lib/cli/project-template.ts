/**
 * The starter projects of `dora new`: real files in templates/new/<template>/, copied with two words replaced.
 *
 * `{{name}}` becomes the project's name and `{{version}}` this package's version; nothing else is a template language. `_gitignore`
 * becomes `.gitignore`, which npm would take out of a package, and `_eslint.config.js` loses its `_`, lest our own ESLint takes it for
 * one of ours. A file that exists is never written to.
 */

import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync, type Stats } from 'node:fs';
import path from 'node:path';
import validateName from 'validate-npm-package-name';
import { packageRoot } from '../native/package-root.js';
import { DoraError } from '../errors.js';

export const templateNames = ['typescript', 'javascript', 'c-operator', 'c-node'] as const;
export type TemplateName = (typeof templateNames)[number];

/** The files of a template as they will be written; keys are relative paths. */
export type ProjectFiles = ReadonlyMap<string, string>;

/**
 * The name of a project in `folder`, which has to be one for an npm package.
 * @throws DoraError INVALID_PROJECT_NAME
 */
export function projectName(folder: string): string {
  const name = path.basename(folder);
  const { validForNewPackages, errors = [], warnings = [] } = validateName(name);
  // npm refuses to install a package into one of the same name.
  const own = name === ownPackage().name ? [`name is that of the package it will depend on`] : [];
  if (validForNewPackages && own.length === 0) return name;
  const suggestion = name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '');
  const isNear = suggestion !== name && validateName(suggestion).validForNewPackages;
  throw new DoraError(
    'INVALID_PROJECT_NAME',
    `"${name}" cannot be the name of a project: ${[...errors, ...warnings, ...own].join(', ')}`,
    { hint: isNear ? `Try: dora new ${suggestion}` : 'Use lower-case letters, digits and "-", as in my-robot.' },
  );
}

/**
 * Whether a project can be put there: nothing is, or an empty folder, or one with nothing but a new git repository.
 * @throws DoraError FOLDER_NOT_EMPTY, WRITE_FAILED
 */
export function checkTarget(folder: string, shown: string): void {
  let found: Stats | undefined;
  try {
    found = lstatSync(folder, { throwIfNoEntry: false });
  } catch (error) {
    throw new DoraError('WRITE_FAILED', `${shown} cannot be made: ${(error as Error).message}`, {
      hint: 'Look at the folders in front of its name.',
      cause: error,
    });
  }
  if (found === undefined) return;
  const hint = 'Give another name, or move away what is there; nothing is overwritten.';
  if (!found.isDirectory()) throw new DoraError('FOLDER_NOT_EMPTY', `${shown} is there and is no folder`, { hint });
  const content = readdirSync(folder).filter((name) => name !== '.git');
  if (content.length === 0) return;
  const some = content.slice(0, 3).join(', ');
  throw new DoraError('FOLDER_NOT_EMPTY', `the folder ${shown} is not empty: it holds ${some}`, { hint });
}

/** The template's files with its words replaced. */
export function readTemplate(template: TemplateName, name: string): ProjectFiles {
  const folder = path.join(packageRoot(), 'templates', 'new', template);
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const { version } = ownPackage();
  return new Map(
    files.sort().map((file) => {
      const relative = path
        .relative(folder, file)
        .replace(/(^|\/)_gitignore$/, '$1.gitignore')
        .replace(/(^|\/)_eslint\.config\.js$/, '$1eslint.config.js');
      const text = readFileSync(file, 'utf8').replaceAll('{{name}}', name).replaceAll('{{version}}', version);
      return [relative, text];
    }),
  );
}

/** @throws DoraError WRITE_FAILED */
export function writeProject(folder: string, files: ProjectFiles): void {
  for (const [relative, text] of files) {
    const file = path.join(folder, relative);
    try {
      mkdirSync(path.dirname(file), { recursive: true });
      // `wx`: what somebody else put there meanwhile stays as it is.
      writeFileSync(file, text, { flag: 'wx' });
    } catch (error) {
      throw new DoraError('WRITE_FAILED', `${file} cannot be written: ${(error as Error).message}`, {
        hint: `The project is incomplete: remove ${folder} before you try again.`,
        cause: error,
      });
    }
  }
}

function ownPackage(): { name: string; version: string } {
  return JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')) as {
    name: string;
    version: string;
  };
}
