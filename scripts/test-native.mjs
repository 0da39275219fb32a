// `npm run test:native` and, with --sanitize, `npm run test:sanitize`: the C++ tests by ctest, with no Node.js in them.
//
//   node scripts/test-native.mjs                        debug assertions
//   node scripts/test-native.mjs --sanitize             AddressSanitizer + UndefinedBehaviorSanitizer, then ThreadSanitizer
//   node scripts/test-native.mjs --sanitize thread      only one of them: address or thread
//   node scripts/test-native.mjs --only ring_test       test programs whose name matches a regular expression
//
// Counts the test cases of each program (doctest's summary), and a program that crashed, hung or was killed as one failure.
// A test case that is skipped is a failure: nothing is skipped silently. The last line is `N passed, N failed`.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildNativeTests } from './lib/cmake.mjs';
import { countNative, finish } from './lib/count.mjs';
import { ask, fail, findProgram, jobs, root, run } from './lib/run.mjs';

const { values, positionals } = parseArgs({
  options: { sanitize: { type: 'boolean', default: false }, only: { type: 'string' } },
  allowPositionals: true,
});
const kinds = !values.sanitize ? [''] : positionals.length > 0 ? positionals : ['address', 'thread'];
const wrong = kinds.find((kind) => !['', 'address', 'thread'].includes(kind));
if (wrong !== undefined) fail(`there is no sanitizer build "${wrong}"; there are: address, thread`);

const environment = {
  '': {},
  address: {
    ASAN_OPTIONS:
      'abort_on_error=0:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:handle_abort=0',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  },
  thread: { TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1' },
};

/** ThreadSanitizer cannot lay out its shadow under some kernels' address randomisation: run without it where that is allowed. */
function runner(kind, args) {
  const arch = ask('uname', ['-m']);
  const steady =
    kind === 'thread' && findProgram('setarch') !== undefined && ask('setarch', [arch, '-R', 'true']) !== undefined;
  return steady ? ['setarch', [arch, '-R', 'ctest', ...args]] : ['ctest', args];
}

async function runSuite(kind) {
  const folder = path.join(root, kind === '' ? 'build-test' : `build-${kind}`);
  if (values.sanitize) process.stdout.write(`\n== C++ tests under the ${kind} sanitizer\n`);
  await buildNativeTests(folder, { DORA_SANITIZE: kind, DORA_TEST_TIMEOUT: kind === '' ? 120 : 600 });
  const log = path.join(folder, 'Testing', 'Temporary', 'LastTest.log');
  rmSync(log, { force: true });
  const args = ['--test-dir', folder, '--output-on-failure', '--parallel', String(jobs), '--no-tests=error'];
  if (values.only !== undefined) args.push('--tests-regex', values.only);
  const [command, full] = runner(kind, args);
  const result = await run(command, full, { env: { ...process.env, ...environment[kind] } });
  return countNative(existsSync(log) ? readFileSync(log, 'utf8') : '', result.code);
}

const counts = [];
for (const kind of kinds) counts.push(await runSuite(kind));
finish(counts);
