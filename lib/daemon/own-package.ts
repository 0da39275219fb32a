/**
 * Where this package's own built files lie, for programs that are started as processes and for nodes that import it.
 *
 * Built code runs from dist/; the tests run lib/ through a loader, but what they start must be plain JavaScript too, so
 * every answer is in dist/.
 */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../native/package-root.js';

/** A built file of this package, such as `operator/runtime.js`. */
export function builtFile(relative: string): string {
  return path.join(packageRoot(), 'dist', relative);
}

/** What C programs are built with: the folder of dora/*.h and, where the native part was built, that of libdora. */
export function nativeFolders(): { include: string; lib?: string } {
  const lib = releaseFolders().find((folder) => existsSync(path.join(folder, 'libdora.so')));
  return { include: path.join(packageRoot(), 'native', 'include'), ...(lib === undefined ? {} : { lib }) };
}

/** Where the native part may have been built, the likeliest first. */
function releaseFolders(): string[] {
  const folders = ['build/Release', 'build/Debug', 'build-cmake/Release', 'build-cmake/Debug'];
  return folders.map((folder) => path.join(packageRoot(), folder));
}

/** The guard's program, built beside the addon; undefined when it was not built. */
export function guardProgram(): string | undefined {
  return builtProgram('dora-guard');
}

/** The program that sets cores and priority of a node; undefined when it was not built. */
export function launchProgram(): string | undefined {
  return builtProgram('dora-launch');
}

function builtProgram(name: string): string | undefined {
  return releaseFolders()
    .map((folder) => path.join(folder, name))
    .find((file) => existsSync(file));
}
