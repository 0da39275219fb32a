// `npm run test:long -- --seed S --minutes M`: the suites that take their time (soaks, kills at labelled steps, full models).
//
// Each file test/long/*.mjs is one suite. It exports `title` and `run({ seed, minutes, root, log })`, which resolves to
// { passed, failed }; it draws all its chance from the seed and keeps to its share of the minutes. The seed is printed first
// and again after a failure, with the command that replays that suite alone.
//
//   npm run test:long -- --minutes 30                     30 minutes shared by all suites, a new seed
//   npm run test:long -- --seed 7 --minutes 5 --only kill suites whose file name contains "kill"
//
// Without --minutes it is 20, or what a suite that runs alone exports as `defaultMinutes`.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { finish, settle } from './lib/count.mjs';
import { fail, root } from './lib/run.mjs';

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        seed: { type: 'string' },
        minutes: { type: 'string' },
        only: { type: 'string', default: '' },
      },
    });
    const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
    const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
    if (!Number.isSafeInteger(seed) || seed < 0) fail(`--seed ${values.seed}: a seed is a whole number from 0`);
    if (minutes !== undefined && !(minutes > 0)) fail(`--minutes ${values.minutes}: give a number of minutes above 0`);
    return { seed, minutes, only: values.only };
  } catch (error) {
    return fail(`${error.message}\nusage: npm run test:long -- [--seed S] [--minutes M] [--only NAME]`);
  }
}

const { seed, minutes: given, only } = readOptions();
const folder = path.join(root, 'test', 'long');
const all = existsSync(folder)
  ? readdirSync(folder)
      .filter((file) => file.endsWith('.mjs'))
      .sort()
  : [];
const files = all.filter((file) => file.includes(only));
if (files.length === 0) {
  fail(`no suite in test/long has "${only}" in its name; there are: ${all.join(', ') || 'none'}`);
}
// A suite that runs alone may have a default of its own.
const alone = files.length === 1 ? await import(pathToFileURL(path.join(folder, files[0])).href) : undefined;
const minutes = given ?? alone?.defaultMinutes ?? 20;
process.stdout.write(`seed ${seed}, ${minutes} minutes, ${files.length} suites\n`);

const counts = [];
for (const file of files) {
  const share = minutes / files.length;
  let count;
  try {
    const suite = await import(pathToFileURL(path.join(folder, file)).href);
    process.stdout.write(`\n== ${file}: ${suite.title}\n`);
    count = settle(
      await suite.run({ seed, minutes: share, root, log: (line) => process.stdout.write(`${line}\n`) }),
      0,
    );
  } catch (error) {
    process.stdout.write(`${error?.stack ?? error}\n`);
    count = { passed: 0, failed: 1 };
  }
  counts.push(count);
  process.stdout.write(`${file}: ${count.passed} passed, ${count.failed} failed\n`);
  if (count.failed > 0) {
    process.stdout.write(`replay: npm run test:long -- --seed ${seed} --minutes ${share} --only ${file}\n`);
  }
}
finish(counts);
