/** TypeScript programs: what the compiled file does, and when the cache may be used. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { CompileCache } from '../../../lib/daemon/compile-cache.js';
import { compileTypeScript } from '../../../lib/daemon/compile.js';
import { DoraError } from '../../../lib/errors.js';

class Project {
  readonly folder: string;
  readonly cache: CompileCache;

  constructor(t: ExecutionContext) {
    this.folder = mkdtempSync(path.join(tmpdir(), 'dora compile ü-'));
    this.cache = new CompileCache(path.join(this.folder, 'cache'));
    t.teardown(() => {
      rmSync(this.folder, { recursive: true });
    });
  }

  write(name: string, text: string): string {
    const file = path.join(this.folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  async run(file: string, ...args: string[]): Promise<string> {
    const compiled = await compileTypeScript(file, this.cache);
    const env = { ...process.env, NODE_OPTIONS: '' };
    return execFileSync(process.execPath, ['--enable-source-maps', compiled, ...args], {
      encoding: 'utf8',
      env,
    }).trim();
  }
}

test('relative imports, import.meta, arguments and the #! line are those of the source', async (t) => {
  const project = new Project(t);
  project.write('lib/x.ts', 'export const x: number = 1;\nexport const url = import.meta.url;\n');
  const file = project.write(
    'main.ts',
    "#!/usr/bin/env node\nimport { x, url } from './lib/x.js';\nimport path from 'node:path';\n" +
      'console.log(JSON.stringify([x, url, import.meta.url, import.meta.dirname, process.argv.slice(1), path.sep]));\n',
  );
  const urlOf = (name: string): string => pathToFileURL(path.join(project.folder, name)).href;
  t.deepEqual(JSON.parse(await project.run(file, 'a')), [
    1,
    urlOf('lib/x.ts'),
    urlOf('main.ts'),
    project.folder,
    [file, 'a'],
    '/',
  ]);
});

test('a stack trace names the line of the source', async (t) => {
  const project = new Project(t);
  const file = project.write(
    'main.ts',
    "interface A { a: number }\nconst a: A = { a: 1 };\ntry { throw new Error('x'); } catch (e) { console.log((e as Error).stack, a, import.meta.url); }\n",
  );
  t.regex(await project.run(file), /main\.ts:3:\d+/);
});

test('packages are not bundled, found from the importing file, and exist once', async (t) => {
  const project = new Project(t);
  project.write('node_modules/counter/package.json', '{"name":"counter","type":"module","exports":"./i.js"}');
  project.write(
    'node_modules/counter/i.js',
    'export let n = 0;\nexport const up = () => ++n;\nexport const at = import.meta.url;\n',
  );
  project.write('sub/other.ts', "import { up } from 'counter';\nup();\n");
  const file = project.write(
    'main.ts',
    "import './sub/other.js';\nimport { up, at } from 'counter';\nconsole.log(up(), at);\n",
  );
  t.is(await project.run(file), `2 ${pathToFileURL(path.join(project.folder, 'node_modules/counter/i.js')).href}`);
});

test('a package that is missing is named with the place of its import', async (t) => {
  const project = new Project(t);
  const file = project.write('main.ts', "import 'no-such-package';\n");
  const error = await t.throwsAsync(compileTypeScript(file, project.cache), { instanceOf: DoraError });
  t.is(error.code, 'COMPILE_FAILED');
  t.regex(error.message, /main\.ts:1:7[^]*no-such-package/);
});

test('the cache is used while nothing changed, and not after any input did', async (t) => {
  const project = new Project(t);
  project.write('x.ts', 'export const x = 1;\n');
  project.write('tsconfig.json', '{"compilerOptions":{"paths":{"@x":["./x.ts"]}}}');
  const file = project.write('main.ts', "import { x } from '@x';\nconsole.log(x);\n");
  const first = await compileTypeScript(file, project.cache);
  t.is(await compileTypeScript(file, project.cache), first);
  project.write('x.ts', 'export const x = 2;\n');
  t.is(await project.run(file), '2');
  project.write('y.ts', 'export const x = 3;\n');
  project.write('tsconfig.json', '{"compilerOptions":{"paths":{"@x":["./y.ts"]}}}');
  t.is(await project.run(file), '3');
  rmSync(path.join(project.folder, 'cache'), { recursive: true });
  t.is(await project.run(file), '3');
});

test('two compilations at once give two good files', async (t) => {
  const project = new Project(t);
  const file = project.write('main.ts', 'console.log(1);\n');
  t.deepEqual(await Promise.all([project.run(file), project.run(file)]), ['1', '1']);
});
