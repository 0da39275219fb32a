/**
 * `dora run` and run() with nodes that join: the order of start and stop, counts, and who is told what.
 */

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { run as runSource, RunResult } from '../../lib/cli/run-api.js';
import { projectRoot, Sandbox } from '../helpers/cli.js';

/** The built package, as a program would import it. */
const { run } = (await import(path.join(projectRoot, 'dist/index.js'))) as { run: typeof runSource };

const flow = `nodes:
  - id: source
    path: source.ts
    inputs: { tick: dora/timer/millis/5 }
    outputs: [n]
  - id: sink
    path: sink.ts
    inputs:
      n: { source: source/n, queue_size: 100, queue_policy: backpressure }
`;
/** Sends 0, 1, 2, … until COUNT, then leaves; FAIL_AT ends it by force. */
const source = `import { Node } from 'dora-ts';
const node: Node = await Node.connect();
const count = Number(process.env['COUNT'] ?? 'Infinity');
let n = 0;
for await (const event of node) {
  if (event.type === 'stop') console.log('stop', event.reason, event.graceMs > 0);
  if (event.type !== 'input') continue;
  if (n === Number(process.env['FAIL_AT'])) process.exit(5);
  if (n === count) break;
  await node.send('n', String(n++));
}
await node.close();
console.log('left');
`;
const sink = `import { Node } from 'dora-ts';
const node: Node = await Node.connect();
let next = 0;
for await (const event of node) {
  if (event.type === 'input') {
    if (event.text() !== String(next++)) throw new Error('out of order: ' + event.text());
    if (next === 1) console.log('first');
  } else if (event.type === 'inputClosed') console.log('closed', event.id, event.reason);
  else if (event.type === 'stop') console.log('stop', event.reason);
}
await node.close();
console.log('got', next);
`;

function pair(box: Sandbox): void {
  box.write('d.yml', flow);
  box.write('source.ts', source);
  box.write('sink.ts', sink);
}

test('all messages arrive, from the first on, and the table counts them', async (t) => {
  const box = new Sandbox(t, 'Ordner mit Lücke und ü');
  pair(box);
  const { code, stdout, stderr } = await box.run('run', 'd.yml', '--env', 'COUNT=50');
  t.is(code, 0, stdout + stderr);
  t.true(stdout.includes('sink   | closed n ended'), stdout);
  t.true(stdout.includes('sink   | got 50'));
  t.regex(stdout, /source +0 .* 50 +0( +\d+)? *\n/);
  t.regex(stdout, /sink +0 .* 50 +0 +0( +0)? *\n/);
  t.regex(stdout, /source\/n → sink\/n +50 +50 +0 +0 *\n/);
  t.deepEqual(await box.settle(), []);
});

test('Ctrl-C is a stop event first, and nodes that follow it get no signal', async (t) => {
  const box = new Sandbox(t);
  pair(box);
  const command = box.dora(['run', 'd.yml', '--stop-timeout', '30s', '--json']);
  await command.printed('"first"');
  command.kill('SIGINT');
  const { code, stdout } = await command.finished;
  t.is(code, 0, stdout);
  t.true(stdout.includes('"stop user true"'));
  t.true(stdout.includes('"stop user"'));
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { reason: string; nodes: { end: string }[] };
  t.is(last.reason, 'stopped');
  t.deepEqual(
    last.nodes.map(({ end }) => end),
    ['stopped', 'stopped'],
  );
  t.deepEqual(await box.settle(), []);
});

test('when a node fails, the others hear "failure" and end in order', async (t) => {
  const box = new Sandbox(t);
  pair(box);
  const { code, stdout, stderr } = await box.run('run', 'd.yml', '--env', 'FAIL_AT=10');
  t.is(code, 1);
  t.regex(stderr, /NODE_FAILED: node "source" ended with exit code 5/);
  t.true(stdout.includes('sink   | stop failure') || stdout.includes('sink   | closed n crashed'), stdout);
  t.true(stdout.includes('sink   | got 10'), stdout);
  t.regex(stdout, /sink +0 /);
  t.deepEqual(await box.settle(), []);
});

test('a node that throws is a failure whose last lines have the place in the source', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', 'nodes:\n- {id: a, path: a.ts, inputs: {t: dora/timer/millis/5}}\n');
  box.write(
    'a.ts',
    "import { Node } from 'dora-ts';\ninterface Unused {\n  a: 1;\n}\nconst node = await Node.connect();\nfor await (const e of node) throw new Error('broken ' + e.type);\n",
  );
  const { code, stderr } = await box.run('run', 'd.yml');
  t.is(code, 1);
  t.regex(stderr, /the last lines of "a":[^]*broken input[^]*a\.ts:6/);
  t.deepEqual(await box.settle(), []);
});

test('kill -9 of dora run ends nodes that have joined, and the socket folder goes', async (t) => {
  const box = new Sandbox(t);
  pair(box);
  const command = box.dora(['run', 'd.yml']);
  await command.printed('sink   | first');
  t.not(readdirSync(box.runtime).length, 0);
  command.kill('SIGKILL');
  await command.finished;
  const end = Date.now() + 20_000;
  while (box.processes().length > 0 && Date.now() < end) await sleep(50);
  t.deepEqual(await box.settle(), [], readdirSync(box.runtime, { recursive: true }).join());
});

test('run() gives events and a result, and takes a descriptor that is no file', async (t) => {
  const box = new Sandbox(t);
  pair(box);
  const events: string[] = [];
  const looks: RunResult['counts'][number]['inputs'] = [];
  const result = await run(
    {
      nodes: [
        { id: 'source', path: 'source.ts', inputs: { tick: 'dora/timer/millis/50' }, outputs: ['n'] },
        { id: 'sink', path: 'sink.ts', inputs: { n: { source: 'source/n', queue_size: 100 } } },
      ],
    },
    {
      folder: box.folder,
      env: { COUNT: '20', DORA_TEST_MARK: box.mark },
      countsEveryMs: 20,
      onEvent: (event) => {
        events.push(event.event);
        if (event.event !== 'counts') return;
        looks.push(...event.counts.flatMap(({ inputs }) => inputs.filter(({ source }) => source === 'source/n')));
      },
    },
  );
  t.true(result.ok);
  t.is(result.reason, 'finished');
  t.deepEqual(
    result.nodes.map((node) => [node.node, node.end, node.messagesOut]),
    [
      ['source', 'finished', 20],
      ['sink', 'finished', 0],
    ],
  );
  const input = result.counts.find(({ node }) => node === 'sink')?.inputs[0];
  t.like(input, { id: 'n', source: 'source/n', sent: 20, received: 20, dropped: 0, inFlight: 0, lost: 0 });
  // The same while it ran, at every look.
  t.true(looks.some(({ sent }) => sent > 0 && sent < 20));
  for (const { sent, received, dropped, inFlight, lost } of looks) t.is(sent, received + dropped + inFlight + lost);
  t.true(events.indexOf('running') > events.lastIndexOf('nodeJoined'));
  t.is(events.at(-1), 'finished');
  t.deepEqual(box.processes(), []);
});

test('run() stops by its signal, and says what is wrong with a file', async (t) => {
  const box = new Sandbox(t);
  pair(box);
  const stop = new AbortController();
  const result = await run(path.join(box.folder, 'd.yml'), {
    signal: stop.signal,
    env: { DORA_TEST_MARK: box.mark },
    onEvent: ({ event }) => {
      if (event === 'running') stop.abort();
    },
  });
  t.like(result, { ok: true, reason: 'stopped' });
  const error = await t.throwsAsync(run({ nodes: [{ id: 'a', path: 'a.js', inptus: {} }] }, { folder: box.folder }));
  t.like(error, { code: 'DESCRIPTOR_INVALID' });
  t.regex(error.message, /UNKNOWN_KEY/);
  t.deepEqual(box.processes(), []);
});

test('a program that is started by hand joins with what dora run prints', async (t) => {
  const box = new Sandbox(t);
  pair(box);
  box.write('d.yml', flow.replace('path: source.ts', 'path: dynamic'));
  const command = box.dora(['run', 'd.yml']);
  await command.printed("DORA_NODE_CONFIG='");
  // It is not waited for, and does not wait: what it sends before its receiver has joined, nobody gets.
  await command.printed('" runs');
  const config = /DORA_NODE_CONFIG='([^']+)'/.exec(command.stderr)?.[1] ?? '';
  box.write('by-hand.yml', 'nodes:\n- {id: starter, path: source.ts}\n');
  const byHand = await run(
    {
      nodes: [
        {
          id: 'starter',
          custom: { source: '/bin/sh', args: ['-c', 'DORA_NODE_CONFIG="$C" exec "$0" by-hand.mjs', process.execPath] },
        },
      ],
    },
    { folder: prepareByHand(box), env: { C: config, COUNT: '5', DORA_TEST_MARK: box.mark } },
  );
  t.true(byHand.ok, byHand.failure?.lastLines.join('\n'));
  const { code, stdout, stderr } = await command.finished;
  t.is(code, 0, stderr);
  t.true(stdout.includes('sink   | got 5'), stdout);
  t.deepEqual(await box.settle(), []);
});

test('who joins late gets the newest messages that output_retain keeps, in order, and then what follows', async (t) => {
  const box = new Sandbox(t);
  box.write(
    'd.yml',
    `nodes:
  - { id: map, path: map.ts, outputs: [n, last], output_retain: { n: 3, last: 1 } }
  - id: late
    path: dynamic
    inputs:
      n: { source: map/n, queue_size: 10, queue_policy: backpressure }
      last: { source: map/last, queue_size: 1 }
`,
  );
  box.write(
    'map.ts',
    `import { Node } from 'dora-ts';
const node: Node = await Node.connect();
for (let i = 0; i < 10; i++) {
  await node.send('n', String(i));
  await node.send('last', String(i));
}
console.log('sent');
for (let last = false; ; ) {
  const event = await node.recv({ timeoutMs: 20 });
  if (event?.type === 'end') break;
  if (last || node.outputs.get('n')!.subscribers === 0) continue;
  last = true;
  await node.send('n', '10');
}
await node.close();
`,
  );
  const command = box.dora(['run', 'd.yml']);
  await command.printed('map  | sent');
  const config = /DORA_NODE_CONFIG='([^']+)'/.exec(command.stderr)?.[1] ?? '';
  box.write(
    'late.mjs',
    `import { Node } from ${JSON.stringify(path.join(projectRoot, 'dist/index.js'))};
const node = await Node.connect();
const got = { n: [], last: [] };
for await (const event of node) {
  if (event.type === 'input') got[event.id].push(event.text() + (event.dropped > 0 ? '!' : ''));
  if (got.n.length === 4) break;
}
for (let event = node.tryRecv(); event?.type === 'input'; event = node.tryRecv()) got[event.id].push(event.text());
console.log(JSON.stringify(got));
node.requestStop();
for await (const event of node) void event;
await node.close();
`,
  );
  box.write(
    'by-hand.yml',
    'nodes:\n- {id: starter, custom: {source: /bin/sh, args: [-c, "DORA_NODE_CONFIG=\\"$C\\" exec \\"$N\\" late.mjs"]}}\n',
  );
  const byHand = await box.run('run', 'by-hand.yml', '--env', `C=${config}`, '--env', `N=${process.execPath}`);
  t.is(byHand.code, 0, byHand.stdout + byHand.stderr);
  t.true(byHand.stdout.includes('{"n":["7","8","9","10"],"last":["9"]}'), byHand.stdout);
  t.is((await command.finished).code, 0);
  t.deepEqual(await box.settle(), []);
});

test('what the file says of an input holds in the node: timeout, priority, queue and policy', async (t) => {
  const box = new Sandbox(t);
  box.write(
    'd.yml',
    `nodes:
  - { id: source, path: source.ts, inputs: { go: sink/go }, outputs: [low, high, rare] }
  - id: sink
    path: sink.ts
    inputs:
      low: { source: source/low, queue_size: 4 }
      high: { source: source/high, queue_size: 3, queue_policy: backpressure, priority: 200 }
      rare: { source: source/rare, input_timeout: 1 }
    outputs: [go]
`,
  );
  box.write(
    'source.ts',
    `import { Node } from 'dora-ts';
const node: Node = await Node.connect();
for (let i = 0; i < 6; i++) await node.send('low', 'low ' + i);
let high = 0;
while (node.trySend('high', 'high ' + high)) high++;
await node.send('rare', 'rare ' + high);
for await (const event of node) {
  if (event.type !== 'input') continue;
  await node.send('rare', 'at last');
  break;
}
await node.close();
`,
  );
  box.write(
    'sink.ts',
    `import { Node } from 'dora-ts';
const node: Node = await Node.connect();
const rare = await node.recv({ only: ['rare'] });
if (rare?.type === 'input') console.log(rare.text());
for await (const event of node) {
  if (event.type === 'input') console.log(event.text(), event.dropped);
  else if (event.type === 'inputClosed' || event.type === 'inputRecovered') console.log(event.type, event.id, event.reason);
  if (event.type === 'inputClosed' && event.reason === 'timeout') await node.send('go', '');
}
await node.close();
`,
  );
  const { code, stdout, stderr } = await box.run('run', 'd.yml');
  t.is(code, 0, stdout + stderr);
  const lines = stdout
    .split('\n')
    .filter((line) => line.startsWith('sink '))
    .map((line) => line.replace(/^sink +\| /, ''))
    // The source leaves after its last message; that its other inputs are over may be told before it.
    .filter((line) => !line.endsWith(' ended'));
  t.deepEqual(lines, [
    'rare 3',
    'high 0 0',
    'high 1 0',
    'high 2 0',
    'low 2 2',
    'low 3 0',
    'low 4 0',
    'low 5 0',
    'inputClosed rare timeout',
    'inputRecovered rare timeout',
    'at last 0',
  ]);
  t.deepEqual(await box.settle(), []);
});

/** The source as plain JavaScript that finds the built package. */
function prepareByHand(box: Sandbox): string {
  const built = JSON.stringify(path.join(projectRoot, 'dist/index.js'));
  box.write('by-hand.mjs', source.replace("'dora-ts'", built).replace('node: Node', 'node'));
  return box.folder;
}
