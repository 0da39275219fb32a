// What every script of this folder shares: where the repository is, how a child process is run, how a script gives up.
//
// A script that cannot go on says one sentence about why and what to do (fail), never a stack trace: whoever runs
// `npm ci` or `npm test` for the first time is its reader. Nothing here depends on an npm package, for scripts/install.mjs
// runs before there are any development dependencies.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of package.json. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

/** How many compilers may run side by side: one per core, but at most one per 0.5 GB of available memory. */
export const jobs = Math.max(1, Math.min(os.availableParallelism(), Math.floor(os.freemem() / 5e8)));

/** Ends the script with exit code 1 and one message for people. */
export function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** Absolute path of a program of PATH (or of a path given), or undefined. */
export function findProgram(name) {
  const candidates = name.includes('/')
    ? [path.resolve(name)]
    : (process.env.PATH ?? '').split(':').map((folder) => path.join(folder, name));
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}

const text = (parts) => Buffer.concat(parts.map(({ chunk }) => chunk)).toString('utf8');

/**
 * Runs a program and resolves to { code, signal, output, stdout }. Output is shown while it comes unless `quiet`; it is
 * returned as text (`output` is both streams as they came) when `capture` or `quiet` is set. Never rejects: a program that cannot be started has code 127.
 */
export function run(command, args, { cwd = root, env = process.env, quiet = false, capture = quiet } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', capture ? 'pipe' : 'inherit', capture ? 'pipe' : 'inherit'],
    });
    const parts = [];
    const keep = (stream) => (chunk) => {
      parts.push({ stream, chunk });
      if (!quiet) stream.write(chunk);
    };
    child.stdout?.on('data', keep(process.stdout));
    child.stderr?.on('data', keep(process.stderr));
    child.on('error', (error) =>
      resolve({ code: 127, signal: null, output: `${command}: ${error.message}\n`, stdout: '' }),
    );
    child.on('close', (code, signal) =>
      resolve({
        code: code ?? 1,
        signal,
        output: text(parts),
        stdout: text(parts.filter(({ stream }) => stream === process.stdout)),
      }),
    );
  });
}

/** Output of a short command, trimmed, or undefined where it fails. */
export function ask(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8', cwd: root });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

/** The command that installs packages on this system, for a message. Each argument: [debian, fedora, alpine, arch] name. */
export function installCommand(...packages) {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const ids = [...release.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap((match) => match[1].split(' '));
  const column = ids.some((id) => ['fedora', 'rhel', 'suse'].includes(id))
    ? 1
    : ids.includes('alpine')
      ? 2
      : ids.includes('arch')
        ? 3
        : 0;
  const command = ['apt-get install', 'dnf install', 'apk add', 'pacman -S'][column];
  return `${command} ${packages.map((names) => (Array.isArray(names) ? names[column] : names)).join(' ')}`;
}

/** Folder with uv.h and node_api.h that came with the running Node.js, or undefined (a distribution may not ship it). */
export function nodeHeaders() {
  const folder = path.resolve(path.dirname(process.execPath), '..', 'include', 'node');
  const version = path.join(folder, 'node_version.h');
  if (!existsSync(version) || !existsSync(path.join(folder, 'uv.h'))) return undefined;
  const text = readFileSync(version, 'utf8');
  const number = (name) => new RegExp(`^#define NODE_${name}_VERSION (\\d+)$`, 'm').exec(text)?.[1];
  const found = `v${number('MAJOR')}.${number('MINOR')}.${number('PATCH')}`;
  return found === process.version ? folder : undefined;
}
