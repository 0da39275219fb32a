// `npm run test:unit` and `npm run test:e2e`: ava over the TypeScript tests, counted.
//
//   node scripts/test-ava.mjs unit [file or glob ...]    test/unit/** and test/*.test.ts: no processes, side by side
//   node scripts/test-ava.mjs e2e  [file or glob ...]    test/e2e/**: whole dataflows, one file after the other
//
// The last line is `N passed, N failed`. For one file while working on it, `npx ava FILE` prints more readably.
import path from 'node:path';
import { countTap, finish } from './lib/count.mjs';
import { fail, root, run } from './lib/run.mjs';

const suites = {
  unit: { files: ['test/*.test.ts', 'test/unit/**/*.test.ts'], options: ['--concurrency=2'] },
  // Dataflows compete for two cores and each has its own time limits: one at a time.
  e2e: { files: ['test/e2e/**/*.test.ts'], options: ['--concurrency=1', '--serial', '--timeout=180s'] },
};

const [name, ...only] = process.argv.slice(2);
const suite = suites[name];
if (suite === undefined) fail(`there is no suite "${name ?? ''}"; there are: ${Object.keys(suites).join(', ')}`);

const ava = path.join(root, 'node_modules', '.bin', 'ava');
const files = only.length > 0 ? only : suite.files;
const result = await run(ava, ['--tap', ...suite.options, ...files], { capture: true });
// What tests print themselves is on the other stream.
finish([countTap(result.stdout, result.code)]);
