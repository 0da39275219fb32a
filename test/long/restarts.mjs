// Nodes killed and restarted by the thousand in one dataflow that goes on: who survives loses nothing, and nothing of a life that is over is left.
//
// Builds the C++ tests (with their fault points) and runs restart_test with DORA_RESTARTS and the suite's seed. The draws are the seed's; when
// processes are scheduled is not, so a failure is looked for with the same seed a few times.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { buildNativeTests } from '../../scripts/lib/cmake.mjs';

export const title = 'nodes killed and restarted while others stream';
export const defaultMinutes = 2;

/** Two busy cores do about twice as many. */
const KILLS_PER_MINUTE = 2500;

export async function run({ seed, minutes, root, log }) {
  await buildNativeTests(path.join(root, 'build-test'), { DORA_SANITIZE: '', DORA_TEST_TIMEOUT: 120 }, [
    'restart_test',
  ]);
  const kills = Math.max(1000, Math.floor(minutes * KILLS_PER_MINUTE));
  log(`DORA_RESTARTS=${kills} DORA_SEED=${seed}`);
  const test = spawnSync(path.join(root, 'build-test', 'bin', 'restart_test'), [], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, DORA_RESTARTS: String(kills), DORA_SEED: String(seed) },
  });
  return test.status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}
