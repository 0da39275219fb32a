/**
 * `dora new`, from the package as users get it: each template is made, checked, run, type-checked, linted and tested by its own
 * test, and what must not be overwritten is not.
 */

import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { templateNames } from '../../lib/cli/project-template.js';
import { manifest, PackedInstall } from '../helpers/packed.js';

let packed: PackedInstall;
test.before(async () => {
  packed = await PackedInstall.make();
});
test.after.always(() => {
  packed.remove();
});

interface ProjectManifest {
  name: string;
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

/** The node of each template that prints what it decides. */
const printers = { typescript: 'brake', javascript: 'brake', 'c-operator': 'log', 'c-node': 'brake' } as const;

for (const template of templateNames) {
  test.serial(`${template}: a new project checks, compiles, runs and passes its own test`, async (t) => {
    t.timeout(180_000);
    const made = await packed.dora(packed.base, 'new', `a-${template}`, '--template', template);
    t.is(made.code, 0, made.stderr);
    const folder = path.join(packed.base, `a-${template}`);
    const project = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as ProjectManifest;
    t.is(project.name, `a-${template}`);
    t.deepEqual(Object.keys(project.dependencies), ['dora-ts']);
    packed.linkInto(folder, Object.keys(project.devDependencies));

    const checked = await packed.dora(folder, 'check', 'dataflow.yml', '--strict');
    // What `build:` makes is not there yet, which a check says; nothing else may be said.
    const unbuilt = template.startsWith('c-') ? 1 : 0;
    t.is(checked.stderr.match(/ (warning|error) /g)?.length ?? 0, unbuilt, checked.stderr);

    const [bin, run] = [path.join(folder, 'node_modules/.bin'), packed.run.bind(packed, folder)];
    t.deepEqual(await run(path.join(bin, 'typescript')), { code: 0, stdout: '', stderr: '' });
    t.deepEqual(await run(path.join(bin, 'eslint'), '--max-warnings=0', '.'), { code: 0, stdout: '', stderr: '' });

    const running = packed.start(folder, 'run', 'dataflow.yml');
    await running.printed('90 cm: brake');
    running.kill('SIGINT');
    const ran = await running.finished;
    t.is(ran.code, 0, ran.stdout + ran.stderr);
    t.regex(ran.stdout, new RegExp(`^${printers[template]} +\\| 200 cm: drive$`, 'm'));

    if (unbuilt > 0) {
      const again = await packed.dora(folder, 'check', 'dataflow.yml', '--strict');
      t.deepEqual([again.code, again.stdout], [0, 'dataflow.yml: no problems\n']);
    }
    const tested = await run('npm', 'test', '--silent');
    t.is(tested.code, 0, tested.stdout + tested.stderr);
    t.regex(tested.stdout, /pass 1\b/);
  });
}

test('the versions that templates ask for are those that this repository is tested with', async (t) => {
  for (const template of templateNames) {
    const file = path.join(packed.folder, 'templates/new', template, 'package.json');
    const { dependencies, devDependencies } = JSON.parse(readFileSync(file, 'utf8')) as ProjectManifest;
    t.deepEqual(dependencies, { 'dora-ts': '^{{version}}' });
    const major = (range = ''): string | undefined => /\d+/.exec(range)?.[0];
    for (const [name, range] of Object.entries(devDependencies)) {
      t.is(major(range), major(manifest.devDependencies[name]), name);
    }
  }
});

test('what is there is never overwritten, and a name is checked before anything is written', async (t) => {
  const folder = path.join(packed.base, 'refused');
  mkdirSync(path.join(folder, 'full'), { recursive: true });
  writeFileSync(path.join(folder, 'full/README.md'), 'mine');
  writeFileSync(path.join(folder, 'file'), 'mine');
  symlinkSync('nowhere', path.join(folder, 'dangling'));
  for (const [name, words] of [
    ['full', /FOLDER_NOT_EMPTY: the folder full is not empty: it holds README\.md/],
    ['file', /FOLDER_NOT_EMPTY: file is there and is no folder/],
    ['dangling', /FOLDER_NOT_EMPTY/],
    ['file/robot', /WRITE_FAILED: file\/robot cannot be made: ENOTDIR/],
    ['My Robot', /INVALID_PROJECT_NAME[^]*dora new my-robot/],
    ['dora-ts', /INVALID_PROJECT_NAME[^]*the package it will depend on/],
    ['.hidden', /INVALID_PROJECT_NAME/],
    ['fs', /INVALID_PROJECT_NAME: .*core module/],
    ['node_modules', /INVALID_PROJECT_NAME/],
    ['..', /INVALID_PROJECT_NAME|FOLDER_NOT_EMPTY/],
  ] as const) {
    const { code, stdout, stderr } = await packed.dora(folder, 'new', name);
    t.is(code, 1, name);
    t.is(stdout, '');
    t.regex(stderr, words);
  }
  t.deepEqual(readdirSync(folder).sort(), ['dangling', 'file', 'full']);
  t.is(readFileSync(path.join(folder, 'full/README.md'), 'utf8'), 'mine');
  t.is((await packed.dora(folder, 'new', 'x', '-t', 'cobol')).code, 2);
});

test('a project can be made in an empty folder, also the current one with a new repository in it', async (t) => {
  const folder = path.join(packed.base, 'here');
  mkdirSync(path.join(folder, '.git'), { recursive: true });
  const { code, stdout, stderr } = await packed.dora(folder, 'new', '.');
  t.is(code, 0, stderr);
  t.notRegex(stdout, /cd /);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  t.true(files.includes('.gitignore') && files.includes('src/brake.ts') && files.includes('.vscode/extensions.json'));
  for (const file of files.filter((name) => /\.\w+$/.test(name) && name !== '.git' && name !== '.vscode')) {
    t.notRegex(readFileSync(path.join(folder, file), 'utf8'), /\{\{\w+\}\}/, file);
  }
  const yaml = readFileSync(path.join(folder, 'dataflow.yml'), 'utf8');
  t.regex(yaml, /^# yaml-language-server: \$schema=node_modules\/dora-ts\/schema\.json\n/);
});
