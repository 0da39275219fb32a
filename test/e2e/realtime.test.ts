/** `cpu_affinity` and `realtime` through `dora run`: every thread of a node has them, or a warning says what is missing. */

import { readFileSync } from 'node:fs';
import test from 'ava';
import { Sandbox } from '../helpers/cli.js';

const status = readFileSync('/proc/self/status', 'utf8');
/** The last one: core 0 has most of the interrupts to serve. */
const core = /Cpus_allowed_list:.*?(\d+)\n/.exec(status)?.[1] ?? '0';

const flow = `nodes:
  - id: pinned
    path: pinned.ts
    cpu_affinity: [${core}]
    realtime: { policy: rr, priority: 3, lock_memory: true }
    inputs: { tick: dora/timer/millis/5 }
    outputs: [n]
  - id: free
    path: free.ts
    inputs: { n: pinned/n }
`;
/** Works long enough for collections, in which V8 gives memory back; then tells about each of its threads. */
const pinned = `import { Node } from 'dora-ts';
import { readdirSync, readFileSync } from 'node:fs';
await using node = await Node.connect();
let kept: unknown[] = [];
let n = 0;
for await (const event of node) {
  if (event.type !== 'input') continue;
  await node.send('n', new Uint8Array(100_000));
  kept = n % 10 === 9 ? [] : [...kept, new Array(100_000).fill(n).map(String), new Function('return ' + n)];
  if (++n === 60) node.requestStop();
}
const threads = readdirSync('/proc/self/task').map((thread) => {
  const cores = /Cpus_allowed_list:\\s*(\\S+)/.exec(readFileSync('/proc/self/task/' + thread + '/status', 'utf8'))?.[1];
  const fields = readFileSync('/proc/self/task/' + thread + '/stat', 'utf8').replace(/^.*\\) /, '').split(' ');
  return [cores, fields[38], fields[37]].join(' ');
});
console.log('threads', [...new Set(threads)].join('; '));
console.log('locked', Number(/VmLck:\\s*(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) > 0);
`;
const free = `import { Node } from 'dora-ts';
await using node = await Node.connect();
for await (const event of node) if (event.type === 'input') void event.data[0];
`;

test('cores, priority and locked memory hold for every thread of a TypeScript node, or are warned of', async (t) => {
  const box = new Sandbox(t);
  box.write('d.yml', flow);
  box.write('pinned.ts', pinned);
  box.write('free.ts', free);
  const { code, stdout, stderr } = await box.run('run', 'd.yml');
  t.is(code, 0, stdout + stderr);
  const denied = stderr.includes('"pinned" runs without real-time priority (rr, 3)');
  const unlocked = stderr.includes('"pinned" does not keep its memory in RAM');
  t.true(stdout.includes(`threads ${core} ${denied ? '0 0' : '2 3'}\n`), stdout);
  t.true(stdout.includes(`locked ${String(!unlocked)}\n`), stdout);
  const capable = BigInt(`0x${/CapEff:\s*(\w+)/.exec(status)?.[1] ?? '0'}`);
  if ((capable >> 23n) % 2n === 1n) t.false(denied, stderr);
  if ((capable >> 14n) % 2n === 1n) t.false(unlocked, stderr);
  t.deepEqual(await box.settle(), []);
});
