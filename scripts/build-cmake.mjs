// `npm run build:cmake`: the addon, libdora and dora-guard by CMake, through cmake-js, into build-cmake/Release.
//
// Node-API's headers come from the npm package node-api-headers, C++ glue from node-addon-api, uv.h from the running
// Node.js's own include folder (or from the system's libuv): nothing is downloaded. `-- --lint` only configures, in
// build-lint/, for clang-tidy.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { ensureCmake } from './lib/cmake.mjs';
import { fail, installCommand, jobs, nodeHeaders, root, run } from './lib/run.mjs';

const lint = process.argv.includes('--lint');

/** Folder of the uv.h that this Node.js was built with; else the system's, whose functions used here are as old as libuv 1.0. */
function uvHeaders() {
  const folder =
    nodeHeaders() ?? ['/usr/include', '/usr/local/include'].find((name) => existsSync(path.join(name, 'uv.h')));
  if (folder !== undefined) return folder;
  return fail(
    `uv.h is neither beside ${process.execPath} (../include/node) nor installed; run: ${installCommand(['libuv1-dev', 'libuv-devel', 'libuv-dev', 'libuv'])}`,
  );
}

await ensureCmake();
const require = createRequire(import.meta.url);
const cmakeJs = path.join(path.dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
const out = path.join(root, lint ? 'build-lint' : 'build-cmake');
const definitions = {
  DORA_BUILD_ADDON: 'ON',
  DORA_UV_INCLUDE_DIR: uvHeaders(),
  ...(lint ? { DORA_BUILD_TESTS: 'ON' } : {}),
};
const args = ['--out', out, '--parallel', String(jobs), '--generator', 'Ninja'];
for (const [key, value] of Object.entries(definitions)) args.push(`--CD${key}=${value}`);
// `configure` first: `compile` alone keeps an older configuration.
for (const verb of lint ? ['configure'] : ['configure', 'build']) {
  const result = await run(process.execPath, [cmakeJs, verb, ...args], { quiet: lint });
  if (result.code !== 0) {
    process.stderr.write(result.output);
    fail(`cmake-js ${verb} failed; its words are above`);
  }
}
