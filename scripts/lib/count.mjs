// How results of the different test runners become `N passed, N failed`. Pure functions over their output.
//
// The rule they share: whatever did not say that it passed has failed. A runner that ended badly without naming a failure
// (a crash, a watchdog, a program that could not be built) counts as one, and so does a suite that ran nothing.

/** @typedef {{ passed: number, failed: number }} Count */

/** At least one failure where the runner's exit code was not 0, or nothing ran. */
export function settle({ passed, failed }, exitCode) {
  const nothing = passed + failed === 0;
  return { passed, failed: failed === 0 && (exitCode !== 0 || nothing) ? 1 : failed };
}

/** TAP, as `ava --tap` prints it. A test marked `# SKIP` or `# TODO` is a failure: nothing is skipped silently. */
export function countTap(output, exitCode) {
  let passed = 0;
  let failed = 0;
  for (const line of output.split('\n')) {
    const match = /^(not )?ok \d+(.*)$/.exec(line);
    if (match === null) continue;
    if (match[1] === undefined && !/# (SKIP|TODO)\b/i.test(match[2])) passed++;
    else failed++;
  }
  return settle({ passed, failed }, exitCode);
}

/**
 * What one doctest program printed: its test cases; `ended` says whether it ended well. A program that ended badly without naming a case
 * counts as one failure, and so does every case that was skipped beyond the `leftOut` that the caller left out by name.
 */
export function countDoctest(output, ended, leftOut = 0) {
  const cases = /^\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed \|\s*(\d+) skipped/m.exec(
    // Colours are escape sequences around the figures.
    output.replaceAll(/\u001B\[[\d;]*m/g, ''),
  );
  if (cases === null) return { passed: 0, failed: 1 };
  const failed = Number(cases[2]) + Math.abs(Number(cases[3]) - leftOut);
  return { passed: Number(cases[1]), failed: failed === 0 && !ended ? 1 : failed };
}

/** CTest's LastTest.log: test cases of each doctest program. */
export function countNative(log, exitCode) {
  const programs = log.split(/^(?=\d+\/\d+ Testing: )/m).filter((part) => /^\d+\/\d+ Testing: /.test(part));
  return settle(add(programs.map((program) => countDoctest(program, /^Test Passed\.$/m.test(program)))), exitCode);
}

/** The closing line of a script of ours, `N passed, N failed`. */
export function countClosing(output, exitCode) {
  const match = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  return settle({ passed: Number(match?.[1] ?? 0), failed: Number(match?.[2] ?? 0) }, exitCode);
}

export function add(counts) {
  return counts.reduce((sum, count) => ({ passed: sum.passed + count.passed, failed: sum.failed + count.failed }), {
    passed: 0,
    failed: 0,
  });
}

/** Prints the closing line and sets the exit code by it. */
export function finish(counts) {
  const { passed, failed } = add(counts);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
}
