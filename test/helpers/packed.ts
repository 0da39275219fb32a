/**
 * The package as users get it: `npm pack`, unpacked into a folder of its own, with the dependencies it declares and no others.
 *
 * No registry is asked: dependencies are links to those of this repository, and so is the native part, which an install would
 * build. What `files` of package.json leaves out, or an undeclared import, shows as a failure here.
 */

import { execFile, spawn, type StdioOptions } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { RunningCommand } from './cli.js';
import { root } from './source-tree.js';

const execute = promisify(execFile);
/** Longer than anything here takes on a busy machine; only a hang gets there. */
const WATCHDOG_MS = 120_000;

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** What a program printed, and how it ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** This repository's package.json. */
export const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest;

export class PackedInstall {
  /** A folder for everything, removed by remove(). */
  readonly base: string;
  /** The unpacked package. */
  readonly folder: string;

  private constructor(base: string) {
    this.base = base;
    this.folder = path.join(base, 'installed', 'node_modules', 'dora-ts');
  }

  static async make(): Promise<PackedInstall> {
    const install = new PackedInstall(mkdtempSync(path.join(tmpdir(), 'dora packed ')));
    const { base, folder } = install;
    mkdirSync(folder, { recursive: true });
    // Without scripts: dist/ is what the tests were started with, and a build beside running tests would pull it away.
    await execute('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', base], { cwd: root });
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
    await execute('tar', ['xzf', path.join(base, `dora-ts-${version}.tgz`), '-C', folder, '--strip-components=1']);
    symlinkSync(path.join(root, 'build'), path.join(folder, 'build'));
    link(path.dirname(folder), Object.keys(manifest.dependencies));
    return install;
  }

  /** Makes `folder/node_modules` as `npm install` would for a project that depends on dora-ts and on these packages. */
  linkInto(folder: string, packages: readonly string[]): void {
    const modules = path.join(folder, 'node_modules');
    link(modules, packages);
    symlinkSync(this.folder, path.join(modules, 'dora-ts'));
    mkdirSync(path.join(modules, '.bin'));
    symlinkSync(path.join(this.folder, 'dist/cli/main.js'), path.join(modules, '.bin', 'dora'));
    for (const [tool, file] of Object.entries(tools)) {
      if (packages.includes(tool))
        symlinkSync(path.join(root, 'node_modules', tool, file), path.join(modules, '.bin', tool));
    }
  }

  /** Runs the command `dora` of the package in a folder. */
  async dora(cwd: string, ...args: string[]): Promise<Ended> {
    return await this.run(cwd, process.execPath, path.join(this.folder, 'dist/cli/main.js'), ...args);
  }

  /** Starts the command `dora` of the package in a folder. */
  start(cwd: string, ...args: string[]): RunningCommand {
    const main = path.join(this.folder, 'dist/cli/main.js');
    const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
    return new RunningCommand(spawn(process.execPath, [main, ...args], { cwd, env: this.#env(), stdio }));
  }

  /** Runs a program in a folder, to its end. */
  async run(cwd: string, file: string, ...args: string[]): Promise<Ended> {
    try {
      return { code: 0, ...(await execute(file, args, { cwd, env: this.#env(), timeout: WATCHDOG_MS })) };
    } catch (error) {
      const { code, stdout = '', stderr = '', message } = error as Partial<Ended> & Error;
      return { code: typeof code === 'number' ? code : -1, stdout, stderr: stderr === '' ? message : stderr };
    }
  }

  #env(): NodeJS.ProcessEnv {
    return { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '', XDG_CACHE_HOME: path.join(this.base, 'cache') };
  }

  remove(): void {
    rmSync(this.base, { recursive: true, force: true });
  }
}

/** Programs of development packages, where they are not found by the package's name alone. */
const tools: Readonly<Record<string, string>> = { eslint: 'bin/eslint.js', typescript: 'bin/tsc' };

function link(modules: string, packages: readonly string[]): void {
  for (const name of packages) {
    mkdirSync(path.dirname(path.join(modules, name)), { recursive: true });
    symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name));
  }
}
