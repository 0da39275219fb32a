// The C and C++ files of this project and the clang tools that check them, for lint and format.
//
// The tools' major version is fixed, for another one formats and warns differently; .ci/setup installs it.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ask, findProgram, root } from './run.mjs';

const major = 19;
const folders = ['native', 'test', 'examples', 'bench', 'templates'];
const skipped = /(^|\/)(third_party|node_modules|out|build[^/]*|target)\//;

/** Our C and C++ files whose name matches, relative to the repository, sorted. */
export function nativeFiles(pattern) {
  return folders
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) => readdirSync(path.join(root, folder), { recursive: true }).map((file) => `${folder}/${file}`))
    .filter((file) => pattern.test(file) && !skipped.test(file))
    .sort();
}

/** Command of clang-format or clang-tidy in our version, or undefined. */
export function findClangTool(tool) {
  return [`${tool}-${major}`, tool].find((name) => {
    const version = findProgram(name) === undefined ? undefined : ask(name, ['--version']);
    return version !== undefined && new RegExp(`version ${major}\\.`).test(version);
  });
}

/** What to say where findClangTool finds nothing. */
export function missingClangTool(tool) {
  return `${tool} ${major} is needed and was not found; run: .ci/setup (or: apt-get install ${tool}-${major})`;
}
