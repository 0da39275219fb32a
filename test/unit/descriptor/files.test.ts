/** Programs, libraries and folders are found where the documentation says, and missing ones are reported by policy. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import {
  checkFile,
  readDataflow,
  resolveLibrary,
  resolveProgram,
  type FilePolicy,
  type Found,
} from '../../../lib/descriptor/index.js';
import { codes } from './helpers.js';

/** A folder with umlauts and a space, removed at the end of the test. */
function folderWith(t: { teardown(f: () => void): void }, files: Record<string, string>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'dora tést-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

const fileOf = (found: Found): string => ('file' in found ? found.file : `none of ${found.tried.join(' ')}`);

test('a library is found with and without prefix and extension', (t) => {
  const folder = folderWith(t, { 'build/libsobel.so': '', 'build/sobel': '', 'build/bare.so': '', 'lib1.so.2': '' });
  const where = { folder, workingDirectory: folder };
  for (const name of ['build/sobel', 'build/libsobel', 'build/libsobel.so', 'build/sobel.so', './build/sobel']) {
    t.is(fileOf(resolveLibrary(name, where)), path.join(folder, 'build/libsobel.so'), name);
  }
  t.is(fileOf(resolveLibrary('build/bare', where)), path.join(folder, 'build/bare.so'));
  t.is(fileOf(resolveLibrary('lib1.so.2', where)), path.join(folder, 'lib1.so.2'));
  t.is(fileOf(resolveLibrary(path.join(folder, 'build/sobel'), where)), path.join(folder, 'build/libsobel.so'));
  const missing = resolveLibrary('build/none', where);
  t.deepEqual(
    'tried' in missing && missing.tried,
    ['libnone.so', 'none.so', 'none'].map((n) => path.join(folder, 'build', n)),
  );
});

test('a program is looked for beside the file, in the working directory, and in PATH for a bare name', (t) => {
  const folder = folderWith(t, { 'node.py': '', 'work/only-here': '', 'bin/tool': '', 'bin/plain': '', python3: '' });
  chmodSync(path.join(folder, 'bin/tool'), 0o755);
  const where = { folder, workingDirectory: path.join(folder, 'work'), path: `relative:${path.join(folder, 'bin')}` };
  t.is(fileOf(resolveProgram('node.py', where)), path.join(folder, 'node.py'));
  t.is(fileOf(resolveProgram('only-here', where)), path.join(folder, 'work/only-here'));
  t.is(fileOf(resolveProgram('tool', where)), path.join(folder, 'bin/tool'));
  t.is(fileOf(resolveProgram('python3', where)), path.join(folder, 'python3'));
  t.true('tried' in resolveProgram('plain', where), 'a file in PATH that may not be executed does not count');
  t.true('tried' in resolveProgram('./tool', where), 'a path is not looked up in PATH');
  t.true('tried' in resolveProgram('bin', where), 'a folder is no program');
});

test('missing files are errors, warnings or nothing, by policy', (t) => {
  const folder = folderWith(t, {
    'dataflow.yml': `nodes:
  - { id: missing, path: a.py }
  - { id: built, path: build/b, build: make }
  - { id: op, operator: { shared-library: build/c, build: make } }
  - { id: away, path: there.py, working-directory: nowhere }
  - { id: there, path: there.py }
  - { id: not-executable, path: ./plain }
  - { id: by-hand, path: dynamic }
`,
    'there.py': '',
    plain: '',
  });
  const file = path.join(folder, 'dataflow.yml');
  const at = (files: FilePolicy): string[] => codes(readDataflow(file, { files }).diagnostics);
  const always = ['2:26 error PROGRAM_NOT_FOUND', '5:52 error FOLDER_NOT_FOUND', '7:33 error NOT_EXECUTABLE'];
  t.deepEqual(at('ignore'), []);
  t.deepEqual(at('allowBuildable'), always);
  const built = (severity: string): string[] => [
    always[0]!,
    `3:24 ${severity} PROGRAM_NOT_FOUND`,
    `4:43 ${severity} PROGRAM_NOT_FOUND`,
    ...always.slice(1),
  ];
  t.deepEqual(at('warnBuildable'), built('warning'));
  t.deepEqual(at('require'), built('error'));
  t.deepEqual(codes(checkFile(file)), built('warning'));
  const [missing] = checkFile(file);
  t.regex(missing!.hint!, /Looked for a\.py/);
});

test('a program or library that the build of another node may make is a warning; a script never is', (t) => {
  const flow = (build: string): string => `nodes:
  - { id: first, path: build/first${build} }
  - { id: second, path: build/second }
  - { id: op, operator: { shared-library: build/c } }
  - { id: script, path: build/s.py }
`;
  const of = (build: string): string[] => {
    const folder = folderWith(t, { 'dataflow.yml': flow(build) });
    return codes(checkFile(path.join(folder, 'dataflow.yml')));
  };
  const all = ['2:24', '3:25', '4:43', '5:25'];
  t.deepEqual(
    of(''),
    all.map((at) => `${at} error PROGRAM_NOT_FOUND`),
  );
  t.deepEqual(
    of(', build: make'),
    all.map((at, index) => `${at} ${index === 3 ? 'error' : 'warning'} PROGRAM_NOT_FOUND`),
  );
});

test('a core that this machine does not have is a diagnostic, where machine and files are looked at', (t) => {
  const folder = folderWith(t, {
    'dataflow.yml': `nodes:
  - { id: a, path: there.py, cpu_affinity: [8191, 8190] }
  - { id: b, custom: { source: there.py, cpu_affinity: [8191] } }
  - { id: c, path: there.py, cpu_affinity: [] }
`,
    'there.py': '',
  });
  const file = path.join(folder, 'dataflow.yml');
  t.deepEqual(codes(readDataflow(file, { files: 'ignore' }).diagnostics), []);
  const { diagnostics } = readDataflow(file, { files: 'require' });
  t.deepEqual(codes(diagnostics), ['2:45 error CPU_NOT_FOUND', '2:51 error CPU_NOT_FOUND', '3:57 error CPU_NOT_FOUND']);
  t.is(diagnostics[0]!.message, 'this machine has no core 8191');
  t.regex(diagnostics[0]!.hint!, /^Its cores are 0/);
});

test('a file that is not there, or is a folder, is a diagnostic', (t) => {
  const folder = folderWith(t, { 'dataflow.yml': 'nodes: []\n' });
  const [none] = checkFile(path.join(folder, 'none.yml'));
  t.like(none, { code: 'FILE_NOT_FOUND', severity: 'error', line: 1 });
  const [isFolder] = checkFile(folder);
  t.like(isFolder, { code: 'FILE_NOT_FOUND' });
  t.regex(isFolder!.hint!, /dataflow\.yml/);
});

test('a device that never ends is cut off', (t) => {
  t.deepEqual(codes(checkFile('/dev/zero')), ['1:1 error FILE_TOO_LARGE']);
});

test('a path that cannot be looked at is not there: below a file, behind links in a circle, too long', (t) => {
  const folder = folderWith(t, { 'a.txt': '', 'types/r/v1.yml': 'types: { X: { arrow: Int8 } }\n' });
  symlinkSync('two', path.join(folder, 'one'));
  symlinkSync('one', path.join(folder, 'two'));
  symlinkSync('loop.yml', path.join(folder, 'types/loop.yml'));
  const long = 'x/'.repeat(3000);
  const text = `nodes:
  - { id: a, path: a.txt/program, working-directory: a.txt }
  - { id: b, path: one/program }
  - { id: c, path: ${long}program, outputs: [o], output_types: { o: r/v1/X }, inputs: { i: c/o } }
  - { id: d, path: ${'y'.repeat(300)} }
  - { id: e, operator: { shared-library: a.txt/library } }
  - { id: f, path: x, working-directory: a.txt }
  - { id: g, module: a.txt/part.yml }
  - { id: h, module: one/part.yml }
`;
  writeFileSync(path.join(folder, 'flow.yml'), text);
  const found = readDataflow(path.join(folder, 'flow.yml')).diagnostics;
  t.deepEqual(codes(found), [
    '2:20 error PROGRAM_NOT_FOUND',
    '2:54 error FOLDER_NOT_FOUND',
    '3:20 error PROGRAM_NOT_FOUND',
    '4:20 error PROGRAM_NOT_FOUND',
    '5:20 error PROGRAM_NOT_FOUND',
    '6:42 error PROGRAM_NOT_FOUND',
    '7:20 error PROGRAM_NOT_FOUND',
    '7:42 error FOLDER_NOT_FOUND',
    '8:22 error FILE_NOT_FOUND',
    '9:22 error FILE_NOT_FOUND',
  ]);
});
