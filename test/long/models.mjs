// The models of the shared-memory protocol at full bounds: explicit states with kills, and loom for the memory orders.
//
// Needs cargo (loom is a Rust crate) and about 8 GB of memory; takes about half an hour on two cores whatever the minutes say: a search
// that stops half-way has shown nothing.
import { spawnSync } from 'node:child_process';

export const title = 'models of the protocol at full bounds';

export function run({ root }) {
  const result = spawnSync('node', ['scripts/model.mjs', '--full'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  process.stdout.write(result.stdout);
  const totals = /(\d+) passed, (\d+) failed\s*$/u.exec(result.stdout);
  if (totals === null) return { passed: 0, failed: 1 };
  return { passed: Number(totals[1]), failed: Math.max(Number(totals[2]), result.status === 0 ? 0 : 1) };
}
