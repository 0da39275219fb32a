// The `install` script of the package: builds the native part with node-gyp, in a clone and in `npm i dora-ts` alike.
//
// It looks first for what node-gyp needs, so that a missing compiler is one sentence with the command that installs it and not
// two pages. Headers are those that came with the running Node.js where they are there (no download); else node-gyp
// takes `nodedir` as configured, or fetches them. A build that is up to date costs about a second.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { ask, fail, findProgram, installCommand, jobs, nodeHeaders, root, run } from './lib/run.mjs';

const toolchain = () =>
  installCommand(['g++', 'gcc-c++', 'g++', 'gcc'], 'make', ['python3', 'python3', 'python3', 'python']);

function checkTools() {
  const compiler = process.env.CXX?.split(' ')[0] ?? ['g++', 'c++', 'clang++'].find((name) => findProgram(name));
  const missing = [
    compiler !== undefined && findProgram(compiler) ? undefined : 'C++20 compiler',
    findProgram(process.env.MAKE ?? 'make') ? undefined : 'make',
    (findProgram(process.env.npm_config_python ?? process.env.PYTHON ?? 'python3') ?? findProgram('python'))
      ? undefined
      : 'Python 3',
  ].filter((item) => item !== undefined);
  if (missing.length > 0) {
    fail(`dora-ts builds its native part on your machine and found no ${missing.join(', no ')}; run: ${toolchain()}`);
  }
  if (ask(compiler, ['-std=c++20', '-fsyntax-only', '-x', 'c++', '/dev/null']) === undefined) {
    fail(`dora-ts needs a compiler that knows C++20 (g++ 11 or newer), and ${compiler} does not; run: ${toolchain()}`);
  }
}

/** node-gyp as npm names it to its scripts, else the one inside npm beside this Node.js. */
function findNodeGyp() {
  const beside = path.resolve(
    path.dirname(process.execPath),
    '..',
    'lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js',
  );
  const script = [process.env.npm_config_node_gyp, beside].find((file) => file !== undefined && existsSync(file));
  if (script !== undefined) return [process.execPath, script];
  const program = findProgram('node-gyp');
  if (program !== undefined) return [program];
  return fail(
    'dora-ts builds its native part with node-gyp, which comes with npm but was not found; run: npm run build:native',
  );
}

checkTools();
const [command, ...first] = findNodeGyp();
const headers = nodeHeaders();
const nodedir = headers === undefined ? [] : [`--nodedir=${path.resolve(headers, '..', '..')}`];
const gyp = (...args) =>
  run(command, [...first, ...args, '--release', ...nodedir, '--directory', root], { quiet: true });

const configured = await gyp('configure');
const built = configured.code === 0 ? await gyp('build', `--jobs=${jobs}`) : configured;
if (built.code !== 0) {
  // Left out: node-gyp's narration, which hides the line that matters.
  process.stderr.write(
    built.output.replaceAll(/^(gyp info|gyp ERR! (?!configure|build)|make: \w+ing directory).*\n/gm, ''),
  );
  fail(
    `dora-ts: the native part could not be built (node-gyp ended with ${built.code}); the compiler's or node-gyp's words are above`,
  );
}
