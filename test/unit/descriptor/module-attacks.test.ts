/** Module files that lead nowhere, out of the project, in circles, or without end: one clear error each, and fast. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import test from 'ava';
import { codes, errorsOf, project, readProject } from './helpers.js';

const use = (module: string): string => `nodes: [{ id: a, module: ${JSON.stringify(module)} }]\n`;
const tiny = 'module: { name: m }\nnodes: [{ id: n, path: x }]\n';

test('files that are not there, folders, pipes, dataflows, nodes, binary data and empty files', (t) => {
  const folder = project(t, {
    'flow.yml': '',
    'other.yml': 'nodes: [{ id: a, path: x }]\n',
    'node.yml': 'id: a\npath: x\n',
    'empty.yml': '',
    'list.yml': '- a\n',
    'bad.yml': 'module: {\nnodes: [{ id: a',
    'binary.yml': 'module: \u0000',
    'sub/x': '',
  });
  execFileSync('mkfifo', [path.join(folder, 'pipe')]);
  const expected: Record<string, string[]> = {
    'nothing.yml': ['flow.yml:1:26 FILE_NOT_FOUND'],
    'nothing/at/all.yml': ['flow.yml:1:26 FILE_NOT_FOUND'],
    sub: ['flow.yml:1:26 FILE_NOT_FOUND'],
    '.': ['flow.yml:1:26 FILE_NOT_FOUND'],
    pipe: ['flow.yml:1:26 FILE_NOT_FOUND'],
    'other.yml': ['flow.yml:1:26 NOT_A_MODULE'],
    'node.yml': ['flow.yml:1:26 NOT_A_MODULE'],
    'empty.yml': ['empty.yml:1:1 EMPTY_FILE'],
    'list.yml': ['list.yml:1:1 WRONG_TYPE'],
    'binary.yml': ['flow.yml:1:26 NOT_TEXT'],
    'flow.yml': ['flow.yml:1:26 MODULE_CYCLE'],
    '/etc/passwd': ['flow.yml:1:26 MODULE_OUTSIDE'],
    'C:\\m.yml': ['flow.yml:1:26 MODULE_OUTSIDE'],
    '../m.yml': ['flow.yml:1:26 MODULE_OUTSIDE'],
    'sub/../../../../../../../../etc/passwd': ['flow.yml:1:26 MODULE_OUTSIDE'],
    'a\u0000b': ['flow.yml:1:26 INVALID_VALUE'],
  };
  for (const [module, errors] of Object.entries(expected)) {
    writeFileSync(path.join(folder, 'flow.yml'), use(module));
    t.deepEqual(errorsOf(readProject(folder)), errors, module);
  }
  writeFileSync(path.join(folder, 'flow.yml'), use('bad.yml'));
  t.true(errorsOf(readProject(folder)).every((error) => error.startsWith('bad.yml:')));
});

test('links out of the project are refused, links inside it are followed', (t) => {
  const folder = project(t, {
    'outside.yml': tiny,
    'project/flow.yml': use('link.yml'),
    'project/parts/m.yml': tiny,
  });
  const inside = path.join(folder, 'project');
  symlinkSync(path.join(folder, 'outside.yml'), path.join(inside, 'link.yml'));
  t.deepEqual(errorsOf(readProject(inside)), ['flow.yml:1:26 MODULE_OUTSIDE']);
  symlinkSync(folder, path.join(inside, 'up'));
  writeFileSync(path.join(inside, 'flow.yml'), use('up/outside.yml'));
  t.deepEqual(errorsOf(readProject(inside)), ['flow.yml:1:26 MODULE_OUTSIDE']);
  symlinkSync('parts/m.yml', path.join(inside, 'good.yml'));
  writeFileSync(path.join(inside, 'flow.yml'), use('good.yml'));
  // The module's own folder is where its file lies; the project's name is the one that the caller used.
  symlinkSync(inside, path.join(folder, 'alias'));
  const { dataflow } = readProject(path.join(folder, 'alias'));
  t.is(dataflow!.nodes[0]!.folder, path.join(folder, 'alias/parts'));
});

test('a circle of modules is named with every file in it', (t) => {
  const folder = project(t, {
    'flow.yml': use('x/a.yml'),
    'x/a.yml': 'module: { name: a }\nnodes: [{ id: b, module: b.yml }]\n',
    'x/b.yml': 'module: { name: b }\nnodes: [{ id: c, module: ../x/a.yml }]\n',
  });
  const result = readProject(folder);
  t.deepEqual(errorsOf(result), ['x/b.yml:2:26 MODULE_CYCLE']);
  t.regex(result.diagnostics[0]!.message, /flow\.yml -> x\/a\.yml -> x\/b\.yml -> x\/a\.yml/);
  t.regex(result.diagnostics[0]!.hint!, /Included by x\/a\.yml:2\. Included by flow\.yml:1\./);
  const alone = readProject(folder, {}, 'x/b.yml');
  t.deepEqual(errorsOf(alone), ['x/a.yml:2:26 MODULE_CYCLE']);
});

/** `m1.yml` names `m2.yml` and so on, `width` times each; the last has a node. */
function tower(levels: number, width: number): Record<string, string> {
  const files: Record<string, string> = { 'flow.yml': use('m1.yml') };
  for (let level = 1; level <= levels; level += 1) {
    const nodes = Array.from({ length: width }, (_, i) => `{ id: n${i}, module: m${level + 1}.yml }`);
    const inside = level === levels ? '{ id: n, path: x }' : nodes.join(', ');
    files[`m${level}.yml`] = `module: { name: m }\nnodes: [${inside}]\n`;
  }
  return files;
}

test('eight modules deep are possible, nine are not', (t) => {
  t.is(readProject(project(t, tower(8, 1))).dataflow!.nodes[0]!.id, 'a.n0.n0.n0.n0.n0.n0.n0.n');
  const result = readProject(project(t, tower(9, 1)));
  t.deepEqual(errorsOf(result), ['m8.yml:2:27 MODULE_TOO_DEEP']);
  t.regex(result.diagnostics[0]!.message, /flow\.yml -> m1\.yml -> .* -> m9\.yml/);
});

test('modules that multiply are stopped with one error', (t) => {
  const result = readProject(project(t, tower(8, 30)));
  t.is(errorsOf(result).length, 1);
  t.regex(errorsOf(result)[0]!, /^m\d\.yml:2:\d+ TOO_MANY_NODES$/);
  // Modules without nodes would multiply unseen.
  const empty = tower(8, 30);
  empty['m8.yml'] = 'module: { name: m }\nnodes: []\n';
  t.is(errorsOf(readProject(project(t, empty))).length, 1);
});

test('a huge module is read once, and used as often as the limit allows', (t) => {
  const inputs = Array.from({ length: 50_000 }, (_, i) => `i${i}: n/o`).join(', ');
  const folder = project(t, {
    'flow.yml': `nodes: [${Array.from({ length: 500 }, (_, i) => `{ id: a${i}, module: m.yml }`).join(', ')}]\n`,
    'm.yml': `module: { name: m }\nnodes: [{ id: n, path: x, inputs: { ${inputs} }, outputs: [o] }]\n`,
    'huge.yml': `module: { name: m }\nnodes: []\nx-a: ${'x'.repeat(5_000_000)}\n`,
  });
  t.deepEqual(
    errorsOf(readProject(folder)).map((error) => error.split(' ')[1]),
    ['TOO_MANY_NODES'],
  );
  writeFileSync(path.join(folder, 'flow.yml'), use('huge.yml'));
  t.deepEqual(errorsOf(readProject(folder)), ['flow.yml:1:26 FILE_TOO_LARGE']);
});

test('ten thousand uses of a module with a mistake are told as one mistake', (t) => {
  const folder = project(t, {
    'flow.yml': `nodes:\n${Array.from({ length: 10_000 }, (_, i) => `  - { id: a${i}, module: m.yml }`).join('\n')}\n`,
    'm.yml': 'module: { name: m }\nnodes: [{ id: n, path: x, inputs: { i: m/o }, outputs: [o] }]\n',
  });
  t.deepEqual(
    codes(readProject(folder).diagnostics).filter((code) => code.includes('error')),
    ['2:40 error UNKNOWN_SOURCE'],
  );
});

test('alias bombs in a module, and names of JavaScript objects', (t) => {
  const outputs = Array.from({ length: 2000 }, (_, i) => `o${i}`).join(',');
  const folder = project(t, {
    'flow.yml': use('bomb.yml'),
    'bomb.yml': `module: { name: m }\nx-o: &o [${outputs}]\nx-n: &n { path: x, outputs: *o }\nnodes: [${Array.from({ length: 2000 }, (_, i) => `{ <<: *n, id: n${i} }`).join(',')}]\n`,
    'names.yml': `nodes:
  - id: m
    module: names.module.yml
    inputs: { constructor: m/toString }
    params: { __proto__: 1, constructor: 2, toString: 3 }
`,
    'names.module.yml': `module: { name: __proto__, inputs: [constructor], outputs: [toString, __proto__] }
nodes:
  - { id: valueOf, path: "\${_param.__proto__}", args: "$PARAM_CONSTRUCTOR \${_param.toString} \${_param.valueOf}", inputs: { i: _mod/constructor }, outputs: [toString] }
`,
  });
  t.true(errorsOf(readProject(folder)).some((error) => /^bomb\.yml:.* TOO_MANY_ALIASES$/.test(error)));
  const result = readProject(folder, {}, 'names.yml');
  t.deepEqual(errorsOf(result), [
    'names.module.yml:1:71 INVALID_NAME',
    'names.module.yml:1:71 MODULE_OUTPUT',
    'names.module.yml:3:55 UNDEFINED_VARIABLE',
  ]);
});

test('many modules are one file each, up to a limit', (t) => {
  const files: Record<string, string> = {};
  for (let i = 0; i < 600; i += 1) files[`m${i}.yml`] = tiny;
  files['flow.yml'] = `nodes:\n${Object.keys(files)
    .map((name, i) => `  - { id: a${i}, module: ${name} }`)
    .join('\n')}\n`;
  const folder = project(t, files);
  mkdirSync(path.join(folder, 'unused'));
  const errors = errorsOf(readProject(folder));
  t.deepEqual([...new Set(errors.map((error) => error.split(' ')[1]))], ['FILE_TOO_LARGE']);
});

test('a parameter that a shell line repeats a hundred thousand times is refused, and not built up first', (t) => {
  const folder = project(t, {
    'flow.yml': `nodes: [{ id: a, module: m.yml, params: { p: ${'x'.repeat(120_000)} } }]\n`,
    'm.yml': `module: { name: m }\nnodes: [{ id: n, path: shell, args: "${'${_param.p}'.repeat(100_000)}" }]\n`,
  });
  t.deepEqual(errorsOf(readProject(folder, { allowShellNodes: true })), ['m.yml:2:37 TEXT_TOO_LONG']);
});

test('a shell keeps its own variables, and finds parameters inside its defaults', (t) => {
  const folder = project(t, {
    'flow.yml': 'nodes: [{ id: a, module: m.yml, params: { p: 5 } }]\n',
    'm.yml':
      'module: { name: m }\nnodes: [{ id: n, path: shell, args: "echo $$ $A ${B:-${_param.p}} ${_param.q:-6}" }]\n',
  });
  const { dataflow } = readProject(folder, { allowShellNodes: true });
  t.deepEqual(dataflow?.nodes[0]?.program?.args, ['-c', 'echo $$ $A ${B:-5} 6']);
});
