// `npm run lint`: every check that needs no running program. A check whose tool is missing fails; none is skipped.
//
//   npm run lint                     all of them
//   npm run lint -- eslint tidy      only those: tsc eslint prettier clang-format headers tidy
//
// Each prints its findings where it finds something, then one line with its verdict.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fail, findProgram, jobs, root, run } from './lib/run.mjs';
import { findClangTool, missingClangTool, nativeFiles } from './lib/native-files.mjs';

const ok = { code: 0, output: '' };
const problem = (output) => ({ code: 1, output: `${output}\n` });
const tool = (name, ...args) => run(path.join(root, 'node_modules/.bin', name), args, { quiet: true });

async function clangFormat() {
  const program = findClangTool('clang-format');
  if (program === undefined) return problem(missingClangTool('clang-format'));
  const files = nativeFiles(/\.(c|cc|h)$/);
  if (files.length === 0) return ok;
  const result = await run(program, ['--dry-run', '-Werror', ...files], { quiet: true });
  if (result.code === 0) return ok;
  // The file and line of each finding; its picture says no more than the formatter does.
  const places = new Set([...result.output.matchAll(/^([^\s:]+:\d+):\d+: error/gm)].map((match) => match[1]));
  const shown = [...places].slice(0, 40);
  return problem(`${shown.join('\n')}\n${places.size} places; run: npm run format`);
}

/** Public headers compile alone, as C11 and as C++17, with no warning: that is what people outside build on. */
async function headers() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'dora-headers-'));
  try {
    for (const name of readdirSync(path.join(root, 'native/include/dora')).filter((file) => file.endsWith('.h'))) {
      for (const [language, standard] of [
        ['c', 'c11'],
        ['c++', 'c++17'],
      ]) {
        const source = path.join(folder, `${name}.${language === 'c' ? 'c' : 'cc'}`);
        // Twice: an include guard that does not guard shows.
        writeFileSync(source, `#include "dora/${name}"\n#include "dora/${name}"\nint main(void) { return 0; }\n`);
        const strict = ['-Wall', '-Wextra', '-Wpedantic', '-Wconversion', '-Werror', '-fsyntax-only'];
        const compiler = language === 'c' ? (process.env.CC ?? 'cc') : (process.env.CXX ?? 'c++');
        if (findProgram(compiler) === undefined) return problem(`${compiler} was not found; run: apt-get install g++`);
        const args = [`-std=${standard}`, ...strict, '-I', path.join(root, 'native/include'), source];
        const result = await run(compiler, args, { quiet: true });
        if (result.code !== 0) return problem(`dora/${name} as ${standard}:\n${result.output}`);
      }
    }
    return ok;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function clangTidy() {
  const program = findClangTool('clang-tidy');
  if (program === undefined) return problem(missingClangTool('clang-tidy'));
  const configured = await run(process.execPath, [path.join(root, 'scripts/build-cmake.mjs'), '--lint'], {
    quiet: true,
  });
  if (configured.code !== 0) return configured;
  const queue = nativeFiles(/^native\/(?!model\/).*\.cc$/);
  const outputs = [];
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const result = await run(program, ['-p', path.join(root, 'build-lint'), '--quiet', file], { quiet: true });
      if (result.code !== 0)
        outputs.push(result.output.replaceAll(/^\d+ warnings? .*\n|^Suppressed .*\n|^Use -header-filter.*\n/gm, ''));
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return outputs.length === 0 ? ok : problem(outputs.join('\n'));
}

const checks = {
  tsc: () => tool('tsc', '--noEmit'),
  eslint: () => tool('eslint', '--max-warnings=0', '.'),
  prettier: () => tool('prettier', '--check', '--log-level=warn', '.'),
  'clang-format': clangFormat,
  headers,
  tidy: clangTidy,
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => checks[name] === undefined);
if (unknown !== undefined) fail(`there is no check "${unknown}"; there are: ${Object.keys(checks).join(', ')}`);

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const began = Date.now();
  const { code, output } = await check();
  if (code !== 0) {
    failed++;
    process.stdout.write(output);
  }
  process.stdout.write(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${Math.round((Date.now() - began) / 1000)} s)\n`);
}
if (failed > 0) process.exitCode = 1;
