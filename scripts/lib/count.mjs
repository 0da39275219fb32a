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

/** CTest's LastTest.log: test cases of each doctest program; a program that failed without naming a case counts once. */
export function countNative(log, exitCode) {
  let passed = 0;
  let failed = 0;
  for (const program of log.split(/^(?=\d+\/\d+ Testing: )/m)) {
    if (!/^\d+\/\d+ Testing: /.test(program)) continue;
    const cases = /^\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed \|\s*(\d+) skipped/m.exec(
      // Colours are escape sequences around the figures.
      program.replaceAll(/\u001B\[[\d;]*m/g, ''),
    );
    const ended = /^Test Passed\.$/m.test(program);
    const bad = cases === null ? 0 : Number(cases[2]) + Number(cases[3]);
    passed += cases === null ? 0 : Number(cases[1]);
    failed += bad === 0 && (!ended || cases === null) ? 1 : bad;
  }
  return settle({ passed, failed }, exitCode);
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
