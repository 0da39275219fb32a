/** Modules, repositories, downloads and shell nodes as a user runs them. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { Sandbox } from '../helpers/cli.js';

const doubler = `module: { name: double, inputs: [in], outputs: [out] }
build: echo "module build of $PARAM_FACTOR in $(basename "$PWD")"
nodes:
  - id: multiply
    path: multiply.ts
    args: \${_param.factor}
    inputs: { in: _mod/in }
    outputs: [out]
`;
const multiply = `import { Node } from 'dora-ts';
const node = await Node.connect();
for await (const event of node) if (event.type === 'input') await node.send('out', { value: event.json().value * Number(process.argv[2]) });
`;
const count = `import { Node } from 'dora-ts';
const node = await Node.connect();
for (let value = 1; value <= 5; value += 1) await node.send('value', { value });
`;
const print = `import { Node } from 'dora-ts';
const node = await Node.connect();
for await (const event of node) if (event.type === 'input') console.log('got', event.json().value);
`;
const flow = `nodes:
  - { id: count, path: count.ts, outputs: [value] }
  - { id: twice, module: parts/double.yml, inputs: { in: { source: count/value, queue_policy: backpressure } }, params: { factor: 2 } }
  - { id: more, module: parts/double.yml, inputs: { in: { source: twice/out, queue_policy: backpressure } }, params: { factor: 10 } }
  - { id: print, path: print.ts, inputs: { value: { source: more/out, queue_policy: backpressure } } }
`;

function writeFlow(sandbox: Sandbox): void {
  sandbox.write('flow.yml', flow);
  sandbox.write('parts/double.yml', doubler);
  sandbox.write('parts/multiply.ts', multiply);
  sandbox.write('count.ts', count);
  sandbox.write('print.ts', print);
}

test('a module that is used twice runs twice, with its own build, folder and parameters', async (t) => {
  const sandbox = new Sandbox(t);
  writeFlow(sandbox);
  const { code, stdout, stderr } = await sandbox.run('run', 'flow.yml');
  t.is(code, 0, stderr);
  t.deepEqual(
    stdout.split('\n').flatMap((line) => /got (\d+)/.exec(line)?.[1] ?? []),
    ['20', '40', '60', '80', '100'],
  );
  t.true(stdout.includes('module build of 2 in parts') && stdout.includes('module build of 10 in parts'));
  t.regex(stdout, /twice\.multiply +0 /);
  t.deepEqual(await sandbox.settle(), []);
});

test('what dora expand prints runs like the dataflow with its modules', async (t) => {
  const sandbox = new Sandbox(t);
  writeFlow(sandbox);
  const expanded = await sandbox.run('expand', 'flow.yml');
  t.is(expanded.code, 0, expanded.stderr);
  t.false(/module:|_mod|_param/.test(expanded.stdout));
  sandbox.write('flat.yml', expanded.stdout);
  const check = await sandbox.run('check', '--strict', 'flat.yml');
  t.is(check.code, 0, check.stderr);
  const { code, stdout, stderr } = await sandbox.run('run', 'flat.yml');
  t.is(code, 0, stderr);
  t.deepEqual(
    stdout.split('\n').flatMap((line) => /got (\d+)/.exec(line)?.[1] ?? []),
    ['20', '40', '60', '80', '100'],
  );
  t.true(stdout.includes('module build of 2 in parts') && stdout.includes('module build of 10 in parts'));
  t.regex((await sandbox.run('expand', 'parts/double.yml')).stderr, /NOT_A_DATAFLOW.* is a module, not a dataflow/);
});

test('a mistake inside a module stops the start and names the file', async (t) => {
  const sandbox = new Sandbox(t);
  writeFlow(sandbox);
  sandbox.write('parts/double.yml', doubler.replace('_mod/in', '_mod/inn'));
  const { code, stderr } = await sandbox.run('run', 'flow.yml');
  t.is(code, 1);
  t.regex(stderr, /^parts\/double\.yml:7:19 error UNKNOWN_SOURCE/);
  t.regex(stderr, /Did you mean "in"\?.*Included by flow\.yml:3\./);
});

test('a node from a repository is cloned, built in the clone and started; its commit is printed', async (t) => {
  const sandbox = new Sandbox(t);
  const repository = path.join(sandbox.folder, 'repo');
  sandbox.write('repo/say.sh', '#!/bin/sh\necho "said $(cat made) in $(basename "$PWD")"\n');
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      cwd: repository,
      encoding: 'utf8',
    }).trim();
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('commit', '--quiet', '-m', 'x');
  const commit = git('rev-parse', 'HEAD');
  sandbox.write(
    'flow.yml',
    `nodes: [{ id: say, git: repo, rev: ${commit}, build: "echo it is made > made", path: ./say.sh }]\n`,
  );
  const built = await sandbox.run('build', 'flow.yml');
  t.is(built.code, 0, built.stderr);
  const both = await Promise.all([sandbox.run('run', 'flow.yml'), sandbox.run('run', 'flow.yml')]);
  for (const { code, stdout, stderr } of both) {
    t.is(code, 0, stderr);
    t.regex(stderr, new RegExp(`fetch {2}say: .*repo \\(rev ${commit}\\)\nfetch {2}say: commit ${commit}`));
    t.true(stdout.includes(`said it is made in ${commit}`));
  }
  t.false(existsSync(path.join(repository, 'made')));
  sandbox.write('flow.yml', 'nodes: [{ id: say, git: repo, branch: nothing, path: ./say.sh }]\n');
  const failed = await sandbox.run('run', 'flow.yml');
  t.is(failed.code, 1);
  t.regex(failed.stderr, /GIT_REVISION_UNKNOWN.*no branch "nothing"/);
  t.deepEqual(await sandbox.settle(), []);
});

test('a program is downloaded, checked and started, also by an interpreter', async (t) => {
  const sandbox = new Sandbox(t);
  const program = "console.log('downloaded', process.argv[2]);\n";
  const server = createServer((_request, response) => response.end(program)).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/bin/hello.mjs`;
  const sha256 = createHash('sha256').update(program).digest('hex');
  sandbox.write('flow.yml', `nodes: [{ id: hello, path: "${url}", path_sha256: "${sha256}", args: there }]\n`);
  const { code, stdout, stderr } = await sandbox.run('run', 'flow.yml');
  t.is(code, 0, stderr);
  t.true(stdout.includes('downloaded there'));
  t.true(stderr.includes(`fetch  hello: sha256 ${sha256}`));
  sandbox.write('flow.yml', `nodes: [{ id: hello, path: "${url}", path_sha256: "${'0'.repeat(64)}" }]\n`);
  const wrong = await sandbox.run('run', 'flow.yml');
  t.is(wrong.code, 1);
  t.regex(wrong.stderr, /CHECKSUM_MISMATCH/);
});

test('a shell node runs when it is allowed, by option or environment', async (t) => {
  const sandbox = new Sandbox(t);
  sandbox.write(
    'flow.yml',
    'nodes: [{ id: sh, path: shell, args: "echo $WORD | tr a-z A-Z > out", env: { WORD: hello } }]\n',
  );
  const refused = await sandbox.run('run', 'flow.yml');
  t.is(refused.code, 1);
  t.regex(refused.stderr, /SHELL_NOT_ALLOWED[^]*--allow-shell-nodes/);
  const out = path.join(sandbox.folder, 'out');
  t.false(existsSync(out));
  t.is((await sandbox.run('run', 'flow.yml', '--allow-shell-nodes')).code, 0);
  t.is(readFileSync(out, 'utf8'), 'HELLO\n');
  t.is((await sandbox.dora(['run', 'flow.yml'], { DORA_ALLOW_SHELL_NODES: '1' }).finished).code, 0);
});
