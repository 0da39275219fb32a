// The C++ tests built for 64-bit ARM and run under qemu-user: no size, alignment or system call number of x86 is taken for granted.
//
// It says nothing about the order in which an ARM core shows its stores: the emulator keeps the order of the processor it runs on. That is what the
// loom models are for. Needs Debian's packages g++-aarch64-linux-gnu and qemu-user; on an ARM machine `npm test` does the same and more.
// Takes a quarter of an hour on two cores, most of it compiling, whatever the minutes say.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { buildNativeTests } from '../../scripts/lib/cmake.mjs';
import { add, countDoctest } from '../../scripts/lib/count.mjs';
import { findProgram, installCommand } from '../../scripts/lib/run.mjs';

export const title = 'the C++ tests for arm64, under qemu-user';

const TARGET = 'aarch64-linux-gnu';
const PROGRAM_MS = 600_000;

/** What qemu-user itself does otherwise than Linux: the tests are left out by name, and the log says so. */
const EMULATOR_LACKS = {
  broker_join_test: {
    test: 'a flood of descriptors leaves none open in the broker',
    why: 'qemu drops descriptors that a too small control buffer cuts off without closing them',
  },
  lock_memory_test: {
    test: 'beside a heap that cannot be locked*',
    why: 'qemu has no mlock2',
  },
};

export async function run({ root, log }) {
  if (process.arch === 'arm64') {
    log('this is an ARM machine: npm run test:native runs these tests without an emulator');
    return { passed: 1, failed: 0 };
  }
  const emulator = ['qemu-aarch64', 'qemu-aarch64-static'].map(findProgram).find(Boolean);
  const [c, cxx] = [`${TARGET}-gcc`, `${TARGET}-g++`].map(findProgram);
  if (emulator === undefined || c === undefined || cxx === undefined) {
    log(`this needs a compiler for ${TARGET} and qemu-user; run: ${installCommand([`g++-${TARGET} qemu-user`])}`);
    return { passed: 0, failed: 1 };
  }
  const folder = path.join(root, 'build-arm');
  await buildNativeTests(folder, {
    CMAKE_SYSTEM_NAME: 'Linux',
    CMAKE_SYSTEM_PROCESSOR: 'aarch64',
    CMAKE_C_COMPILER: c,
    CMAKE_CXX_COMPILER: cxx,
  });
  const words = [emulator, '-L', `/usr/${TARGET}`];
  const bin = path.join(folder, 'bin');
  const counts = [];
  for (const name of readdirSync(bin).filter((file) => file.endsWith('_test'))) {
    const lacks = EMULATOR_LACKS[name];
    if (lacks !== undefined) log(`${name}: without "${lacks.test}", for ${lacks.why}`);
    const leftOut = lacks === undefined ? [] : [`--test-case-exclude=${lacks.test}`];
    const ended = spawnSync(words[0], [...words.slice(1), path.join(bin, name), '--no-colors', ...leftOut], {
      cwd: root,
      encoding: 'utf8',
      timeout: PROGRAM_MS,
      env: { ...process.env, DORA_TEST_EMULATOR: words.join(' ') },
    });
    const count = countDoctest(ended.stdout, ended.status === 0, leftOut.length);
    if (count.failed > 0) log(`${ended.stdout}${ended.stderr}`);
    log(`${name}: ${count.passed} passed, ${count.failed} failed`);
    counts.push(count);
  }
  return add(counts);
}
