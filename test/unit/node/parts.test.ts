/**
 * Parts of lib/node and lib/native that need no dataflow: ids, log lines, the addon's place, the words both sides share.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import { DoraError } from '../../../lib/errors.js';
import { Logger } from '../../../lib/index.js';
import { Control, EventKind, Field, Flag, Limits, Waiting } from '../../../lib/native/binding.js';
import { load } from '../../../lib/native/load.js';
import { Ids } from '../../../lib/node/ids.js';

test('ids: known ones have an index, unknown ones a suggestion', (t) => {
  const ids = new Ids('camera', 'output', ['image', 'depth', 'constructor']);
  t.is(ids.index('depth'), 1);
  t.is(ids.index('constructor'), 2);
  t.throws(() => ids.index('imgae'), {
    instanceOf: TypeError,
    message: 'node "camera" has no output "imgae"; it has image, depth, constructor. Did you mean "image"?',
  });
  t.throws(() => ids.index('toString'), { instanceOf: TypeError });
  t.throws(() => ids.index('zzz'), { message: /it has image, depth, constructor$/ });
  t.throws(() => ids.index(5 as unknown as string), { message: /ids are strings, and this is number/ });
  t.throws(() => ids.index('\u001b[31m'), { message: /"\\u001b\[31m"/ });
  t.throws(() => new Ids('camera', 'input', []).index('x'), { message: /declares no inputs/ });
});

test('log lines have a level and fields, and stay lines', (t) => {
  const lines: string[] = [];
  const log = new Logger('debug', (line) => lines.push(line));
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  log.trace('not written');
  log.debug('small');
  log.info('two\nlines', {
    text: 'plain',
    words: 'two words',
    n: 1.5,
    big: 5n,
    nested: { a: [1n] },
    nothing: undefined,
    circular,
  });
  log.warn('warned');
  log.error('failed', { error: new DoraError('X', 'why') });
  t.deepEqual(lines.slice(0, 3), [
    'DEBUG small\n',
    'INFO  two\n      lines text=plain words="two words" n=1.5 big=5 nested={"a":["1"]} nothing=undefined circular="(circular)"\n',
    'WARN  warned\n',
  ]);
  t.regex(lines[3]!, /^ERROR failed error="DoraError: why\\n.*"\n$/);
  new Logger('off', (line) => lines.push(line)).error('never');
  t.is(lines.length, 4);
  new Logger('nonsense', (line) => lines.push(line)).debug('info is the default');
  t.is(lines.length, 4);
});

test('an addon that is missing or broken says what to run', (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'dora-test-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const missing = t.throws(() => load(folder), { instanceOf: DoraError, code: 'ADDON_MISSING' });
  t.true(missing.hint!.includes(`cd ${folder} && npm run build:native`));
  mkdirSync(path.join(folder, 'build/Release'), { recursive: true });
  writeFileSync(path.join(folder, 'build/Release/dora_native.node'), 'not a library');
  const broken = t.throws(() => load(folder), { instanceOf: DoraError, code: 'ADDON_BROKEN' });
  t.true(broken.hint!.includes('npm run build:native'));
  t.truthy(broken.cause);
});

test('in Electron an addon that was built for Node.js is refused before it touches V8, with the command that builds it', (t) => {
  const program = `
    import { loadNative } from './lib/native/load.ts';
    Object.defineProperty(process, 'versions', { value: { ...process.versions, electron: '33.0.0' } });
    try { loadNative(); } catch (error) { console.log(error.code, error.message, error.hint); }`;
  const said = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
    cwd: new URL('../../../', import.meta.url),
    encoding: 'utf8',
  });
  t.regex(said, /^ADDON_BROKEN .*it was compiled for Node\.js \d+ .*@electron\/rebuild/);
});

test('native/addon/control_words.h has the words of binding.ts', (t) => {
  const header = readFileSync(new URL('../../../native/addon/control_words.h', import.meta.url), 'utf8');
  const words = new Map<string, number>();
  for (const [, name, value] of header.matchAll(/constexpr u?int32_t k(\w+) = ([\d *]+);/g)) {
    words.set(
      name!,
      value!.split('*').reduce((product, factor) => product * Number(factor), 1),
    );
  }
  const pascal = (name: string): string => name[0]!.toUpperCase() + name.slice(1);
  const expected: Record<string, number> = {};
  for (const [name, value] of Object.entries(Control)) expected[pascal(name)] = value;
  for (const [name, value] of Object.entries(Waiting)) expected[pascal(name)] = value;
  for (const [name, value] of Object.entries(Field)) expected[name === 'handle' ? 'HandleField' : pascal(name)] = value;
  for (const [name, value] of Object.entries(Flag)) expected[`Flag${pascal(name)}`] = value;
  for (const [name, value] of Object.entries(Limits)) expected[pascal(name)] = value;
  t.true(Object.keys(expected).length > 30);
  words.delete('ControlWords');
  t.deepEqual(Object.fromEntries([...words].sort()), Object.fromEntries(Object.entries(expected).sort()));
});

test('native/node/node.h has the event kinds of binding.ts', (t) => {
  const header = readFileSync(new URL('../../../native/node/node.h', import.meta.url), 'utf8');
  const names = /enum class EventType : uint8_t \{([^}]*)\}/
    .exec(header)![1]!
    .split(',')
    .map((name) => name.trim());
  const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  t.deepEqual(Object.fromEntries(names.map((name, index) => [camel(name), index])), { ...EventKind });
});
