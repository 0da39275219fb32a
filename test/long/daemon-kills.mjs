// `dora run`, the daemon in it, killed at labelled and random moments by the hundred: the guard ends what is left, and nothing is left.
//
// The work is done by test/helpers/daemon-kills.ts, which a test runs with few kills. The moments are the seed's.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

export const title = 'the daemon killed at any moment';
export const defaultMinutes = 10;

const KILLS_PER_MINUTE = 30;
/** Other programs of the machine use shared memory too. Every round's nodes have more than half a megabyte. */
const MOST_SHMEM_GROWTH_KIB = 32 * 1024;

export async function run({ seed, minutes, root, log }) {
  const program = path.join(root, 'test', 'helpers', 'daemon-kills.ts');
  const kills = Math.max(100, Math.floor(minutes * KILLS_PER_MINUTE));
  log(`${kills} kills`);
  let stdout;
  try {
    const options = { cwd: root, maxBuffer: 2 ** 24 };
    const args = ['--import', 'tsx', program, String(kills), String(seed)];
    ({ stdout } = await promisify(execFile)(process.execPath, args, options));
  } catch (error) {
    log(error.stderr);
    return { passed: 0, failed: 1 };
  }
  const figures = JSON.parse(stdout);
  const [before, after] = figures.shmemKib;
  log(`${figures.kills} kills: ${JSON.stringify(figures.moments)}`);
  log(`${figures.streaming} while messages flowed, ${figures.messages} messages; Shmem ${before} -> ${after} KiB`);
  const failed = [figures.streaming === 0, after > before + MOST_SHMEM_GROWTH_KIB].filter(Boolean).length;
  return { passed: 2 - failed, failed };
}
