/** dora-launch as the daemon starts it: what was set is read back by the program, what was not is reported. */

import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import test from 'ava';
import { Child, type ChildEnd } from '../../../lib/daemon/child.js';
import { launchWarnings, launcherFor, type Launcher } from '../../../lib/daemon/launcher.js';
import type { PlanNode } from '../../../lib/message/plan.js';

const base: PlanNode = { id: 'n', kind: 'program', env: {}, workingDirectory: '/', inputs: [], outputs: [] };

/** Fields of /proc/self/stat, by their numbers in proc(5). */
const PRIORITY = 40;
const POLICY = 41;
const FIFO = 1;
const RR = 2;

interface Ran {
  end: ChildEnd;
  lines: string[];
  report: string;
}

/** Runs a program through a launcher. */
async function launch(launcher: Launcher | undefined, file: string, ...args: string[]): Promise<Ran> {
  const lines: string[] = [];
  let report = '';
  const spec = { file, args, cwd: '/', env: { PATH: process.env['PATH'] }, sweepGraceMs: 1000 };
  const child = new Child({ ...spec, ...(launcher === undefined ? {} : { launcher }) }, undefined, {
    onLines: (_, more) => {
      lines.push(...more);
      return Promise.resolve();
    },
    onLaunch: (text) => (report = text),
  });
  return { end: await child.done, lines, report };
}

function launcher(wish: Partial<PlanNode>): Launcher {
  const made = launcherFor({ ...base, ...wish });
  if (made === undefined) throw new Error('no launcher was made');
  return made;
}

/** Whether this process may have that priority. */
function mayHave(priority: number): boolean {
  const effective = BigInt(`0x${/CapEff:\s*(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
  const limit = /Max realtime priority\s+(\S+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return (effective >> 23n) % 2n === 1n || Number(limit) >= priority;
}

const status = (text: readonly string[], key: string): string | undefined =>
  text.find((line) => line.startsWith(`${key}:`))?.split(/\s+/)[1];
const field = (text: readonly string[], number: number): number =>
  Number((text[0] ?? '').replace(/^.*\) /, '').split(' ')[number - 3]);

/** The last core on which this process may run. */
const lastCore = Number(
  /(\d+)$/.exec(status(readFileSync('/proc/self/status', 'utf8').split('\n'), 'Cpus_allowed_list') ?? '0')?.[1],
);

test('a node that asks for nothing has no launcher', (t) => {
  t.is(launcherFor(base), undefined);
});

test('a program runs on the cores it was given, and on no other', async (t) => {
  const { end, lines, report } = await launch(launcher({ cpuAffinity: [lastCore] }), '/bin/cat', '/proc/self/status');
  t.is(end.exitCode, 0);
  t.is(status(lines, 'Cpus_allowed_list'), String(lastCore));
  t.is(report, '');
});

test('cores that are closed are reported with those that are left', async (t) => {
  const before = status(readFileSync('/proc/self/status', 'utf8').split('\n'), 'Cpus_allowed_list');
  const none = { ...base, cpuAffinity: [8191] };
  const { end, lines, report } = await launch(launcher(none), '/bin/cat', '/proc/self/status');
  t.is(end.exitCode, 0);
  t.is(status(lines, 'Cpus_allowed_list'), before);
  const [warning] = launchWarnings(report, none);
  t.is(warning?.code, 'CPU_AFFINITY_DENIED');
  t.regex(warning?.message ?? '', /node "n" runs on cores? [\d,]+ and not on core 8191 \(EINVAL\)/);

  const some = { ...base, cpuAffinity: [lastCore, 8191] };
  const half = await launch(launcher(some), '/bin/cat', '/proc/self/status');
  t.is(status(half.lines, 'Cpus_allowed_list'), String(lastCore));
  t.regex(launchWarnings(half.report, some)[0]?.message ?? '', /not on cores \d+,8191: the others are closed/);
});

test('a program has the real-time priority it was given, or a warning says why not', async (t) => {
  for (const [policy, number] of [
    ['fifo', FIFO],
    ['rr', RR],
  ] as const) {
    const node: PlanNode = { ...base, realtime: { policy, priority: 7, lockMemory: false } };
    const { end, lines, report } = await launch(launcher(node), '/bin/cat', '/proc/self/stat');
    t.is(end.exitCode, 0);
    const permitted = mayHave(7);
    t.deepEqual([field(lines, POLICY), field(lines, PRIORITY)], permitted ? [number, 7] : [0, 0]);
    t.deepEqual(
      launchWarnings(report, node).map(({ code }) => code),
      permitted ? [] : ['REALTIME_DENIED'],
    );
  }
});

test('without the permission a program runs as usual, and the warning names limit and way out', async (t) => {
  const node: PlanNode = { ...base, realtime: { policy: 'fifo', priority: 50, lockMemory: false } };
  const { file, args } = launcher(node);
  // Whoever may not take the capability away does not have it.
  const drop = ['--bounding-set=-sys_nice', '--inh-caps=-sys_nice'];
  const dropped = spawnSync('setpriv', [...drop, 'true']).status === 0;
  const poor = dropped ? { file: 'setpriv', args: [...drop, file, ...args] } : { file, args };
  const { end, lines, report } = await launch(poor, '/bin/cat', '/proc/self/stat');
  t.is(end.exitCode, 0);
  t.is(field(lines, POLICY), 0);
  const [warning, ...more] = launchWarnings(report, node);
  t.deepEqual(more, []);
  t.is(warning?.code, 'REALTIME_DENIED');
  t.regex(warning?.message ?? '', /"n" runs without real-time priority \(fifo, 50\): it is not permitted.*ulimit -r/);
});

test('a program that is not there fails as it does without a launcher', async (t) => {
  const missing = '/nonexistent/program';
  const plain = await launch(undefined, missing);
  const launched = await launch(launcher({ cpuAffinity: [lastCore] }), missing);
  t.is(launched.end.spawnError?.code, 'ENOENT');
  t.is(launched.end.spawnError?.code, plain.end.spawnError?.code);
  t.deepEqual([launched.end.exitCode, launched.end.signal], [null, null]);
});

test('arguments arrive as they are, and no descriptor of the launcher stays open', async (t) => {
  const odd = ['--', '--cpus', '7', 'a b', '', '"$HOME"', 'ü'];
  const wish = launcher({ cpuAffinity: [lastCore], realtime: { policy: 'rr', priority: 1, lockMemory: false } });
  const script = 'printf "%s\\n" "$@"; test -e /proc/self/fd/3 && echo open';
  const { lines } = await launch(wish, '/bin/sh', '-c', script, 'sh', ...odd);
  t.deepEqual(lines, odd);
});
