// `npm run format`: brings every TypeScript, JavaScript, JSON, C and C++ file into the project's form (prettier, clang-format).
// With paths (`npm run format -- lib/node native/core`) only what lies under them.
import path from 'node:path';
import { fail, root, run } from './lib/run.mjs';
import { findClangTool, missingClangTool, nativeFiles } from './lib/native-files.mjs';

const paths = process.argv.slice(2).map((name) => path.relative(root, path.resolve(name)));
const inside = (file) => paths.length === 0 || paths.some((name) => file === name || file.startsWith(`${name}/`));

const prettier = await run(path.join(root, 'node_modules/.bin/prettier'), [
  '--write',
  '--log-level=warn',
  '--ignore-unknown',
  ...(paths.length > 0 ? paths : ['.']),
]);
const files = nativeFiles(/\.(c|cc|h)$/).filter(inside);
if (files.length > 0) {
  const tool = findClangTool('clang-format') ?? fail(missingClangTool('clang-format'));
  const formatted = await run(tool, ['-i', ...files]);
  process.exitCode = formatted.code;
}
if (prettier.code !== 0) process.exitCode = prettier.code;
