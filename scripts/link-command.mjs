// The end of `npm run build:ts`: makes the compiled command executable and, in a clone, reachable as node_modules/.bin/dora.
//
// npm does both for whoever installs the package; for the package's own clone it does neither, and `npx dora`,
// npm scripts and child processes of the tests would each need another spelling.
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { root } from './lib/run.mjs';

const command = path.join(root, 'dist', 'cli', 'main.js');
if (existsSync(command)) {
  chmodSync(command, 0o755);
  const folder = path.join(root, 'node_modules', '.bin');
  mkdirSync(folder, { recursive: true });
  rmSync(path.join(folder, 'dora'), { force: true });
  symlinkSync(path.relative(folder, command), path.join(folder, 'dora'));
}
