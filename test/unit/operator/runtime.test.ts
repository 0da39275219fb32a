/**
 * The operator runtime from Node.js: C operators go on while the JS thread stands still, and what onEnd and the runtime's program say.
 *
 * A broker in this process plays the daemon; the operators are compiled from test/fixtures/operators.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { BrokerInput, NativeBroker, NativeRuntime, NativeRuntimeOptions } from '../../../lib/native/binding.js';
import { loadNative } from '../../../lib/native/load.js';
import { linesOf, readRuntimeConfig, runtimeConfigText } from '../../../lib/operator/runtime-config.js';
import type { RuntimeOperator } from '../../../lib/operator/runtime-config.js';

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

type OnEnd = Parameters<NativeRuntimeOptions['onEnd']>[0];

function startRuntime(operators: readonly RuntimeOperator[], options: NativeRuntimeOptions): NativeRuntime {
  const runtime = loadNative().createRuntime();
  for (const one of operators) runtime.addOperator(one);
  runtime.start(options);
  return runtime;
}

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
const operator = (id: string, library = ring): RuntimeOperator => ({
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
      const runtime = startRuntime([operator('starter'), operator('follower')], {
        config,
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
    const runtime = startRuntime([operator('starter'), operator('follower', missing)], {
      config,
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
  const options = { config, threads: 2, onEnd: () => undefined };
  const runtime = startRuntime([operator('starter'), operator('follower')], options);
  const again = t.throws(
    () => {
      runtime.start(options);
    },
    { instanceOf: TypeError },
  );
  t.regex(again.message, /started already/);
  runtime.close();
  broker.close();
});

test.serial('a runtime that was never started can be stopped and closed, and names a field that is wrong', (t) => {
  const runtime = loadNative().createRuntime();
  const wrong = { ...operator('a'), library: 7 };
  const error = t.throws(
    () => {
      runtime.addOperator(wrong as never);
    },
    { instanceOf: TypeError },
  );
  t.regex(error.message, /library must be a string/);
  t.is(runtime.repeatedId(), null);
  for (const id of ['a', 'c', 'b', 'c']) runtime.addOperator(operator(id));
  t.is(runtime.repeatedId(), 'c');
  const missing = t.throws(
    () => {
      runtime.start({ threads: 1 } as never);
    },
    { instanceOf: TypeError },
  );
  t.regex(missing.message, /onEnd must be a function/);
  runtime.stop();
  runtime.close();
});

// ---- the program ----------------------------------------------------------------------------------------------------

const program = ['--import', 'tsx', path.join(root, 'lib/operator/runtime.ts')];

test.serial('the program ends with 0 after SIGTERM', async (t) => {
  const { broker, config } = announce();
  const text = runtimeConfigText([operator('starter'), operator('follower')], 1);
  const env = { ...process.env, DORA_NODE_CONFIG: config, DORA_RUNTIME_CONFIG: text };
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
  const missing = await run({ DORA_RUNTIME_CONFIG: runtimeConfigText([operator('sobel', library)], 1) });
  t.is(missing.code, 1);
  t.regex(
    missing.stderr,
    /^error OPERATOR_FILE_MISSING operator "sobel": .*libnone\.so: No such file or directory\n {2}hint: /,
  );
});

test.serial('two operators with one id, and half of a configuration, end the program with words', async (t) => {
  const run = async (input: string): Promise<string> => {
    const env = { ...process.env, DORA_RUNTIME_CONFIG: '-' };
    const child = spawn(process.execPath, program, { cwd: root, env, stdio: ['pipe', 'inherit', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stdin.end(input);
    t.deepEqual(await once(child, 'close'), [1, null]);
    return said;
  };
  const text = runtimeConfigText([operator('a'), operator('b'), operator('a')], 1);
  t.regex(await run(text), /^error RUNTIME_CONFIG_INVALID .*two operators "a"\n {2}hint: /);
  const half = text.slice(0, text.lastIndexOf('\n'));
  t.regex(await run(half), /^error RUNTIME_CONFIG_INVALID .*announces 3 operators and has 2\n {2}hint: /);
});

test('a configuration that no daemon wrote is refused with the line that is wrong', (t) => {
  const good = operator('a');
  const read = (lines: readonly string[]): [number, RuntimeOperator[]] => {
    const operators: RuntimeOperator[] = [];
    const threads = readRuntimeConfig(lines, (one) => operators.push(one));
    return [threads, operators];
  };
  const refused = (...lines: readonly unknown[]): string => {
    const texts = lines.map((line) => JSON.stringify(line));
    const error = t.throws(() => read(texts), { code: 'RUNTIME_CONFIG_INVALID' });
    return error.message;
  };
  t.deepEqual(read(runtimeConfigText([good, operator('b')], 3).split('\n')), [3, [good, operator('b')]]);
  const { id, library, inputs, outputs } = good;
  const short = JSON.stringify({ id, library, inputs, outputs });
  t.deepEqual(read([JSON.stringify({ operators: 1 }), short]), [1, [good]]);
  t.regex(refused(), /it is empty/);
  t.regex(refused({ operators: 0 }), /line 1: .*operators/);
  t.regex(refused({ operators: 1, threads: 0 }, good), /line 1: .*threads/);
  t.regex(refused({ operators: 2 }, good, { ...good, library: 'relative.so' }), /line 3: .*absolute path.*library/);
  t.regex(refused({ operators: 2 }, good), /announces 2 operators and has 1/);
  t.regex(refused({ operators: 1 }, good, good), /announces 1 operators and has 2/);
  t.throws(() => read(['{']), { code: 'RUNTIME_CONFIG_INVALID', message: /line 1 is not JSON/ });
});

test('lines of a file come whole: across reads, longer than the buffer, with letters of several bytes, without a last newline', (t) => {
  const lines = [
    '',
    'a',
    'é'.repeat(20_000),
    'x'.repeat(16 * 1024),
    ...Array.from({ length: 3000 }, (_, i) => `line ${String(i)} ü`),
  ];
  for (const last of ['end', '']) {
    const file = path.join(folder, 'lines');
    writeFileSync(file, [...lines, last].join('\n'));
    const fd = openSync(file, 'r');
    t.deepEqual([...linesOf(fd)], last === '' ? lines : [...lines, last]);
    closeSync(fd);
  }
});
