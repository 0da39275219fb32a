/** Variables as a user gives them: --env, --env-file, the file's env and a node's, in `dora run`, `run()` and `dora expand`. */

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import test from 'ava';
import { run } from '../../lib/cli/run-api.js';
import { main, Sandbox } from '../helpers/cli.js';

const flow = `env: { A: root, B: root, C: root, D: root, PATH: "$PATH" }
nodes:
  - { id: n, path: n.sh, args: $A $B $C $D, env: { D: node } }
`;

function write(box: Sandbox): void {
  box.write('flow.yml', flow);
  box.write('n.sh', '#!/bin/sh\necho "$A $B $C $D, args $*"\n');
  box.write('one.env', 'A=one\nB=one\nC=one\nD=one\n');
  box.write('two.env', '# wins over one.env\nA=two\nB="two"\nD=two\n');
}
const files = ['--env-file', 'one.env', '--env-file=two.env'];

test('a node over --env over --env-file over the file, in variables and in what $NAME stands for', async (t) => {
  const box = new Sandbox(t);
  write(box);
  const { code, stdout, stderr } = await box.run('run', 'flow.yml', ...files, '--env', 'A=cmd');
  t.is(code, 0, stderr);
  t.true(stdout.includes('n | cmd two one node, args cmd two one node'), stdout);
  const bare = await box.run('run', 'flow.yml');
  t.true(bare.stdout.includes('n | root root root node, args root root root node'), bare.stdout);
});

test('the same by run()', async (t) => {
  const box = new Sandbox(t);
  write(box);
  const lines: string[] = [];
  const result = await run(path.join(box.folder, 'flow.yml'), {
    env: { A: 'cmd' },
    envFile: ['one.env', 'two.env'].map((name) => path.join(box.folder, name)),
    onEvent: (event) => {
      if (event.event === 'output') lines.push(...event.lines);
    },
  });
  t.true(result.ok);
  t.deepEqual(lines, ['cmd two one node, args cmd two one node']);
});

test('the installed command reads the file itself: Node.js, which has the same option, does not', (t) => {
  const box = new Sandbox(t);
  write(box);
  // Node.js would take this one for its own options, refuse them and end.
  box.write('node.env', 'NODE_OPTIONS=--no-such-option\nA=mine\n');
  const yaml = execFileSync(main, ['expand', 'flow.yml', '--env-file', 'node.env'], {
    cwd: box.folder,
    encoding: 'utf8',
  });
  t.regex(yaml, /^ {2}A: mine$/m);
  t.regex(yaml, /^ {2}NODE_OPTIONS: --no-such-option$/m);
});

test('a node in JavaScript or TypeScript has --env-file among its arguments, and Node.js leaves it alone', async (t) => {
  const box = new Sandbox(t);
  const node = 'console.log("args", ...process.argv.slice(2));\n';
  box.write('a.mjs', node);
  box.write('b.ts', node);
  const nodes = ['a.mjs', 'b.ts'].map(
    (name) => `  - { id: ${name[0]}, path: ${name}, args: --env-file nowhere.env }\n`,
  );
  box.write('flow.yml', `nodes:\n${nodes.join('')}`);
  const { code, stdout, stderr } = await box.run('run', 'flow.yml');
  t.is(code, 0, stderr);
  for (const id of ['a', 'b']) t.true(stdout.includes(`${id} | args --env-file nowhere.env`), stdout);
});

test('a wrong line, and a variable without a name, start nothing', async (t) => {
  const box = new Sandbox(t);
  write(box);
  box.write('bad.env', 'A=1\nB 2\n');
  for (const command of ['run', 'build', 'check', 'graph', 'expand']) {
    const { code, stdout, stderr } = await box.run(command, 'flow.yml', '--env-file', 'bad.env');
    t.deepEqual([code, stdout], [1, ''], command);
    t.regex(stderr, /^(dora {2})?error ENV_FILE_INVALID: bad\.env:2: "B 2" is no variable$/m, command);
    const nameless = await box.run(command, 'flow.yml', '--env', '=x');
    t.deepEqual([nameless.code, nameless.stdout], [2, ''], command);
    t.regex(nameless.stderr, /Write NAME=VALUE/);
  }
  t.deepEqual(await box.settle(), []);
});
