/** `dora types`: what it writes, when it refuses, and that --watch follows every kind of change. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Sandbox } from '../helpers/cli.js';

const dataflow = (output: string): string => `nodes:
  - { id: camera, path: camera.ts, outputs: [${output}], output_types: { ${output}: robot/v1/Shot } }
  - { id: sink, path: sink.ts, inputs: { in: camera/${output} } }
`;
const shot = 'types: { Shot: { arrow: Float32 } }';

test('writes once, says when it is up to date, and --check fails when it is not', async (t) => {
  const box = new Sandbox(t);
  box.write('flow.yml', dataflow('image'));
  box.write('types/robot/v1.yml', shot);
  const first = await box.run('types', 'flow.yml');
  t.deepEqual([first.code, first.stdout, first.stderr], [0, 'dora-types.ts: written\n', '']);
  const out = path.join(box.folder, 'dora-types.ts');
  const text = readFileSync(out, 'utf8');
  t.regex(text, /export interface CameraIo \{\n {2}inputs: \{\};\n[^]*image: Shot;/);
  const before = statSync(out, { bigint: true });
  t.is((await box.run('types', 'flow.yml')).stdout, 'dora-types.ts: up to date\n');
  t.is(statSync(out, { bigint: true }).mtimeNs, before.mtimeNs, 'not written again');
  t.is((await box.run('types', 'flow.yml', '--check')).code, 0);

  box.write('flow.yml', dataflow('picture'));
  const outdated = await box.run('types', 'flow.yml', '--check');
  t.is(outdated.code, 1);
  t.regex(
    outdated.stderr,
    /^error TYPES_OUTDATED: dora-types\.ts is not what flow\.yml says\n {2}hint: .*dora types flow\.yml$/m,
  );
  t.is(readFileSync(out, 'utf8'), text, '--check writes nothing');
  rmSync(out);
  t.regex((await box.run('types', 'flow.yml', '--check')).stderr, /is not there/);
});

test('--out names a file, makes its folder, and - is standard output', async (t) => {
  const box = new Sandbox(t);
  box.write('flow.yml', dataflow('image').replace('robot/v1/Shot', 'std/core/v1/Bool'));
  t.is((await box.run('types', 'flow.yml', '--out', 'src/gen/io.ts')).stdout, 'src/gen/io.ts: written\n');
  const printed = await box.run('types', 'flow.yml', '--out', '-');
  t.is(printed.stdout, readFileSync(path.join(box.folder, 'src/gen/io.ts'), 'utf8'));
  for (const flag of ['--watch', '--check']) {
    const refused = await box.run('types', 'flow.yml', '--out', '-', flag);
    t.is(refused.code, 2);
    t.regex(refused.stderr, /error INVALID_ARGUMENT/);
  }
  t.is((await box.run('types', 'flow.yml', '--watch', '--check')).code, 2);
});

test('errors of the dataflow are shown and nothing is written; another file is never written over', async (t) => {
  const box = new Sandbox(t);
  box.write('flow.yml', dataflow('image').replace('camera/image', 'camera/imag'));
  const wrong = await box.run('types', 'flow.yml');
  t.is(wrong.code, 1);
  t.regex(wrong.stderr, /error UNKNOWN_SOURCE/);
  t.throws(() => statSync(path.join(box.folder, 'dora-types.ts')), { code: 'ENOENT' });

  box.write('flow.yml', dataflow('image'));
  box.write('mine.ts', 'export const mine = 1;\n');
  const refused = await box.run('types', 'flow.yml', '--out', 'mine.ts');
  t.is(refused.code, 1);
  t.regex(refused.stderr, /error FILE_NOT_OURS/);
  t.is(readFileSync(path.join(box.folder, 'mine.ts'), 'utf8'), 'export const mine = 1;\n');
  t.regex((await box.run('types', 'flow.yml', '--out', 'mine.ts/x.ts')).stderr, /error FILE_NOT_WRITTEN/);
  box.write('module.yml', 'module: { name: m }\nnodes: [{ id: a, path: x }]\n');
  t.regex((await box.run('types', 'module.yml')).stderr, /error NOT_A_DATAFLOW/);
});

test('--watch follows changes, survives what is broken or gone, and ends by a signal', async (t) => {
  const box = new Sandbox(t);
  const file = box.write('flow.yml', dataflow('first'));
  const command = box.dora(['types', 'flow.yml', '--watch']);
  const has = async (words: string): Promise<void> => {
    await until(() => readIfThere(path.join(box.folder, 'dora-types.ts')).includes(words), words, command);
  };
  const said = async (words: string): Promise<void> => {
    await until(() => command.stderr.includes(words), words, command);
  };
  await has('first: unknown;');
  mkdirSync(path.join(box.folder, 'types', 'robot'), { recursive: true });
  box.write('types/robot/v1.yml', shot);
  await has('first: Shot;');
  box.write('types/robot/v1.yml', shot.replace('Float32', 'Utf8'));
  await has('export type Shot = string;');
  box.write('types/robot/v1.yml', shot.replace('Float32', 'Nope'));
  await said('error INVALID_VALUE');
  box.write('types/robot/v1.yml', shot);
  await has('export type Shot = number;');
  writeFileSync(file, 'nodes: [');
  await said('error YAML_SYNTAX');
  await has('first: Shot;');
  // As editors do: a new file in the place of the old one.
  box.write('flow.tmp', dataflow('second'));
  renameSync(path.join(box.folder, 'flow.tmp'), file);
  await has('second: Shot;');
  rmSync(file);
  await said('error FILE_NOT_FOUND');
  writeFileSync(file, dataflow('third'));
  await has('third: Shot;');
  command.kill('SIGINT');
  const { code, signal } = await command.finished;
  t.deepEqual([code, signal], [0, null]);
  t.deepEqual(box.processes(), []);
});

test('--watch follows the files of modules, also one that comes later', async (t) => {
  const box = new Sandbox(t);
  box.write('flow.yml', 'nodes: [{ id: arm, module: parts/arm.yml }]\n');
  const command = box.dora(['types', 'flow.yml', '--watch']);
  const has = async (words: string): Promise<void> => {
    await until(() => readIfThere(path.join(box.folder, 'dora-types.ts')).includes(words), words, command);
  };
  await until(() => command.stderr.includes('error FILE_NOT_FOUND'), 'FILE_NOT_FOUND', command);
  const arm = (output: string): string =>
    `module: { name: arm }\nnodes: [{ id: joint, path: x, outputs: [${output}] }]\n`;
  box.write('parts/arm.yml', arm('angle'));
  await has('angle: unknown;');
  box.write('parts/arm.yml', arm('torque'));
  await has('torque: unknown;');
  command.kill('SIGTERM');
  t.is((await command.finished).code, 0);
});

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

async function until(what: () => boolean, words: string, command: { stdout: string; stderr: string }): Promise<void> {
  const end = Date.now() + 30_000;
  while (!what()) {
    if (Date.now() > end) throw new Error(`no ${words}:\n${command.stdout}\n${command.stderr}`);
    await sleep(20);
  }
}

test('a pipe or device is not written to: it is no file to compare with, and may never end', async (t) => {
  const box = new Sandbox(t);
  box.write('flow.yml', 'nodes:\n  - { id: a, path: a.ts, inputs: { tick: dora/timer/hz/1 } }\n');
  execFileSync('mkfifo', [path.join(box.folder, 'pipe')]);
  for (const args of [[], ['--check']]) {
    const { code, stderr } = await box.run('types', 'flow.yml', '--out', 'pipe', ...args);
    t.is(code, 1);
    t.regex(stderr, /FILE_NOT_WRITTEN: pipe cannot be written: it is a device, pipe or socket\n.*- is standard output/);
  }
  t.true(statSync(path.join(box.folder, 'pipe')).isFIFO());
});
