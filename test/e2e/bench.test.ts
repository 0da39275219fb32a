/**
 * `npm run bench` as somebody calls it: real dataflows, valid JSON with every field, a table, exit codes, peers that are missing or
 * broken, and nothing left behind, also after Ctrl-C.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { RunningCommand, Sandbox, projectRoot } from '../helpers/cli.js';

/** The benchmark with temporary files, peers and processes of its own. */
class Bench {
  readonly sandbox: Sandbox;
  readonly temporary: string;
  readonly cache: string;

  constructor(t: ExecutionContext) {
    t.timeout(150_000);
    this.sandbox = new Sandbox(t);
    // Short: the path of a unix socket has to fit into 108 bytes.
    this.temporary = mkdtempSync(path.join(tmpdir(), 'b-'));
    this.cache = path.join(this.sandbox.folder, 'cache');
    t.teardown(() => {
      rmSync(this.temporary, { recursive: true, force: true });
    });
  }

  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningCommand {
    const command = ['--import', 'tsx', path.join(projectRoot, 'bench/main.ts'), ...args];
    const child = spawn(process.execPath, command, {
      cwd: projectRoot,
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        NO_COLOR: '1',
        TMPDIR: this.temporary,
        XDG_RUNTIME_DIR: this.sandbox.runtime,
        DORA_BENCH_CACHE: this.cache,
        DORA_TEST_MARK: this.sandbox.mark,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new RunningCommand(child);
  }

  /** What is left of it; tsx keeps a folder of its own for what it compiled. */
  async leftovers(): Promise<string[]> {
    const stays = await this.sandbox.settle();
    return [...stays, ...readdirSync(this.temporary).filter((name) => !name.startsWith('tsx-'))];
  }
}

const fields: Readonly<Record<string, 'string' | 'number'>> = {
  name: 'string',
  unit: 'string',
  mode: 'string',
  p50: 'number',
  p99: 'number',
  p999: 'number',
  value: 'number',
  samples: 'number',
};

test('--json prints the machine and rows with every field, peers of the same run beside them', async (t) => {
  const bench = new Bench(t);
  const { code, stdout, stderr } = await bench.start(['--json', '--quick', '--only', 'latency-ts-ts-8b-recv-sync'])
    .finished;
  t.is(code, 0, stderr);
  const { machine, rows } = JSON.parse(stdout) as {
    machine: Record<string, unknown>;
    rows: Record<string, unknown>[];
  };
  for (const key of ['cpu', 'cores', 'memoryGiB', 'kernel', 'node', 'placement', 'bound', 'load', 'seconds', 'date'])
    t.true(key in machine, key);
  const byName = new Map(rows.map((row) => [row['name'], row]));
  for (const [name, row] of byName) {
    for (const [field, type] of Object.entries(fields)) t.is(typeof row[field], type, `${String(name)}.${field}`);
    for (const field of ['peer', 'peerValue', 'ratio', 'goal', 'met', 'off'])
      t.true(field in row, `${String(name)}.${field}`);
  }
  const row = byName.get('latency-ts-ts-8b-recv-sync');
  const peer = byName.get('latency-atomic');
  t.like(row, { unit: 'µs', peer: 'latency-atomic', peerValue: peer?.['value'], goal: '≤ 1.50 µs', samples: 10_000 });
  t.is(row?.['value'], row?.['p50']);
  t.true(Number(row?.['p99']) >= Number(row?.['p50']));
  t.deepEqual(await bench.leftovers(), []);
});

test('without --json it prints a table, and a gate that nothing misses lets it pass', async (t) => {
  const { code, stdout, stderr } = await new Bench(t).start(['--quick', '--gate', '--only', 'latency-eventfd'])
    .finished;
  t.is(code, 0, stderr);
  t.regex(stdout, /│ latency-eventfd +│ two C processes, eventfd \+ epoll/);
  t.true(stdout.includes('Node v'));
});

test('the gate closes when a figure is more than twice off its goal, and says which', async (t) => {
  const bench = new Bench(t);
  // A peer that claims a latency of 1 ns.
  const built = path.join(bench.cache, 'iceoryx2-rust');
  const sources = path.join(projectRoot, 'bench/peers/rust');
  mkdirSync(path.join(built, 'target/release'), { recursive: true });
  cpSync(path.join(sources, 'iceoryx2'), built, { recursive: true });
  cpSync(path.join(sources, 'bench.rs'), path.join(built, 'src/bench.rs'));
  const peer = `#!${process.execPath}
    const pairs = new BigUint64Array(2 * Number(process.env.BENCH_COUNT)).fill(1n);
    if (process.argv[2] === 'pong') require('node:fs').writeFileSync(process.env.BENCH_RESULT, pairs);`;
  writeFileSync(path.join(built, 'target/release/iceoryx2-peer'), peer, { mode: 0o755 });

  const row = 'latency-ts-ts-8b-vs-iceoryx2';
  const { code, stdout, stderr } = await bench.start(['--gate', '--json', '--only', row]).finished;
  t.is(code, 1, stderr);
  t.regex(stderr, /latency-ts-ts-8b-vs-iceoryx2: .* is more than twice off its goal \(≤ 1 × peer\)/);
  const { rows } = JSON.parse(stdout) as { rows: Record<string, unknown>[] };
  t.like(
    rows.find(({ name }) => name === row),
    { peerValue: 0.001, met: false, off: true },
  );
});

test('an unknown prefix and unknown options are exit code 2, with what there is', async (t) => {
  const bench = new Bench(t);
  const prefix = await bench.start(['--only', 'speed-']).finished;
  t.is(prefix.code, 2);
  t.true(prefix.stderr.includes('no row starts with "speed-"') && prefix.stderr.includes('latency-ts-ts-8b'));
  const slow = await bench.start(['--quick', '--only', 'chain-100']).finished;
  t.is(slow.code, 2);
  t.true(slow.stderr.includes('no row of --quick starts with "chain-100"') && slow.stderr.includes('chain-10'));
  const option = await bench.start(['--fast']).finished;
  t.is(option.code, 2);
  t.true(option.stderr.includes('--fast'));
  const partial = await bench.start(['--write-docs', '--quick']).finished;
  t.is(partial.code, 2);
  t.true(partial.stderr.includes('--quick'));
});

test('what cannot be had is left out with a reason, and is no failure', async (t) => {
  const bench = new Bench(t);
  const compiler = await bench.start(['--quick', '--only', 'latency-eventfd'], { CC: 'no-such-cc' }).finished;
  t.is(compiler.code, 0, compiler.stderr);
  t.regex(compiler.stderr, /left out: every row with a program in C: there is no C compiler "no-such-cc"/);
  const installer = await bench.start(['--only', 'latency-zeromq-8b'], { PATH: '/nonexistent' }).finished;
  t.is(installer.code, 0, installer.stderr);
  t.regex(installer.stderr, /left out: zeromq@[\d.]+: .*npm/);
  const cargo = await bench.start(['--only', 'latency-iceoryx2-poll-8b']).finished;
  t.is(cargo.code, 0, cargo.stderr);
  t.regex(cargo.stderr, /left out: iceoryx2 [\d.]+: it is not built here; run: npm run bench -- --install/);
  t.true(cargo.stderr.includes('nothing was measured'));
});

test('a peer that crashes is left out with what it said, and its other end does not stay', async (t) => {
  const bench = new Bench(t);
  const folder = path.join(bench.cache, 'zeromq/node_modules/zeromq');
  mkdirSync(folder, { recursive: true });
  const broken = `if (process.argv[2] === 'ping') throw new Error('the library is broken');
    module.exports.Pair = class { bind() { return new Promise(() => setInterval(() => {}, 1000)); } };`;
  writeFileSync(path.join(folder, 'package.json'), '{ "name": "zeromq", "main": "index.cjs" }');
  writeFileSync(path.join(folder, 'index.cjs'), broken);
  const { code, stderr } = await bench.start(['--only', 'latency-zeromq-8b']).finished;
  t.is(code, 0, stderr);
  t.regex(stderr, /could not be measured: latency-zeromq-8b: .*zeromq\.mjs ping ended with 1/);
  t.true(stderr.includes('the library is broken'));
  t.deepEqual(await bench.leftovers(), []);
});

for (const [what, row, processes] of [
  ['a dataflow', 'latency-timer', 3],
  ['a pair of programs', 'latency-eventfd-5ms', 3],
] as const) {
  test(`Ctrl-C while ${what} is measured: exit code 130, no process and no temporary file stays`, async (t) => {
    const bench = new Bench(t);
    const running = bench.start(['--only', row]);
    const over = running.finished.then(() => true);
    while (bench.sandbox.processes().length < processes || readdirSync(bench.temporary).length === 0) {
      if (await Promise.race([over, sleep(20, false)])) break;
    }
    await sleep(300);
    running.kill('SIGINT');
    const { code, stdout, stderr } = await running.finished;
    t.is(code, 130, stderr);
    t.is(stdout, '');
    t.regex(stderr, /interrupted by SIGINT/);
    t.deepEqual(await bench.leftovers(), []);
  });
}
