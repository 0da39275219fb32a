/**
 * The operator runtime from Node.js: C operators go on while the JS thread stands still, and what onEnd and the runtime's program say.
 *
 * A broker in this process plays the daemon; the operators are compiled from test/fixtures/operators.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { BrokerInput, NativeBroker } from '../../../lib/native/binding.js';
import { loadNative } from '../../../lib/native/load.js';
import { parseRuntimeConfig } from '../../../lib/operator/runtime-config.js';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const folder = mkdtempSync(path.join(os.tmpdir(), 'dora-operator-'));
const ring = path.join(folder, 'libring.so');
const compiler = process.env['CC'] ?? 'cc';

test.before(() => {
  const source = path.join(root, 'test/fixtures/operators/ring.c');
  const include = path.join(root, 'native/include');
  const flags = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-fPIC', '-shared', '-I', include];
  execFileSync(compiler, [...flags, '-o', ring, source]);
});
test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

type OnEnd = Parameters<Parameters<ReturnType<typeof loadNative>['startRuntime']>[0]['onEnd']>[0];

const local = (id: string, sourceOutput: string): BrokerInput => ({
  id,
  kind: 'local',
  sourceOutput,
  sourceText: sourceOutput,
  queueSize: 10,
  policy: 'drop_oldest',
  priority: 0,
});

/** A broker that knows one runtime node, of two operators in a ring. */
function announce(): { broker: NativeBroker; config: string } {
  const broker = loadNative().createBroker({
    runtimeFolder: folder,
    nodesOutlive: false,
    graceMs: 5000,
    onEvents: () => undefined,
  });
  const [config = ''] = broker.addNodes([
    {
      dataflow: 'flow',
      node: 'runtime',
      restartCount: 0,
      barrier: true,
      memoryLimitBytes: 0,
      inputs: [local('starter/in', 'follower/out'), local('follower/in', 'starter/out')],
      outputs: [
        { id: 'starter/out', retain: 0 },
        { id: 'follower/out', retain: 0 },
      ],
    },
  ]);
  return { broker, config };
}
const operator = (
  id: string,
  library = ring,
): { id: string; library: string; priority: number; inputs: string[]; outputs: string[] } => ({
  id,
  library,
  priority: 0,
  inputs: ['in'],
  outputs: ['out'],
});

function received(broker: NativeBroker): { received: bigint; dropped: bigint; sent: bigint } {
  const [node] = broker.counts('flow');
  const input = node?.inputs.find(({ id }) => id === 'follower/in');
  const output = node?.outputs.find(({ id }) => id === 'starter/out');
  return { received: input?.received ?? 0n, dropped: input?.dropped ?? 0n, sent: output?.sent ?? 0n };
}

test.serial(
  'C operators pass messages on while the JS thread is blocked for five seconds, and lose none',
  async (t) => {
    const { broker, config } = announce();
    let end: OnEnd | undefined;
    const ended = new Promise<void>((resolve) => {
      const runtime = loadNative().startRuntime({
        config,
        operators: [operator('starter'), operator('follower')],
        threads: 1,
        onEnd: (error) => {
          end = error;
          runtime.close();
          resolve();
        },
      });
    });
    while (received(broker).received === 0n) await new Promise((resolve) => setTimeout(resolve, 5));
    const before = received(broker);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5000);
    const after = received(broker);
    t.log(`${String(after.received - before.received)} messages in five seconds`);
    t.true(after.received - before.received > 1000n);
    t.is(end, undefined);
    broker.stopNode('flow', 'runtime', 'user', 5000);
    await ended;
    t.is(end, null);
    const final = received(broker);
    t.is(final.dropped, 0n);
    // The token was in one of the two queues, or in an operator, when the stop came.
    t.true(final.sent - final.received <= 1n);
    broker.close();
  },
);

test.serial('onEnd says why a runtime could not start', async (t) => {
  const { broker, config } = announce();
  const missing = path.join(folder, 'libmissing.so');
  const error = await new Promise<OnEnd>((resolve) => {
    const runtime = loadNative().startRuntime({
      config,
      operators: [operator('starter'), operator('follower', missing)],
      threads: 1,
      onEnd: (why) => {
        runtime.close();
        resolve(why);
      },
    });
  });
  t.is(error?.code, 'OPERATOR_FILE_MISSING');
  t.true(error?.message.includes(missing));
  t.truthy(error?.hint);
  broker.close();
});

test.serial('close() stops a runtime that runs and waits for its end', (t) => {
  const { broker, config } = announce();
  const options = {
    config,
    operators: [operator('starter'), operator('follower')],
    threads: 2,
    onEnd: () => undefined,
  };
  loadNative().startRuntime(options).close();
  broker.close();
  t.pass();
});

test.serial('startRuntime() names the field that is wrong', (t) => {
  const options = { operators: [{ ...operator('a'), library: 7 }], threads: 1, onEnd: () => undefined };
  const error = t.throws(() => loadNative().startRuntime(options as never), { instanceOf: TypeError });
  t.regex(error.message, /library must be a string/);
});

// ---- the program ----------------------------------------------------------------------------------------------------

const program = ['--import', 'tsx', path.join(root, 'lib/operator/runtime.ts')];

test.serial('the program ends with 0 after SIGTERM', async (t) => {
  const { broker, config } = announce();
  const runtime = { operators: [operator('starter'), operator('follower')], threads: 1 };
  const env = { ...process.env, DORA_NODE_CONFIG: config, DORA_RUNTIME_CONFIG: JSON.stringify(runtime) };
  const child = spawn(process.execPath, program, { cwd: root, env, stdio: 'inherit' });
  while (received(broker).received === 0n) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGTERM');
  t.deepEqual(await once(child, 'exit'), [0, null]);
  broker.close();
});

test.serial('the program ends with 1 and says why on stderr', async (t) => {
  const run = (env: NodeJS.ProcessEnv): Promise<{ code: unknown; stderr: string }> =>
    new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        program,
        { cwd: root, env: { ...process.env, ...env } },
        (_, __, stderr) => {
          resolve({ code: child.exitCode, stderr });
        },
      );
    });
  const alone = await run({ DORA_RUNTIME_CONFIG: '' });
  t.is(alone.code, 1);
  t.regex(alone.stderr, /^error NOT_IN_DATAFLOW .*\n {2}hint: .*dora run/);
  const library = path.join(folder, 'libnone.so');
  const missing = await run({ DORA_RUNTIME_CONFIG: JSON.stringify({ operators: [operator('sobel', library)] }) });
  t.is(missing.code, 1);
  t.regex(
    missing.stderr,
    /^error OPERATOR_FILE_MISSING operator "sobel": .*libnone\.so: No such file or directory\n {2}hint: /,
  );
});

test('a configuration that no daemon wrote is refused with the place that is wrong', (t) => {
  const good = operator('a');
  const refused = (value: unknown): string => {
    const error = t.throws(() => parseRuntimeConfig(JSON.stringify(value)), { code: 'RUNTIME_CONFIG_INVALID' });
    return error.message;
  };
  t.deepEqual(parseRuntimeConfig(JSON.stringify({ operators: [good] })), { operators: [good], threads: 1 });
  t.regex(refused({ operators: [] }), /operators/);
  t.regex(refused({ operators: [{ ...good, library: 'relative.so' }] }), /absolute path.*operators\[0\]\.library/);
  t.regex(refused({ operators: [good, good] }), /two operators with one id/);
  t.regex(refused({ operators: [good], threads: 0 }), /threads/);
  t.throws(() => parseRuntimeConfig('{'), { code: 'RUNTIME_CONFIG_INVALID' });
});
