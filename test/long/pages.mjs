// The C++ tests with memory pages of 16 and 64 KiB, as kernels for ARM and POWER have them, on a kernel with pages of 4 KiB.
//
// A library that is loaded first answers sysconf(_SC_PAGESIZE), the only place that native/ learns the size from. Larger pages are multiples of
// the machine's, so every mapping that is made with them is one that it can make; what would assume 4 KiB maps too little, or at a wrong place.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { buildNativeTests } from '../../scripts/lib/cmake.mjs';
import { add, countNative } from '../../scripts/lib/count.mjs';
import { jobs, run as runProgram } from '../../scripts/lib/run.mjs';

export const title = 'the C++ tests with pages of 16 and 64 KiB';

const SIZES = [16_384, 65_536];

export async function run({ root, log }) {
  const folder = path.join(root, 'build-test');
  await buildNativeTests(folder, { DORA_SANITIZE: '', DORA_TEST_TIMEOUT: 120 });
  const library = path.join(folder, 'page_size.so');
  const source = path.join(root, 'test', 'long', 'page_size.c');
  const compiled = spawnSync(process.env.CC ?? 'cc', ['-shared', '-fPIC', '-o', library, source, '-ldl'], {
    stdio: 'inherit',
  });
  if (compiled.status !== 0) return { passed: 0, failed: 1 };
  const counts = [];
  for (const size of SIZES) {
    const env = { ...process.env, LD_PRELOAD: library, DORA_TEST_PAGE_SIZE: String(size) };
    const seen = spawnSync('getconf', ['PAGESIZE'], { env, encoding: 'utf8' }).stdout.trim();
    log(`pages of ${seen} bytes`);
    if (seen !== String(size)) return { passed: 0, failed: 1 };
    const results = path.join(folder, 'Testing', 'Temporary', 'LastTest.log');
    rmSync(results, { force: true });
    const args = ['--test-dir', folder, '--output-on-failure', '--parallel', String(jobs), '--no-tests=error'];
    const { code } = await runProgram('ctest', args, { env });
    counts.push(countNative(existsSync(results) ? readFileSync(results, 'utf8') : '', code));
  }
  return add(counts);
}
