/** `dora build`: the build commands and nothing else, how they fail, and how they are interrupted. */

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { Sandbox } from '../helpers/cli.js';

const twoSteps = `
nodes:
  - id: a
    path: a.js
    build: |
      echo first $WORD
      echo "console.log('must not run')" > a.js
  - id: b
    path: b.js
    build: echo second; touch b.js
`;

test('every command runs, in order, and no node does', async (t) => {
  const box = new Sandbox(t);
  box.write('f.yml', twoSteps);
  const { code, stdout, stderr } = await box.run('build', 'f.yml', '-e', 'WORD=word');
  t.is(code, 0, stderr);
  t.regex(stdout, /a \| first word\n[^]*b \| second\n/);
  t.notRegex(stdout, /must not run/);
  t.regex(stderr, /build {2}a: echo first \$WORD\n[^]*build {2}b: [^]*dora {2}built: 3 commands in \d/);
  t.true(existsSync(path.join(box.folder, 'a.js')) && existsSync(path.join(box.folder, 'b.js')));
  t.deepEqual(await box.settle(), []);
});

test('the commands find headers and library, unless the node says otherwise', async (t) => {
  const box = new Sandbox(t);
  box.write(
    'f.yml',
    `nodes:\n  - id: a\n    path: a.js\n    build: echo "$DORA_INCLUDE" > a.js; echo "$DORA_LIB" > lib\n`,
  );
  t.is((await box.run('build', 'f.yml')).code, 0);
  const [include = '', lib = ''] = ['a.js', 'lib'].map((name) =>
    readFileSync(path.join(box.folder, name), 'utf8').trim(),
  );
  t.true(existsSync(path.join(include, 'dora/node.h')), include);
  t.true(existsSync(path.join(lib, 'libdora.so')), lib);
  box.write(
    'f.yml',
    `nodes:\n  - id: a\n    path: a.js\n    env: {DORA_LIB: mine}\n    build: echo "$DORA_LIB" > a.js\n`,
  );
  t.is((await box.run('build', 'f.yml')).code, 0);
  t.is(readFileSync(path.join(box.folder, 'a.js'), 'utf8'), 'mine\n');
});

test('the first command that fails ends the build, with its last lines', async (t) => {
  const box = new Sandbox(t);
  box.write('f.yml', twoSteps.replace('echo first $WORD', 'echo why it broke; exit 7'));
  const { code, stderr } = await box.run('build', 'f.yml');
  t.is(code, 1);
  t.regex(stderr, /error BUILD_FAILED: the build of "a" failed \(exit code 7\)[^]*\| why it broke/);
  t.false(existsSync(path.join(box.folder, 'b.js')));
});

test('what a build does not make is missed; a file with mistakes is not built', async (t) => {
  const box = new Sandbox(t);
  box.write('f.yml', 'nodes:\n  - id: a\n    path: a.js\n    build: "true"\n');
  const missed = await box.run('build', 'f.yml');
  t.is(missed.code, 1);
  t.regex(missed.stderr, /"a\.js" is not there/);
  box.write('g.yml', 'nodes:\n  - id: a\n    pth: a.js\n    build: touch made\n');
  const wrong = await box.run('build', 'g.yml');
  t.is(wrong.code, 1);
  t.regex(wrong.stderr, /g\.yml:3:5 error UNKNOWN_KEY/);
  t.false(existsSync(path.join(box.folder, 'made')));
});

test('nothing to build is in order; --json ends with the summary', async (t) => {
  const box = new Sandbox(t);
  box.write('a.js', '');
  box.write('f.yml', 'nodes:\n  - id: a\n    path: a.js\n');
  const { code, stderr } = await box.run('build', 'f.yml');
  t.deepEqual([code, stderr], [0, 'dora  nothing to build\n']);
  box.write('g.yml', 'nodes:\n  - id: a\n    path: a.js\n    build: echo hello\n');
  const json = await box.run('build', 'g.yml', '--json');
  t.is(json.code, 0);
  const events = json.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string });
  t.deepEqual(
    events.map(({ event }) => event),
    ['buildStarted', 'output', 'finished'],
  );
  t.like(events.at(-1), { ok: true, reason: 'finished', nodes: [{ node: 'a', end: 'notStarted' }] });
});

test('Ctrl-C interrupts a build, and nothing of it is left', async (t) => {
  const box = new Sandbox(t);
  box.write(
    'f.yml',
    'nodes:\n  - id: a\n    path: a.js\n    build: |\n      echo begun; sleep 600\n      touch made\n',
  );
  const command = box.dora(['build', 'f.yml']);
  await command.printed('a | begun');
  command.kill('SIGINT');
  const { code, stderr } = await command.finished;
  t.is(code, 130, stderr);
  t.regex(stderr, /interrupted/);
  t.false(existsSync(path.join(box.folder, 'made')));
  t.deepEqual(await box.settle(), []);
});
