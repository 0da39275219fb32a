// `npm test`: every suite that fits into ten minutes, one after the other, with their output; last line `N passed, N failed`.
//
//   npm test                     all of them
//   npm test -- unit native      only those
//
// A suite that crashes, cannot be built or runs no test counts as a failure; the other suites still run. What takes longer
// is `npm run test:sanitize` and `npm run test:long`.
import path from 'node:path';
import { countClosing, finish } from './lib/count.mjs';
import { fail, root, run } from './lib/run.mjs';

const script = (...args) => [process.execPath, [path.join(root, 'scripts', args[0]), ...args.slice(1)]];
const suites = {
  unit: { title: 'TypeScript units and the architecture', command: script('test-ava.mjs', 'unit') },
  native: { title: 'C++ tests', command: script('test-native.mjs') },
  model: { title: 'models of the shared-memory protocol, small bounds', command: script('model.mjs') },
  e2e: { title: 'whole dataflows', command: script('test-ava.mjs', 'e2e') },
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => suites[name] === undefined);
if (unknown !== undefined) fail(`there is no suite "${unknown}"; there are: ${Object.keys(suites).join(', ')}`);

const rows = [];
for (const name of asked.length > 0 ? asked : Object.keys(suites)) {
  const { title, command } = suites[name];
  process.stdout.write(`\n== ${name}: ${title}\n`);
  const began = Date.now();
  const result = await run(command[0], command[1], { capture: true });
  const count = countClosing(result.output, result.code);
  rows.push({ name, count, seconds: Math.round((Date.now() - began) / 1000) });
}
process.stdout.write('\n');
for (const { name, count, seconds } of rows) {
  process.stdout.write(
    `${name.padEnd(8)} ${String(count.passed).padStart(5)} passed  ${String(count.failed).padStart(4)} failed  ${seconds} s\n`,
  );
}
finish(rows.map((row) => row.count));
