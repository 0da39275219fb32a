/**
 * `dora run` and plain programs: start, output, failure and end of processes that know nothing of dora.
 */

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { fileExists, projectRoot, Sandbox } from '../helpers/cli.js';

const forever = '#!/bin/sh\necho up\nwhile :; do sleep 1; done\n';
/** Ignores SIGTERM, and so does its helper. */
const stubborn = "#!/bin/sh\ntrap '' TERM\necho up\nwhile :; do sleep 0.2; done\n";

function flow(...nodes: string[]): string {
  return `nodes:\n${nodes.map((node) => `  - ${node.replaceAll('\n', '\n    ')}\n`).join('')}`;
}

test('output is shown line by line behind the names, whatever the bytes are', async (t) => {
  const box = new Sandbox(t, 'a folder with ümläuts');
  box.write('d.yml', flow('id: a\npath: a.sh', 'id: longer\npath: b.py', 'id: ts\npath: sub/c.ts\nargs: x "y z"'));
  box.write('a.sh', '#!/bin/sh\nprintf "one\\r\\ntwo \\377\\n"; printf "10%%\\r20%%\\rend"; echo oops >&2\n');
  box.write('b.py', 'import os\nprint("pid", os.getpid() > 0)\n');
  box.write(
    'sub/c.ts',
    "import { x } from './d.js';\nconst y: number = x;\nconsole.log(y, process.argv.slice(2), import.meta.url);\n",
  );
  box.write('sub/d.ts', 'export const x: number = 41 + 1;\n');
  const { code, stdout, stderr } = await box.run('run', 'd.yml');
  t.is(code, 0, stderr);
  const lines = stdout.split('\n');
  for (const line of [
    'a      | one',
    'a      | two \ufffd',
    'a      | 10%',
    'a      | 20%',
    'a      | end',
    'longer | pid True',
  ]) {
    t.true(lines.includes(line), `${line} in\n${stdout}`);
  }
  t.true(stderr.includes('a      | oops\n'));
  t.regex(stdout, /ts {5}\| 42 \[ 'x', 'y z' \] file:.*%C3%BCml%C3%A4uts\/sub\/c\.ts/);
  t.regex(stdout, /node +exit +duration +messages in +out +dropped/);
  t.deepEqual(await box.settle(), []);
});

test('the first failure is named with its reason and last lines, and the others are stopped', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: good\npath: forever.sh', 'id: bad\npath: bad.sh'));
  box.write('forever.sh', forever);
  box.write('bad.sh', '#!/bin/sh\necho the reason >&2\nexit 3\n');
  const { code, stdout, stderr } = await box.run('run', 'd.yml');
  t.is(code, 1);
  t.regex(
    stderr,
    /error NODE_FAILED: node "bad" ended with exit code 3\n {2}the last lines of "bad":\n {4}\| the reason/,
  );
  t.regex(stdout, /bad +exit code 3/);
  t.deepEqual(await box.settle(), []);
});

test('a crash is named by its signal', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: bad\npath: bad.sh'));
  box.write('bad.sh', '#!/bin/sh\nkill -SEGV $$\n');
  const { code, stderr } = await box.run('run', 'd.yml');
  t.is(code, 1);
  t.regex(stderr, /NODE_CRASHED: node "bad" was ended by SIGSEGV \(signal 11\)/);
});

test('a node that has inputs and ends without joining is a failure', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: deaf\npath: deaf.sh\ninputs:\n  tick: dora/timer/millis/100'));
  box.write('deaf.sh', '#!/bin/sh\necho done\n');
  const { code, stderr } = await box.run('run', 'd.yml');
  t.is(code, 1);
  t.regex(stderr, /NODE_NEVER_JOINED: node "deaf" ended without having joined/);
  t.deepEqual(await box.settle(), []);
});

test('a program that is missing is an error with its place, before anything starts', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: touch.sh', 'id: b\npath: nowhere.sh'));
  box.write('touch.sh', '#!/bin/sh\ntouch started\n');
  const { code, stderr } = await box.run('run', 'd.yml');
  t.is(code, 1);
  t.regex(stderr, /d\.yml:5:\d+ error PROGRAM_NOT_FOUND/);
  t.false(existsSync(path.join(box.folder, 'started')));
});

test('a TypeScript program that does not compile is named with file, line and column', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: a.ts'));
  box.write('a.ts', 'const x = 1;\nconst = 2;\n');
  const { code, stderr } = await box.run('run', 'd.yml');
  t.is(code, 1);
  t.regex(stderr, /COMPILE_FAILED: .*a\.ts does not compile/);
  t.regex(stderr, /a\.ts:2:6/);
});

test('builds run first, by a shell, in the working directory with the environment, and once each', async (t) => {
  const box = new Sandbox(t);
  const build =
    'build: |\n  mkdir -p out && echo "$GREETING" >> out/log\n  printf "#!/bin/sh\\necho built\\n" > out/p.sh; chmod +x out/p.sh';
  const node = (id: string): string => `id: ${id}\npath: out/p.sh\nenv:\n  GREETING: grüß\n${build}`;
  box.write('d.yml', flow(node('a'), node('b')));
  const { code, stdout, stderr } = await box.run('run', 'd.yml');
  t.is(code, 0, stderr);
  t.is(readFileSync(path.join(box.folder, 'out/log'), 'utf8'), 'grüß\n');
  t.true(stdout.includes('a | built') && stdout.includes('b | built'));
  t.true(stderr.includes('build  a: mkdir -p out'));
});

test('a build that fails starts nothing and shows what it said; --no-build starts without it', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: a.sh\nbuild: echo no compiler here >&2; exit 7'));
  box.write('a.sh', '#!/bin/sh\necho ran\n');
  const failed = await box.run('run', 'd.yml');
  t.is(failed.code, 1);
  t.regex(failed.stderr, /BUILD_FAILED: the build of "a" failed \(exit code 7\): echo no compiler/);
  t.regex(failed.stderr, /\| no compiler here/);
  t.false(failed.stdout.includes('ran'));
  const skipped = await box.run('run', 'd.yml', '--no-build');
  t.is(skipped.code, 0, skipped.stderr);
  t.true(skipped.stdout.includes('a | ran'));
});

test('Ctrl-C during a build ends the build', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: a.sh\nbuild: touch building; sleep 60'));
  box.write('a.sh', '#!/bin/sh\ntouch ran\n');
  const command = box.dora(['run', 'd.yml']);
  await fileExists(path.join(box.folder, 'building'));
  command.kill('SIGINT');
  const { code } = await command.finished;
  t.is(code, 0);
  t.false(existsSync(path.join(box.folder, 'ran')));
  t.deepEqual(await box.settle(), []);
});

test('--json prints one object a line, the summary last', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: a.sh'));
  box.write('a.sh', '#!/bin/sh\necho "quote \\" and ü"\nexit 4\n');
  const { code, stdout } = await box.run('run', 'd.yml', '--json');
  t.is(code, 1);
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const output = events.find(({ event }) => event === 'output');
  t.deepEqual([output?.['node'], output?.['stream'], output?.['lines']], ['a', 'stdout', ['quote " and ü']]);
  const last = events.at(-1);
  t.is(last?.['event'], 'finished');
  t.is(last?.['ok'], false);
  t.like(last?.['failure'], { node: 'a', code: 'NODE_FAILED', exitCode: 4, lastLines: ['quote " and ü'] });
});

test('--quiet prints nothing when all is well', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: a.sh'));
  box.write('a.sh', '#!/bin/sh\necho hello\n');
  t.like(await box.run('run', 'd.yml', '--quiet'), { code: 0, stdout: '', stderr: '' });
});

test('--stop-after stops in order, and --env and --release reach the nodes', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: a.sh'));
  box.write('a.sh', '#!/bin/sh\necho "$A|$B|$DORA_RELEASE"\nwhile :; do sleep 1; done\n');
  const args = ['run', 'd.yml', '--stop-after', '300ms', '--env', 'A=x=1', '--env', 'B=', '--release'];
  const { code, stdout, stderr } = await box.run(...args);
  t.is(code, 0, stderr);
  t.true(stdout.includes('a | x=1||1'));
  t.regex(stderr, /stopped after/);
  t.deepEqual(await box.settle(), []);
});

test('Ctrl-C ends a node that ignores SIGTERM by SIGKILL, helpers included', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: stubborn.sh'));
  box.write('stubborn.sh', stubborn);
  const command = box.dora(['run', 'd.yml', '--stop-timeout', '200ms', '--kill-timeout', '300ms']);
  await command.printed('a | up');
  command.kill('SIGINT');
  const { code, stdout } = await command.finished;
  t.is(code, 0);
  t.regex(stdout, /a +ended by SIGKILL/);
  t.deepEqual(await box.settle(), []);
});

test('a second Ctrl-C ends everything at once with code 130', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: stubborn.sh', 'id: b\npath: stubborn.sh'));
  box.write('stubborn.sh', stubborn);
  const command = box.dora(['run', 'd.yml', '--stop-timeout', '30s', '--kill-timeout', '30s']);
  await command.printed('a | up');
  await command.printed('b | up');
  command.kill('SIGINT');
  await command.printed('Ctrl-C again');
  command.kill('SIGINT');
  t.is((await command.finished).code, 130);
  t.deepEqual(await box.settle(), []);
});

test('SIGTERM to dora run is as Ctrl-C', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: forever.sh'));
  box.write('forever.sh', forever);
  const command = box.dora(['run', 'd.yml']);
  await command.printed('a | up');
  command.kill('SIGTERM');
  const { code, stderr } = await command.finished;
  t.is(code, 0);
  t.regex(stderr, /stopped after/);
  t.deepEqual(await box.settle(), []);
});

test('kill -9 of dora run leaves no process and no socket behind', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: stubborn.sh', 'id: b\npath: forever.sh'));
  box.write('stubborn.sh', stubborn);
  box.write('forever.sh', forever);
  const command = box.dora(['run', 'd.yml']);
  await command.printed('a | up');
  await command.printed('b | up');
  command.kill('SIGKILL');
  await command.finished;
  const end = Date.now() + 15_000;
  while (box.processes().length > 0 && Date.now() < end) await sleep(50);
  t.deepEqual(box.processes(), []);
  // Nobody had joined who could have removed the socket's folder: the next dora in this runtime folder does.
  box.write('e.yml', flow('id: c\npath: c.sh'));
  box.write('c.sh', '#!/bin/sh\n:\n');
  t.is((await box.run('run', 'e.yml')).code, 0);
  t.deepEqual(await box.settle(), []);
});

test('helpers that a node leaves behind end with it', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: a.sh'));
  box.write('a.sh', '#!/bin/sh\nsleep 60 &\necho started\n');
  const { code, stdout } = await box.run('run', 'd.yml');
  t.is(code, 0);
  t.true(stdout.includes('a | started'));
  t.deepEqual(box.leftovers(), []);
});

test('two dataflows of one file run at once', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: a.sh'));
  box.write('a.sh', '#!/bin/sh\necho up\nwhile [ ! -e go ]; do sleep 0.05; done\n');
  const both = [box.dora(['run', 'd.yml']), box.dora(['run', 'd.yml'])];
  for (const command of both) await command.printed('a | up');
  box.write('go', '');
  for (const command of both) t.is((await command.finished).code, 0);
  t.deepEqual(await box.settle(), []);
});

test('when the reader of the output goes away, the dataflow is stopped in order', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: chatty.sh'));
  box.write('chatty.sh', '#!/bin/sh\nwhile :; do echo line; sleep 0.01; done\n');
  const main = path.join(projectRoot, 'dist/cli/main.js');
  const script = '("$0" "$1" run d.yml; echo "code $?" >&2) | head -n 3';
  const shell = spawn('/bin/sh', ['-c', script, process.execPath, main], {
    cwd: box.folder,
    env: { ...process.env, XDG_RUNTIME_DIR: box.runtime, DORA_TEST_MARK: box.mark, NODE_OPTIONS: '' },
  });
  let [stdout, stderr] = ['', ''];
  shell.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  shell.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  await new Promise((resolve) => shell.once('close', resolve));
  t.is(stdout.split('\n').filter((line) => line.includes('line')).length, 3);
  t.regex(stderr, /code 0/);
  t.notRegex(stderr, /EPIPE/);
  t.deepEqual(await box.settle(), []);
});

test('a reader that stops reading slows the nodes down and blocks nothing else', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: flood.mjs'));
  box.write(
    'flood.mjs',
    // Its writes block when the pipe is full, so it notes how far it came before each of them.
    "import { writeSync, writeFileSync } from 'node:fs';\nconst line = 'x'.repeat(10_000) + '\\n';\n" +
      "for (let n = 0; ; n++) { writeFileSync('progress', String(n)); writeSync(1, line); }\n",
  );
  const command = box.dora(['run', 'd.yml', '--stop-timeout', '200ms']);
  command.child.stdout?.pause();
  await fileExists(path.join(box.folder, 'progress'));
  const progress = (): number => Number(readFileSync(path.join(box.folder, 'progress'), 'utf8') || '0');
  let before = -1;
  for (let now = progress(); now !== before || now === 0; now = progress()) {
    before = now;
    await sleep(300);
  }
  t.true(before < 2000, `${before} lines of 10 kB went somewhere`);
  command.kill('SIGINT');
  await command.printed('stopping');
  command.child.stdout?.resume();
  t.is((await command.finished).code, 0);
  t.deepEqual(await box.settle(), []);
});

test('a line without end is cut and says so', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow('id: a\npath: a.mjs'));
  box.write('a.mjs', "process.stdout.write('x'.repeat(1_000_000) + '\\nend\\n');\n");
  const { code, stdout } = await box.run('run', 'd.yml');
  t.is(code, 0);
  t.regex(stdout, /x{1000} … \[line too long: 934464 more bytes not shown\]\na \| end/);
});

test('a node starts in its working directory', async (t) => {
  const box = new Sandbox(t);
  mkdirSync(path.join(box.folder, 'work here'));
  box.write('d.yml', flow('id: a\ncustom:\n  source: /bin/pwd\n  working-directory: work here'));
  const { code, stdout, stderr } = await box.run('run', 'd.yml');
  t.is(code, 0, stderr);
  t.regex(stdout, /a \| .*\/work here\n/);
});

test('a wrong command line is code 2 and a suggestion', async (t) => {
  const box = new Sandbox(t);
  const unknown = await box.run('rum', 'd.yml');
  t.is(unknown.code, 2);
  t.regex(unknown.stderr, /unknown command 'rum'[^]*Did you mean run\?/);
  const option = await box.run('run', 'd.yml', '--stop-afer', '1s');
  t.is(option.code, 2);
  t.regex(option.stderr, /Did you mean --stop-after\?/);
  t.is((await box.run('run', 'd.yml', '--stop-after', '10')).code, 2);
  t.is((await box.run('run', 'none.yml')).code, 1);
});
