// Kills at every labelled step, of publisher, subscriber and the daemon's broker, at least 100 a step where the time allows: real
// processes, a simple model.
//
// Builds the C++ tests (with their fault points) and runs kill_test and broker_kill_test with DORA_KILLS and the suite's seed. A
// failure prints the step, the seed and the round that replay it.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { buildNativeTests } from '../../scripts/lib/cmake.mjs';

export const title = 'kills at every labelled step';

/** DORA_KILLS a minute of each program, about what two cores do; kill_test kills at a step twice as often. */
const PROGRAMS = { kill_test: { perMinute: 60, least: 100 }, broker_kill_test: { perMinute: 20, least: 20 } };

export async function run({ seed, minutes, root, log }) {
  const names = Object.keys(PROGRAMS);
  await buildNativeTests(path.join(root, 'build-test'), { DORA_SANITIZE: '', DORA_TEST_TIMEOUT: 120 }, names);
  let failed = 0;
  for (const [name, { perMinute, least }] of Object.entries(PROGRAMS)) {
    const kills = Math.max(least, Math.floor((minutes / names.length) * perMinute));
    log(`${name}: DORA_KILLS=${kills} DORA_SEED=${seed}`);
    const test = spawnSync(path.join(root, 'build-test', 'bin', name), [], {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, DORA_KILLS: String(kills), DORA_SEED: String(seed) },
    });
    if (test.status !== 0) failed++;
  }
  return { passed: names.length - failed, failed };
}
