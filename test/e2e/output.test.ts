/** What the command prints, into a full disk and to a reader that has read enough. */

import { spawn } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { Sandbox, main } from '../helpers/cli.js';

const flow = `nodes:
  - { id: camera, path: camera.ts, inputs: { tick: dora/timer/hz/30 }, outputs: [image] }
  - { id: plot, path: plot.ts, inputs: { image: camera/image } }
`;

/** Runs the command with files of ours as its output; returns its exit code and, when that is piped, stderr. */
async function run(
  t: ExecutionContext,
  args: readonly string[],
  stdout: number | 'ignore' | 'pipe',
  stderr: number | 'pipe' = 'pipe',
): Promise<{ code: number | null; stderr: string }> {
  const box = new Sandbox(t);
  box.write('flow.yml', flow);
  const env = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', XDG_RUNTIME_DIR: box.runtime };
  const child = spawn(process.execPath, ['--', main, ...args], {
    cwd: box.folder,
    env,
    stdio: ['ignore', stdout, stderr],
  });
  child.stdout?.destroy();
  const said = child.stderr === null ? '' : text(child.stderr);
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, stderr: await said };
}

for (const args of [['--help'], ['check', '--no-files', 'flow.yml'], ['graph', 'flow.yml'], ['expand', 'flow.yml']]) {
  test(`dora ${args.join(' ')} fails with a sentence where standard output is full`, async (t) => {
    const full = openSync('/dev/full', 'w');
    const { code, stderr } = await run(t, args, full);
    closeSync(full);
    t.is(code, 1);
    t.is(
      stderr,
      'error WRITE_FAILED: standard output is not complete, it cannot be written: ENOSPC: no space left on device, write\n',
    );
  });
}

test('a full standard error is a failure too, which nobody can be told', async (t) => {
  const full = openSync('/dev/full', 'w');
  const warned = flow.replace('image: camera/image', 'tick: dora/timer/hz/1');
  const box = new Sandbox(t);
  const file = box.write('warned.yml', warned);
  t.is((await run(t, ['check', '--no-files', file], 'ignore', full)).code, 1);
  closeSync(full);
});

test('a reader that went away is no failure, and nothing is said', async (t) => {
  t.deepEqual(await run(t, ['graph', 'flow.yml'], 'pipe'), { code: 0, stderr: '' });
});
