/**
 * What the scripts make of a test runner's output. `npm test` is only as honest as these counts, so each way in which a
 * suite can go wrong without saying so stands here: a crash, nothing run, something skipped, an exit code without a failure.
 */
import path from 'node:path';
import test from 'ava';
import { root } from './helpers/source-tree.js';

interface Count {
  passed: number;
  failed: number;
}
type Counter = (output: string, exitCode: number) => Count;

const { countTap, countNative, countClosing } = (await import(path.join(root, 'scripts/lib/count.mjs'))) as {
  countTap: Counter;
  countNative: Counter;
  countClosing: Counter;
};

test('TAP lines are counted, and a skipped or planned test is a failure', (t) => {
  const output =
    'TAP version 13\nok 1 - a\n  ---\n  ok in a detail\n  ...\nnot ok 2 - b\nok 3 - c # SKIP\nok 4 - d # TODO later\n1..4\n# pass 1\n';
  t.deepEqual(countTap(output, 1), { passed: 1, failed: 3 });
});

test('a runner that exits badly without naming a failure counts as one', (t) => {
  t.deepEqual(countTap('ok 1 - a\n', 1), { passed: 1, failed: 1 });
  t.deepEqual(countTap('ok 1 - a\n', 0), { passed: 1, failed: 0 });
  t.deepEqual(countClosing('4 passed, 0 failed\n', 1), { passed: 4, failed: 1 });
});

test('a suite that runs nothing has failed', (t) => {
  t.deepEqual(countTap('TAP version 13\n1..0\n', 0), { passed: 0, failed: 1 });
  t.deepEqual(countNative('', 0), { passed: 0, failed: 1 });
  t.deepEqual(countClosing('', 0), { passed: 0, failed: 1 });
});

const program = (number: number, output: string, ended: string): string =>
  `${number}/9 Testing: x_test\n${number}/9 Test: x_test\nOutput:\n----\n${output}\n<end of output>\nTest time = 0.00 sec\n----\nTest ${ended}.\n"x_test" end time: now\n\n`;

test('C++ test cases are counted by program, with colours or without', (t) => {
  const log =
    program(1, '[doctest] test cases:  3 |  3 passed | 0 failed | 0 skipped', 'Passed') +
    program(
      2,
      '\u001B[0;36m[doctest] \u001B[0mtest cases: 4 | \u001B[0;32m2 passed\u001B[0m | \u001B[0;31m1 failed\u001B[0m | 1 skipped',
      'Failed',
    );
  t.deepEqual(countNative(log, 8), { passed: 5, failed: 2 });
});

test('a C++ test program that crashes, leaks after its last case, or prints no summary counts as one failure', (t) => {
  const passed = '[doctest] test cases: 2 | 2 passed | 0 failed | 0 skipped';
  t.deepEqual(countNative(program(1, 'AddressSanitizer: heap-use-after-free', 'Failed'), 8), { passed: 0, failed: 1 });
  t.deepEqual(countNative(program(1, `${passed}\nLeakSanitizer: detected memory leaks`, 'Failed'), 8), {
    passed: 2,
    failed: 1,
  });
  t.deepEqual(countNative(program(1, passed, 'Passed') + program(2, 'hello', 'Passed'), 0), { passed: 2, failed: 1 });
});

test('the last closing line of a script is its count', (t) => {
  t.deepEqual(countClosing('1 passed, 1 failed\nmore\n12 passed, 0 failed\n', 0), { passed: 12, failed: 0 });
  t.deepEqual(countClosing('we had 3 passed, 0 failed in the text\n', 0), { passed: 0, failed: 1 });
});
