/**
 * dora 1.1: its command and its nodes in Python from wheels, in an environment of their own (its module is named `dora` too), and our
 * small programs for its Rust node API. Dataflows are written as files and started by its `dora run`, as its users do.
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { environment, withFolder } from '../measure.js';
import type { Settings } from '../measure.js';
import { readPairs } from '../pairs.js';
import type { Pairs } from '../pairs.js';
import { benchRoot } from '../programs.js';
import { findCommand, runProgram } from '../run-program.js';
import { cargoBinary, cargoBuild, isBuilt } from './cargo.js';
import { INSTALL_MS, cacheFolder } from './peer.js';
import type { Peer } from './peer.js';

const VERSION = '1.1.0';
const venv = cacheFolder('dora-python');
const command = path.join(venv, 'bin/dora');
const python = path.join(venv, 'bin/python');

export const doraPython: Peer = {
  title: `dora ${VERSION}, Python nodes`,
  effort: 'install',
  isHere: () => existsSync(command),
  async install(log) {
    log(`installing dora-rs and dora-rs-cli ${VERSION}`);
    mkdirSync(path.dirname(venv), { recursive: true });
    if (findCommand('python3') === undefined) throw new Error('there is no python3');
    await runProgram({ file: 'python3', args: ['-m', 'venv', venv] });
    const args = ['-m', 'pip', 'install', '--quiet', `dora-rs==${VERSION}`, `dora-rs-cli==${VERSION}`];
    await runProgram({ file: python, args }, { timeoutMs: INSTALL_MS });
  },
};

export const doraRust: Peer = {
  title: `dora ${VERSION}, Rust nodes`,
  effort: 'compile',
  isHere: () => isBuilt('dora') && doraPython.isHere(),
  async install(log) {
    if (!doraPython.isHere()) await doraPython.install(log);
    log(`building dora's nodes in Rust, about 17 minutes of two cores`);
    await cargoBuild('dora');
  },
};

/** A node of its dataflow file. */
export interface DoraNode {
  readonly id: string;
  /** What our program does, see bench/peers/rust/dora. */
  readonly role: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: readonly string[];
}

export interface DoraRun {
  /** What this node wrote. */
  pairs(node: string): Pairs;
  /** CLOCK_MONOTONIC when its command was started. */
  readonly beganNs: bigint;
}

/** Runs a dataflow to its end by its own command. */
export async function measureDora(
  language: 'rust' | 'python',
  nodes: readonly DoraNode[],
  settings: Settings,
): Promise<DoraRun> {
  return withFolder(async (folder) => {
    const flow = { nodes: nodes.map((node) => toYaml(node, language, folder, environment(settings))) };
    const file = path.join(folder, 'dataflow.yml');
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(flow));
    const beganNs = process.hrtime.bigint();
    await runProgram(
      { file: command, args: ['run', file] },
      { env: { ...process.env, VIRTUAL_ENV: venv }, cwd: folder },
    );
    const found = new Map(nodes.map(({ id }) => [id, readPairs(path.join(folder, `${id}.result`))]));
    return {
      beganNs,
      pairs: (node) => {
        const pairs = found.get(node);
        if (pairs === undefined) throw new Error(`dora's node "${node}" measured nothing`);
        return pairs;
      },
    };
  });
}

function toYaml(node: DoraNode, language: 'rust' | 'python', folder: string, env: Record<string, string>): object {
  const { id, role, inputs, outputs } = node;
  const scripts = path.join(benchRoot, 'peers/python');
  const program =
    language === 'rust'
      ? { path: cargoBinary('dora'), args: role }
      : { path: python, args: path.join(scripts, `${role}.py`) };
  return { id, ...program, inputs, outputs, env: { ...env, BENCH_RESULT: path.join(folder, `${id}.result`) } };
}

/** A latency row: ping and pong. */
export async function measureDoraPair(language: 'rust' | 'python', settings: Settings): Promise<Pairs> {
  const nodes = [
    { id: 'ping', role: 'ping', inputs: { pong: 'pong/pong' }, outputs: ['ping'] },
    { id: 'pong', role: 'pong', inputs: { ping: 'ping/ping' }, outputs: ['pong'] },
  ];
  return (await measureDora(language, nodes, settings)).pairs('pong');
}
