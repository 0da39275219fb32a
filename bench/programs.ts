/**
 * Builds the benchmark's own programs: C programs and operators by `cc`, peers in TypeScript by esbuild, all into bench/build. Nodes in
 * TypeScript need nothing: run() compiles them, as it does for everybody.
 *
 * A program is built when it is asked for and is missing or older than what it is made of.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Requirement } from './peers/peer.js';
import { findCommand } from './run-program.js';

export const benchRoot = fileURLToPath(new URL('.', import.meta.url));
export const projectRoot = path.dirname(path.resolve(benchRoot));
const output = path.join(benchRoot, 'build');

const FLAGS = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-I', path.join(projectRoot, 'native/include')];
const LIBRARIES = path.join(projectRoot, 'build/Release');

const compiler = process.env['CC'] ?? 'cc';

/** Programs and operators of the benchmark that are written in C need it. */
export const cCompiler: Requirement = {
  title: 'every row with a program in C',
  effort: 'none',
  isHere: () => findCommand(compiler) !== undefined,
  async install() {
    throw new Error(`there is no C compiler "${compiler}"; install one (Debian: apt-get install gcc) or name it in CC`);
  },
};

/** A node in TypeScript, for `path` in a dataflow. */
export function nodeSource(name: string): string {
  return path.join(benchRoot, 'nodes', `${name}.ts`);
}

/** A C program of bench/native. @param library whether it uses dora/node.h */
export function cProgram(name: string, library: boolean): string {
  const linked = ['-L', LIBRARIES, '-ldora', `-Wl,-rpath,${LIBRARIES}`];
  return compile(name, name, library ? linked : []);
}

/** The library of the benchmark's operators, for `shared-library` in a dataflow. */
export function operatorLibrary(): string {
  return compile('operator', 'liboperator.so', ['-fPIC', '-shared']);
}

function compile(source: string, target: string, more: readonly string[]): string {
  const folder = path.join(benchRoot, 'native');
  const file = path.join(output, target);
  const inputs = [path.join(folder, `${source}.c`), path.join(folder, 'bench.h')];
  if (!isCurrent(file, inputs)) {
    mkdirSync(output, { recursive: true });
    execFileSync(compiler, [...FLAGS, '-o', file, inputs[0] ?? '', ...more], { stdio: 'inherit' });
  }
  return file;
}

/** A program in TypeScript that is started by Node.js itself and joins no dataflow. @param source relative to bench */
export async function script(source: string): Promise<string> {
  const file = path.join(output, `${path.basename(source, '.ts')}.mjs`);
  const folders = [path.dirname(path.join(benchRoot, source)), path.join(benchRoot, 'nodes')];
  const inputs = folders.flatMap((folder) => readdirSync(folder).map((name) => path.join(folder, name)));
  if (!isCurrent(file, inputs)) {
    const entry = path.join(benchRoot, source);
    const { version } = process;
    const target = `node${version.slice(1)}`;
    await build({ entryPoints: [entry], outfile: file, bundle: true, platform: 'node', format: 'esm', target });
  }
  return file;
}

function isCurrent(file: string, inputs: readonly string[]): boolean {
  return existsSync(file) && inputs.every((input) => statSync(input).mtimeMs <= statSync(file).mtimeMs);
}
