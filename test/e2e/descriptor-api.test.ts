/**
 * The package as users get it: `dora-ts/descriptor` resolves in programs and in types (the example of docs/descriptor-api.md compiles and
 * runs), and what else is reached by a path is in it.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import * as descriptor from '../../lib/descriptor/index.js';
import { PackedInstall } from '../helpers/packed.js';
import { root } from '../helpers/source-tree.js';

const page = readFileSync(path.join(root, 'docs/descriptor-api.md'), 'utf8');

const compilerOptions = {
  target: 'ES2022',
  module: 'NodeNext',
  types: ['node'],
  strict: true,
  skipLibCheck: true,
  noEmitOnError: true,
};

let packed: PackedInstall;
test.before(async () => {
  packed = await PackedInstall.make();
});
test.after.always(() => {
  packed.remove();
});

test('pictures of the README, schema and headers are in the package', (t) => {
  const readme = readFileSync(path.join(packed.folder, 'README.md'), 'utf8');
  const pictures = [...readme.matchAll(/!\[[^\]]*\]\(([^):]+)\)/g)].map(([, file]) => file!);
  t.true(pictures.length >= 3);
  for (const file of [...pictures, 'schema.json', 'native/include/dora/node.h', 'native/include/dora/operator.h']) {
    t.true(existsSync(path.join(packed.folder, file)), file);
  }
});

test('the example of the page compiles and runs, and the types are no "any"', async (t) => {
  t.timeout(180_000);
  const folder = path.join(packed.base, 'tool');
  mkdirSync(folder);
  packed.linkInto(folder, ['typescript', '@types/node']);
  const write = (name: string, text: string): void => {
    writeFileSync(path.join(folder, name), text);
  };
  write('package.json', '{"type":"module"}');
  write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['example.ts', 'wrong.ts'] }));
  write('example.ts', /^```ts example\n(.*?)^```$/ms.exec(page)?.[1] ?? t.fail('no example'));
  write(
    'wrong.ts',
    `import { checkFile, type Dataflow } from 'dora-ts/descriptor';
// @ts-expect-error: a file is a text
export const a: () => unknown = () => checkFile(1);
// @ts-expect-error: nodes are a list
export const b = (dataflow: Dataflow): number => dataflow.nodes;
`,
  );
  write(
    'flow.yml',
    `nodes:
  - { id: camera, path: c, inputs: { tick: dora/timer/millis/20 }, outputs: [image] }
  - { id: plot, path: p, inputs: { image: { source: camera/image, queue_size: 3 } } }
`,
  );
  write('bad.yml', 'nodes: [{ id: plot, path: p, inputs: { image: camera/image } }]\n');

  const compiled = await packed.run(folder, path.join(folder, 'node_modules/.bin/typescript'));
  t.deepEqual(compiled, { code: 0, stdout: '', stderr: '' });
  const good = await packed.run(folder, process.execPath, 'example.js', 'flow.yml');
  t.is(good.code, 0, good.stderr);
  t.is(good.stdout, 'a timer of 20000000 ns -> camera/tick, queue 10\ncamera/image -> plot/image, queue 3\n');
  const bad = await packed.run(folder, process.execPath, 'example.js', 'bad.yml');
  t.deepEqual([bad.code, bad.stdout], [1, '']);
  t.regex(bad.stderr, /^bad\.yml:1:\d+ error UNKNOWN_SOURCE/);
});

test('every function that the page lists is exported', (t) => {
  const listed = [...page.matchAll(/^\| `(\w+)\(/gm)].map(([, name]) => name!);
  t.true(listed.length >= 8);
  for (const name of listed) t.is(typeof (descriptor as Record<string, unknown>)[name], 'function', name);
});
