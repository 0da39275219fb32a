/** `--env-file`: what it takes, what it names as wrong, and what wins over what. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { gatherEnv, parseEnvText } from '../../../lib/cli/env-file.js';
import { run } from '../../../lib/cli/run-api.js';
import { DoraError } from '../../../lib/errors.js';
import { project } from '../descriptor/helpers.js';

const messageOf = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    if (error instanceof DoraError && error.code === 'ENV_FILE_INVALID') return error.message;
    throw error;
  }
  return 'no error';
};

test('values, quotes, comments, exports and line ends as dotenv files have them', (t) => {
  const text = [
    '\uFEFF# a robot',
    'PLAIN=left arm  ',
    'EMPTY=',
    '',
    '  export SPEED = 2.5 # m/s',
    `DOUBLE="two\nlines # and \\n"`,
    `SINGLE='a "quoted" $HOME \\n'`,
    'EQUALS=a=b=c',
    'PLAIN2=it is $HOME',
    'TWICE=1',
    'TWICE=2',
  ].join('\r\n');
  t.deepEqual(parseEnvText(text, 'e'), {
    PLAIN: 'left arm',
    EMPTY: '',
    SPEED: '2.5',
    DOUBLE: 'two\nlines # and \n',
    SINGLE: 'a "quoted" $HOME \\n',
    EQUALS: 'a=b=c',
    PLAIN2: 'it is $HOME',
    TWICE: '2',
  });
  t.deepEqual(parseEnvText('', 'e'), {});
});

for (const [what, text, message] of [
  ['a word', 'A=1\n\n# x\nnonsense here\nB=2\n', 'e:4: "nonsense here" is no variable'],
  ['no name', 'A=1\n=x\n', 'e:2: "=x" is no variable'],
  ['a name that starts with a digit', '1A=x\n', 'e:1: "1A=x" is no variable'],
  ['a name with a dot', 'A=1\r\na.b=x\r\n', 'e:2: "a.b" cannot be a variable'],
  ['the name of no map', '__proto__=x\n', 'e:1: "__proto__" cannot be a variable'],
  ['an open quote', 'A="\nB=2\n', 'e:1: the quotes of "A=\\"" are not closed, or something follows them'],
  [
    'text behind a quote',
    'A=1\nB="x" y\n',
    'e:2: the quotes of "B=\\"x\\" y" are not closed, or something follows them',
  ],
  ['a line behind a value of two lines', 'A="1\n2"\nnope\n', 'e:3: "nope" is no variable'],
  ['a long line', `${'x'.repeat(5000)}\n`, `e:1: "${'x'.repeat(57)}…" is no variable`],
] as const) {
  test(`a line that is no variable is named, not passed over: ${what}`, (t) => {
    t.is(
      messageOf(() => parseEnvText(text, 'e')),
      message,
    );
  });
}

test('what is no file of variables says so', (t) => {
  const folder = project(t, { 'binary.env': 'A=\0\n' });
  writeFileSync(path.join(folder, 'latin.env'), Buffer.from('A=é\n', 'latin1'));
  const large = path.join(folder, 'large.env');
  writeFileSync(large, 'A=1\n');
  // It has no blocks on the disk, and is not read to its end either.
  truncateSync(large, 2 ** 36);
  const messages = ['.', 'nope.env', 'binary.env', 'latin.env', 'large.env'].map((name) =>
    messageOf(() => gatherEnv({ envFile: path.join(folder, name) })).replace(folder, ''),
  );
  t.deepEqual(messages, [
    'the file of variables "" is a folder',
    'the file of variables "/nope.env" is not there',
    'the file of variables "/binary.env" is no text in UTF-8',
    'the file of variables "/latin.env" is no text in UTF-8',
    'the file of variables "/large.env" is larger than 1 MiB',
  ]);
});

test('a pipe is read to its end', async (t) => {
  const pipe = path.join(project(t, {}), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const writer = spawn('/bin/sh', ['-c', 'exec 1>"$0"; printf A=1; sleep 0.2; printf "\\nB=2\\n"', pipe]);
  t.deepEqual(gatherEnv({ envFile: pipe }), { A: '1', B: '2' });
  await once(writer, 'close');
});

test('a later file wins over an earlier one, and env over all files', (t) => {
  const folder = project(t, { a: 'A=a\nB=a\nC=a\n', b: 'B=b\nC=b\n' });
  const files = ['a', 'b'].map((name) => path.join(folder, name));
  t.deepEqual(gatherEnv({ envFile: files, env: { C: 'env' } }), { A: 'a', B: 'b', C: 'env' });
  t.deepEqual(gatherEnv({}), {});
});

test('run() takes no step with a file of variables that is wrong', async (t) => {
  const folder = project(t, { bad: 'A 1\n' });
  const dataflow = { nodes: [{ id: 'a', path: '/bin/true' }] };
  await t.throwsAsync(run(dataflow, { envFile: path.join(folder, 'bad') }), {
    instanceOf: DoraError,
    code: 'ENV_FILE_INVALID',
    message: /bad:1: "A 1" is no variable$/,
  });
});
