// Kills at every labelled step of the shared-memory protocol, at least 100 a step where the time allows: real processes, a simple model.
//
// Builds the C++ tests (with their fault points) and runs kill_test with DORA_KILLS and the suite's seed. A failure prints the
// step, the seed and the round that replay it.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { buildNativeTests } from '../../scripts/lib/cmake.mjs';

export const title = 'kills at every labelled step';

/** About this many rounds a second on two cores; a step is killed at twice DORA_KILLS times. */
const KILLS_PER_MINUTE = 60;

export async function run({ seed, minutes, root, log }) {
  await buildNativeTests(path.join(root, 'build-test'), { DORA_SANITIZE: '', DORA_TEST_TIMEOUT: 120 });
  const kills = Math.max(100, Math.floor(minutes * KILLS_PER_MINUTE));
  log(`DORA_KILLS=${kills} DORA_SEED=${seed}`);
  const test = spawnSync(path.join(root, 'build-test', 'bin', 'kill_test'), [], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, DORA_KILLS: String(kills), DORA_SEED: String(seed) },
  });
  return test.status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}
