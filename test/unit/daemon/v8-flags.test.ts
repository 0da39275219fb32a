/** Which thresholds of V8 each node of a dataflow gets. */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { outOfStep } from '../../../lib/daemon/v8-flags.js';
import { setV8Flags } from '../../../lib/node/membership.js';

const cores = availableParallelism();

test('nodes that can have a core each keep the defaults of V8', async (t) => {
  for (let place = 0; place < cores; place += 1) t.deepEqual(await outOfStep(place, cores), []);
});

test('of more nodes than cores each has thresholds of its own, the first those of V8', async (t) => {
  const nodes = cores + 100;
  const flags = await Promise.all(Array.from({ length: nodes }, (_, place) => outOfStep(place, nodes)));
  t.deepEqual(flags[0], [
    '--interrupt-budget=67584',
    '--gc-memory-reducer-start-delay-ms=8000',
    '--minor-gc-task-trigger=80',
  ]);
  for (const index of [0, 1]) t.is(new Set(flags.map((all) => all[index])).size, nodes);
  // Whole percents from 80 down to 30.
  t.true(new Set(flags.map((all) => all[2])).size > 45);

  const defaults = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }).stdout;
  for (const flag of flags[0] ?? []) t.true(defaults.includes(`default: ${flag}\n`), `${flag} is not the default`);
});

test('neighbours are far apart', async (t) => {
  const delays = await Promise.all(
    Array.from({ length: 100 }, async (_, place) => Number((await outOfStep(place, cores + 100))[1]?.split('=')[1])),
  );
  for (const [place, delay] of delays.slice(1).entries()) t.true(Math.abs(delay - (delays[place] ?? 0)) > 10_000);
});

test('Node.js starts with them', async (t) => {
  const flags = await outOfStep(7, cores + 8);
  t.is(flags.length, 3);
  const { status, stdout } = spawnSync(process.execPath, [...flags, '-p', '1 + 1'], { encoding: 'utf8' });
  t.deepEqual({ status, stdout }, { status: 0, stdout: '2\n' });
});

test.serial('a node sets what its environment says, and no argument of its process', async (t) => {
  let tries = 0;
  const isSet = (): boolean => {
    try {
      // A text that was compiled before is not compiled again.
      runInNewContext(`%IsBeingInterpreted() // ${(tries += 1)}`);
      return true;
    } catch {
      return false;
    }
  };
  for (const flags of ['--allow-natives-syntax', '--no-allow-natives-syntax --no-allow-natives-syntax']) {
    process.env['DORA_V8_FLAGS'] = flags;
    await setV8Flags();
    t.is(isSet(), !flags.includes('--no-'));
  }
  delete process.env['DORA_V8_FLAGS'];
  await setV8Flags();
  t.deepEqual(
    process.execArgv.filter((argument) => argument.includes('natives')),
    [],
  );
});
