/**
 * `dora new NAME`: a folder with a project that runs at once, and what to do next.
 *
 * Everything is looked at before anything is written: the name, what lies there, the template. Installs nothing and asks
 * nothing. Exit codes: 0 the project is there; 1 it is not, and nothing was overwritten.
 */

import path from 'node:path';
import type { Console } from '../console.js';
import { checkTarget, projectName, readTemplate, writeProject, type TemplateName } from '../project-template.js';

/** The command line's options, checked. */
export interface NewCommandOptions {
  readonly template: TemplateName;
}

export function newCommand(target: string, options: NewCommandOptions, console: Console): number {
  const folder = path.resolve(target);
  const name = projectName(folder);
  checkTarget(folder, target);
  const files = readTemplate(options.template, name);
  writeProject(folder, files);
  const { color } = console;
  console.line(`${color.bold(name)}: ${files.size} files of the template "${options.template}". Next:\n`);
  const relative = path.relative(process.cwd(), folder);
  const steps = [
    ...(relative === ''
      ? []
      : [`cd ${/^[\w./-]+$/.test(relative) ? relative : `'${relative.replaceAll("'", "'\\''")}'`}`]),
    'npm install',
    'npx dora run dataflow.yml',
    'npm test',
  ];
  for (const step of steps) console.line(`  ${color.cyan(step)}`);
  return 0;
}
