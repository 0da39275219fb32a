/**
 * Where this package lies: the folder of its package.json.
 *
 * Found by going up from this file, wherever that is: lib/ under a loader in the tests, or one of the files in dist/ that the build put
 * many modules into.
 */

import { existsSync } from 'node:fs';
import path from 'node:path';

let root: string | undefined;

/** The folder of this package's package.json: absolute, without a slash at its end. */
export function packageRoot(): string {
  if (root === undefined) {
    let folder = import.meta.dirname;
    while (!existsSync(path.join(folder, 'package.json')) && path.dirname(folder) !== folder)
      folder = path.dirname(folder);
    root = folder;
  }
  return root;
}
