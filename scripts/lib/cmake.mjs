// Finding CMake and Ninja, and configuring our CMake builds.
//
// They are looked for on PATH, then in build-tools/ (where an earlier run put them), then installed there from PyPI, which
// needs no rights on the machine. Where that fails too, the script ends with what to install: native tests are never skipped.
import path from 'node:path';
import { ask, fail, findProgram, installCommand, jobs, root, run } from './run.mjs';

const toolFolder = path.join(root, 'build-tools');

const newEnough = (cmake) => {
  const version = /(\d+)\.(\d+)/.exec(ask(cmake, ['--version']) ?? '');
  return version !== null && (Number(version[1]) > 3 || Number(version[2]) >= 21);
};

/** Makes sure that `cmake` (3.21 or newer) and `ninja` are on PATH of this process, and so of its children. */
export async function ensureCmake() {
  const there = () => {
    const cmake = findProgram('cmake');
    return cmake !== undefined && newEnough(cmake) && findProgram('ninja') !== undefined;
  };
  if (there()) return;
  process.env.PATH = `${path.join(toolFolder, 'bin')}:${process.env.PATH ?? ''}`;
  process.env.PYTHONPATH = [toolFolder, process.env.PYTHONPATH].filter(Boolean).join(':');
  if (there()) return;
  process.stdout.write('CMake 3.21 and Ninja are not installed; putting them into build-tools/ ...\n');
  const pip = await run('python3', ['-m', 'pip', 'install', '--quiet', '--target', toolFolder, 'cmake', 'ninja'], {
    quiet: true,
  });
  if (!there()) {
    process.stderr.write(pip.output);
    fail(
      `CMake (3.21 or newer) and Ninja are needed here and could not be installed; run: ${installCommand('cmake', ['ninja-build', 'ninja-build', 'ninja', 'ninja'])}`,
    );
  }
}

/** Configures and builds the C++ tests in `folder` (or only `targets` of them) with CMake cache `options`; ends the script when that fails. */
export async function buildNativeTests(folder, options, targets = ['all']) {
  await ensureCmake();
  const definitions = Object.entries({
    CMAKE_BUILD_TYPE: 'Debug',
    DORA_BUILD_TESTS: 'ON',
    DORA_WERROR: 'ON',
    ...options,
  });
  const configure = await run(
    'cmake',
    ['-S', root, '-B', folder, '-G', 'Ninja', ...definitions.map(([key, value]) => `-D${key}=${value}`)],
    {
      quiet: true,
    },
  );
  if (configure.code !== 0) {
    process.stderr.write(configure.output.replaceAll(/^-- .*\n/gm, ''));
    fail(`CMake could not configure ${path.relative(root, folder)}; its words are above`);
  }
  const build = await run('cmake', ['--build', folder, '--parallel', String(jobs), '--target', ...targets]);
  if (build.code !== 0) fail(`${path.relative(root, folder)} could not be built; the compiler's words are above`);
}
