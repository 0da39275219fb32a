/** `dora check` as a user runs it: several files, standard input, formats, exit codes. */

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { Sandbox, type Finished } from '../helpers/cli.js';

const good = 'nodes:\n  - id: a\n    path: a.js\n';
const bad = 'nodes:\n  - id: a\n    pth: a.js\n';
const unread = 'nodes:\n  - id: a\n    path: a.js\n    outputs: [x]\n';

async function check(box: Sandbox, args: readonly string[], input = '', env = {}): Promise<Finished> {
  const command = box.dora(['check', ...args], env, 'pipe');
  command.child.stdin?.end(input);
  return await command.finished;
}

test('each file has its verdict, one that is missing as well, and there is one for all', async (t) => {
  const box = new Sandbox(t);
  box.write('a.js', '');
  box.write('good.yml', good);
  box.write('bad.yml', bad);
  const { code, stdout, stderr } = await check(box, ['bad.yml', 'missing.yml', 'good.yml']);
  t.is(code, 1);
  t.is(stdout, 'bad.yml: 2 errors\nmissing.yml: 1 error\ngood.yml: no problems\n3 files, 1 in order: 3 errors\n');
  t.regex(stderr, /bad\.yml:3:5 error UNKNOWN_KEY/);
  t.regex(stderr, /missing\.yml:1:1 error FILE_NOT_FOUND/);
  const one = await box.run('validate', 'good.yml');
  t.deepEqual([one.code, one.stdout, one.stderr], [0, 'good.yml: no problems\n', '']);
});

test('one run tells all mistakes of all files, whatever they are', async (t) => {
  const box = new Sandbox(t);
  const words = path.resolve('test/fixtures/descriptor/words');
  const letters = Array.from('abcdefghi');
  const bomb = letters.map(
    (name, i) =>
      `x-${name}: &${name} [${Array(9)
        .fill(i === 0 ? 'o' : `*${letters[i - 1]}`)
        .join(',')}]`,
  );
  const files: Record<string, [text: string, codes: string[]]> = {
    'syntax.yml': ['nodes:\n  - id: a\n    args: "open\n', ['YAML_SYNTAX']],
    'empty.yml': ['', ['EMPTY_FILE']],
    'documents.yml': [`${good}---\n${good}`, ['PROGRAM_NOT_FOUND', 'SEVERAL_DOCUMENTS']],
    'junk.yml': ['\u007fELF\u0000\u0001', ['NOT_TEXT']],
    'huge.yml': ['x'.repeat(10_000_000), ['FILE_TOO_LARGE']],
    'bomb.yml': [`${bomb.join('\n')}\nnodes: *i\n`, ['WRONG_TYPE']],
    'unread.yml': [unread, ['PROGRAM_NOT_FOUND', 'UNREAD_OUTPUT']],
  };
  for (const [name, [text]] of Object.entries(files)) box.write(name, text);
  const every = path.join(words, 'every-mistake.yml');
  const cluster = path.join(words, 'cluster.yml');
  const { code, stdout } = await check(box, [every, ...Object.keys(files), '--cluster', cluster, '--json']);
  t.is(code, 1);
  const report = JSON.parse(stdout) as { files: { file: string; diagnostics: { code: string; hint?: string }[] }[] };
  t.is(report.files.length, 8);
  for (const { file, diagnostics } of report.files) {
    t.true(diagnostics.every(({ hint }) => hint !== undefined));
    if (file === every) t.true(new Set(diagnostics.map((found) => found.code)).size >= 20);
    else t.deepEqual([...new Set(diagnostics.map((found) => found.code))], files[file]![1], file);
  }
});

test('standard input counts as a file whose paths start where its name lies', async (t) => {
  const box = new Sandbox(t);
  mkdirSync(`${box.folder}/sub`);
  box.write('sub/a.js', '');
  const here = await check(box, ['-'], good);
  t.is(here.code, 1);
  t.regex(here.stderr, /^<stdin>:3:11 error PROGRAM_NOT_FOUND/);
  const there = await check(box, ['-', '--stdin-filename', 'sub/f.yml'], good);
  t.deepEqual([there.code, there.stdout], [0, 'sub/f.yml: no problems\n']);
});

test('warnings fail with --strict only; -q and --no-files leave out what they say', async (t) => {
  const box = new Sandbox(t);
  box.write('f.yml', unread);
  const programs = await check(box, ['f.yml']);
  t.is(programs.code, 1);
  t.regex(programs.stderr, /PROGRAM_NOT_FOUND/);
  const lenient = await check(box, ['f.yml', '--no-files']);
  t.deepEqual([lenient.code, lenient.stdout], [0, 'f.yml: 1 warning\n']);
  t.regex(lenient.stderr, /UNREAD_OUTPUT/);
  box.write('part.yml', 'nodes:\n  - id: a\n    path: a.js\n    inputs: { i: planner/plan }\n');
  const part = await check(box, ['part.yml', '--no-files']);
  t.deepEqual([part.code, part.stdout], [0, 'part.yml: 1 warning\n']);
  t.is((await check(box, ['part.yml', '--no-files', '--strict'])).code, 1);
  const quiet = await check(box, ['f.yml', '--no-files', '-q']);
  t.deepEqual([quiet.code, quiet.stdout, quiet.stderr], [0, '', '']);
  const strict = await check(box, ['f.yml', '--no-files', '--strict', '-q']);
  t.is(strict.code, 1);
  t.regex(strict.stderr, /UNREAD_OUTPUT/);
});

test('the formats for programs are whole on stdout, and stderr stays empty', async (t) => {
  const box = new Sandbox(t);
  box.write('bad.yml', bad);
  const json = await check(box, ['bad.yml', '-', '--json'], unread);
  t.deepEqual([json.code, json.stderr], [1, '']);
  const report = JSON.parse(json.stdout) as { ok: boolean; files: { file: string; ok: boolean }[] };
  t.deepEqual(
    report.files.map(({ file, ok }) => [file, ok]),
    [
      ['bad.yml', false],
      ['<stdin>', false],
    ],
  );
  const sarif = await check(box, ['bad.yml', '--format', 'sarif']);
  t.is((JSON.parse(sarif.stdout) as { version: string }).version, '2.1.0');
  const github = await check(box, ['bad.yml', '--format=github'], '', { GITHUB_WORKSPACE: box.folder });
  t.deepEqual([github.code, github.stderr], [1, '']);
  t.regex(github.stdout, /^::error file=bad\.yml,line=3,endLine=3,col=5,endColumn=8,title=UNKNOWN_KEY::/m);
});

test('a wrong command line is exit code 2 and says what was meant', async (t) => {
  const box = new Sandbox(t);
  for (const [args, words] of [
    [['check', '--strct', 'f.yml'], /Did you mean --strict/],
    [['chek', 'f.yml'], /Did you mean check/],
    [['check'], /missing required argument 'file'/],
    [['check', 'f.yml', '--format', 'xml'], /Allowed choices are text, json, sarif, github/],
  ] as const) {
    const { code, stderr } = await box.run(...args);
    t.is(code, 2, args.join(' '));
    t.regex(stderr, words);
  }
});

test('--cluster says which nodes no machine can take', async (t) => {
  const box = new Sandbox(t);
  box.write('cluster.yml', 'coordinator: { addr: 10.0.0.1 }\nmachines:\n  - { id: robot, host: robot.local }\n');
  box.write('f.yml', 'nodes:\n  - { id: a, path: x, deploy: { machine: robot } }\n');
  box.write('g.yml', 'nodes:\n  - { id: a, path: x, deploy: { machine: robt } }\n');
  const { code, stdout, stderr } = await check(box, [
    'f.yml',
    'g.yml',
    'cluster.yml',
    '--no-files',
    '-q',
    '--cluster',
    'cluster.yml',
  ]);
  t.deepEqual([code, stdout], [1, '']);
  t.regex(stderr, /^g\.yml:2:42 error UNKNOWN_MACHINE .*\n.*\n.*\n {2}hint: Did you mean "robot"\?/);
});

test('the name of a file cannot write into the terminal', async (t) => {
  const box = new Sandbox(t);
  const name = 'a\u001b[2J.yml';
  box.write(name, good);
  const { stdout, stderr } = await check(box, [name, `no${name}`]);
  t.notRegex(stdout + stderr, /\u001b/);
  t.regex(stdout, /^a\ufffd\[2J\.yml: /);
});
