/**
 * Peers in Rust: copies our small program for one from bench/peers/rust into the cache, and builds it there.
 *
 * Whether what was built is current is seen by comparing contents, not times: a clean clone has new times.
 */

import { closeSync, cpSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { benchRoot } from '../programs.js';
import { findCommand, runProgram } from '../run-program.js';
import { cacheFolder } from './peer.js';

const sources = path.join(benchRoot, 'peers/rust');
/** Beyond the longest build on a slow machine. */
const BUILD_MS = 90 * 60_000;

/** The binary of the program `<name>-peer`, whether or not it is there. */
export function cargoBinary(name: string): string {
  return path.join(cacheFolder(`${name}-rust`), 'target/release', `${name}-peer`);
}

/** Files of the project that it is made of, and where each is copied to. */
function inputsOf(name: string): [source: string, copy: string][] {
  const folder = cacheFolder(`${name}-rust`);
  return [
    [path.join(sources, name, 'Cargo.toml'), path.join(folder, 'Cargo.toml')],
    [path.join(sources, name, 'src/main.rs'), path.join(folder, 'src/main.rs')],
    [path.join(sources, 'bench.rs'), path.join(folder, 'src/bench.rs')],
  ];
}

/** Whether the binary is there and made of what the project has now. */
export function isBuilt(name: string): boolean {
  const binary = cargoBinary(name);
  if (!existsSync(binary)) return false;
  const builtMs = statSync(binary).mtimeMs;
  return inputsOf(name).every(
    ([source, copy]) =>
      existsSync(copy) && readFileSync(source).equals(readFileSync(copy)) && statSync(copy).mtimeMs <= builtMs,
  );
}

/** @throws Error when there is no cargo, or it fails; its output stands in build.log beside the sources */
export async function cargoBuild(name: string): Promise<void> {
  if (findCommand('cargo') === undefined) throw new Error('there is no cargo; Rust comes from https://rustup.rs');
  const folder = cacheFolder(`${name}-rust`);
  mkdirSync(path.join(folder, 'src'), { recursive: true });
  // The copies are younger than whatever was built before.
  for (const [source, copy] of inputsOf(name)) cpSync(source, copy);
  const logFile = path.join(folder, 'build.log');
  const output = openSync(logFile, 'w');
  try {
    const cargo = { file: 'nice', args: ['-n', '19', 'cargo', 'build', '--release'] };
    await runProgram(cargo, { cwd: folder, timeoutMs: BUILD_MS, output });
  } catch {
    throw new Error(`cargo build failed, see ${logFile}`);
  } finally {
    closeSync(output);
  }
}
