/**
 * Finds and loads the native addon, once per thread. The only file that knows where the .node file lies.
 *
 * `npm ci` (node-gyp) and `npm run build:cmake` (cmake-js) put it into folders of their own below the package; the first that exists
 * is taken, in the order of FOLDERS. What the addon reports as a failure becomes a DoraError here, or a NativeError when a system call is
 * behind it. Callers: lib/node, lib/operator, lib/daemon, always through loadNative(), so that importing dora-ts loads nothing.
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { DoraError, NativeError } from '../errors.js';
import type { NativeFailure, NativeModule } from './binding.js';
import { packageRoot } from './package-root.js';

/** Where builds leave dora_native.node, below the package's folder. */
const FOLDERS = ['build/Release', 'build/Debug', 'build-cmake/Release', 'build-cmake/Debug'] as const;
const FILE = 'dora_native.node';

let loaded: NativeModule | undefined;

/**
 * The addon's functions.
 * @throws DoraError ADDON_MISSING when it was not built, ADDON_BROKEN when it cannot be loaded
 */
export function loadNative(): NativeModule {
  loaded ??= load(packageRoot());
  return loaded;
}

/** @internal For tests: the same, below another folder and without remembering it. */
export function load(folder: string): NativeModule {
  const file = FOLDERS.map((name) => path.join(folder, name, FILE)).find((candidate) => existsSync(candidate));
  if (file === undefined) {
    throw new DoraError(
      'ADDON_MISSING',
      `the native part of dora-ts is not there: no ${FILE} in ${path.join(folder, FOLDERS[0])}`,
      {
        hint: `build it: cd ${folder} && npm run build:native (it needs a C++20 compiler, make and Python 3)`,
      },
    );
  }
  let addon: NativeModule;
  try {
    addon = createRequire(import.meta.url)(file) as NativeModule;
  } catch (cause) {
    throw new DoraError(
      'ADDON_BROKEN',
      `the native part of dora-ts cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        hint:
          process.versions['electron'] === undefined
            ? `it was built for another Node.js or system; build it again: cd ${folder} && npm run build:native`
            : 'build it for this Electron: npx @electron/rebuild --force --only dora-ts (see docs/electron.md)',
        cause,
      },
    );
  }
  addon.setErrorFactory(toError);
  return addon;
}

/** What native calls throw. */
function toError(failure: NativeFailure): DoraError {
  const hint = failure.hint === '' ? undefined : failure.hint;
  if (failure.errno === 0) return new DoraError(failure.code, failure.message, { hint });
  return new NativeError(failure.code, failure.message, { errno: failure.errno, op: failure.op, hint });
}
