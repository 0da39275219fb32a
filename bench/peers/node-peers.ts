/**
 * What a Node.js program would use instead: `net`, `child_process`, and the zeromq package. Our programs for them lie in bench/peers/node.
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { measurePrograms } from '../measure.js';
import type { Settings } from '../measure.js';
import type { Pairs } from '../pairs.js';
import { script } from '../programs.js';
import { runProgram } from '../run-program.js';
import { INSTALL_MS, cacheFolder } from './peer.js';
import type { Peer } from './peer.js';

const builtIn: Pick<Peer, 'effort' | 'isHere' | 'install'> = {
  effort: 'none',
  isHere: () => true,
  install: async () => {},
};

export const net: Peer = { title: 'Node net', ...builtIn };
export const childProcess: Peer = { title: 'Node child_process', ...builtIn };

const packages = cacheFolder('zeromq');
const ZEROMQ = 'zeromq@6.8.0';

export const zeromq: Peer = {
  title: ZEROMQ,
  effort: 'install',
  isHere: () => existsSync(path.join(packages, 'node_modules/zeromq/package.json')),
  async install(log) {
    log(`installing ${ZEROMQ}`);
    mkdirSync(packages, { recursive: true });
    writeFileSync(path.join(packages, 'package.json'), '{ "private": true }\n');
    // The package brings its binary; its install script would look for one to download.
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', packages, ZEROMQ];
    await runProgram({ file: 'npm', args }, { timeoutMs: INSTALL_MS });
  },
};

/** A latency row through one of them. */
export async function measureNodePeer(name: 'net' | 'child-process' | 'zeromq', settings: Settings): Promise<Pairs> {
  const program = await script(`peers/node/${name}.ts`);
  const end = (role: string): { file: string; args: string[] } => ({ file: process.execPath, args: [program, role] });
  // `child-process` forks its other end itself.
  const ends = name === 'child-process' ? [end('ping')] : [end('pong'), end('ping')];
  return measurePrograms(ends, { ...settings, env: { BENCH_PACKAGES: packages } });
}
