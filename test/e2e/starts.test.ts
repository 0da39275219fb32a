/** Dataflows that one process starts and stops one after the other leave nothing in it. `npm run test:long -- --only starts` does it 1,000 times. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { projectRoot } from '../helpers/cli.js';
import type { StartsFigures } from '../helpers/starts.js';

test('after 10 starts and stops file descriptors and mappings of shared memory are those of before', async (t) => {
  t.timeout(120_000);
  const program = path.join(projectRoot, 'test/helpers/starts.ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--import', 'tsx', program, '10'], {
    cwd: projectRoot,
  });
  const { before, after, messages } = JSON.parse(stdout) as StartsFigures;
  t.is(messages, 50);
  t.is(after.descriptors, before.descriptors);
  // Anonymous ones, V8's and malloc's, come and go.
  t.is(after.fileMappings, before.fileMappings);
});
