/** Kills of `dora run`, and so of the daemon, at different moments leave nothing. `npm run test:long -- --only daemon-kills` does it 300 times. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { projectRoot } from '../helpers/cli.js';
import type { DaemonKillFigures } from '../helpers/daemon-kills.js';

test('after kills of dora run no process, no socket and no file is left, and no node saw a torn message', async (t) => {
  t.timeout(170_000);
  const program = path.join(projectRoot, 'test/helpers/daemon-kills.ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program, '6', '4'], {
    cwd: projectRoot,
  });
  const { kills, streaming, messages, moments } = JSON.parse(stdout) as DaemonKillFigures;
  t.is(kills, 6);
  t.true(Object.keys(moments).length >= 3, stdout);
  t.true(streaming > 0 && messages > 0, stdout);
});
