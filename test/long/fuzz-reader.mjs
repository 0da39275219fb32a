// libFuzzer over the reader's side of an edge: honest peers, and a hostile one that writes anything anywhere it can map.
//
// Builds reader_fuzz (test/native/fuzz) with clang under the address and undefined behaviour sanitizers and runs it for the
// suite's minutes, 30 when it is alone and none are given. What it learns stays in build-fuzz/corpus for the next run; an
// input that breaks something is kept in build-fuzz/found, and its path and the command that replays it are printed.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { buildNativeTests } from '../../scripts/lib/cmake.mjs';
import { ask, findProgram, installCommand } from '../../scripts/lib/run.mjs';

export const title = 'libFuzzer over both ends of an edge with a hostile peer';
export const defaultMinutes = 30;

/** The newest clang that is installed together with libFuzzer. */
function findClang() {
  for (const suffix of ['-19', '']) {
    const compiler = findProgram(`clang++${suffix}`);
    if (compiler === undefined) continue;
    const folder = ask(compiler, ['-print-runtime-dir']);
    const older = ask(compiler, ['-print-resource-dir']);
    const libraries = [folder, older && path.join(older, 'lib', 'linux')].filter(Boolean);
    const has = (name) => {
      try {
        return readdirSync(name).some((file) => file.startsWith('libclang_rt.fuzzer'));
      } catch {
        return false;
      }
    };
    if (libraries.some(has)) return { cxx: compiler, c: compiler.replace('clang++', 'clang') };
  }
  return undefined;
}

export async function run({ seed, minutes, root, log }) {
  const folder = path.join(root, 'build-fuzz');
  const clang = findClang();
  if (clang === undefined) {
    const packages = ['clang-19 libclang-rt-19-dev', 'clang compiler-rt', 'clang compiler-rt', 'clang compiler-rt'];
    log(`the fuzzer needs clang with libFuzzer; run: ${installCommand(packages)}`);
    return { passed: 0, failed: 1 };
  }
  await buildNativeTests(
    folder,
    {
      DORA_SANITIZE: 'address',
      DORA_FUZZ: 'ON',
      DORA_WERROR: 'OFF',
      CMAKE_C_COMPILER: clang.c,
      CMAKE_CXX_COMPILER: clang.cxx,
    },
    ['reader_fuzz'],
  );
  const [corpus, found] = ['corpus', 'found'].map((name) => path.join(folder, name));
  for (const name of [corpus, found]) mkdirSync(name, { recursive: true });
  const before = new Set(readdirSync(found));
  const program = path.join(folder, 'bin', 'reader_fuzz');
  const fuzzer = spawnSync(
    program,
    [
      `-seed=${(seed % 0xffffffff) + 1}`, // 0 is "any"
      `-max_total_time=${Math.max(1, Math.round(minutes * 60))}`,
      '-max_len=1024',
      '-len_control=1',
      '-timeout=20',
      '-rss_limit_mb=2048',
      '-print_final_stats=1',
      '-verbosity=0',
      `-artifact_prefix=${found}/`,
      corpus,
    ],
    { cwd: root, stdio: 'inherit' },
  );
  for (const name of readdirSync(found).filter((file) => !before.has(file))) {
    log(`found ${path.join(found, name)}; replay: ${program} ${path.join(found, name)}`);
  }
  log(`corpus: ${readdirSync(corpus).length} inputs`);
  return fuzzer.status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}
