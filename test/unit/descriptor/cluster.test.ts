/** A cluster's file is checked like any other, and a dataflow against it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Diagnostic } from '../../../lib/descriptor/index.js';
import { codes, parse } from './helpers.js';

const cluster = `coordinator: { addr: 10.0.0.1 }
machines:
  - { id: robot, host: robot.local, labels: { arm: left, gpu: no } }
  - { id: server, host: 10.0.0.3, user: ubuntu, port: 2222, daemon-port: 53292, labels: { gpu: yes, arch: x64 } }
`;

/** The diagnostics of a node with a `deploy`, checked against a cluster. */
function check(t: ExecutionContext, deploy: string, text = cluster): readonly Diagnostic[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'dora-cluster-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const file = path.join(folder, 'cluster.yml');
  writeFileSync(file, text);
  const dataflow = `nodes:\n  - { id: a, path: x, deploy: ${deploy} }\n`;
  return parse(dataflow, { cluster: file }).diagnostics.filter(({ severity }) => severity === 'error');
}

test('a cluster is told from a dataflow, and cannot run', (t) => {
  const result = parse(cluster);
  t.is(result.kind, 'cluster');
  t.deepEqual(codes(result.diagnostics), []);
  t.deepEqual(
    result.machines!.map(({ id, labels }) => [id, ...labels.values()]),
    [
      ['robot', 'left', 'no'],
      ['server', 'yes', 'x64'],
    ],
  );
  t.deepEqual(codes(parse(cluster, { purpose: 'run' }).diagnostics), ['1:1 error NOT_A_DATAFLOW']);
});

test("mistakes of a cluster's file have their places", (t) => {
  const wrong = `machines:
  - { id: a b, host: x }
  - { id: c, host: x, ports: 1 }
  - { id: c, host: x, port: 70000 }
  - { id: d }
`;
  t.deepEqual(codes(parse(wrong).diagnostics), [
    '1:1 error MISSING_KEY',
    '2:11 error INVALID_NAME',
    '3:23 error UNKNOWN_KEY',
    '4:11 error DUPLICATE_ID',
    '4:29 error OUT_OF_RANGE',
    '5:7 error MISSING_KEY',
  ]);
  t.deepEqual(codes(parse('coordinator: { addr: a }\nmachines:\n').diagnostics), ['2:1 error NO_MACHINES']);
});

test('a machine or label that the cluster has is right', (t) => {
  for (const deploy of [
    '{ machine: robot }',
    '{ labels: { gpu: yes, arch: x64 } }',
    '{ machine: robot, labels: { arm: left } }',
    '{ labels: }',
    '{}',
  ])
    t.deepEqual(codes(check(t, deploy)), [], deploy);
});

test('machines and labels that no machine has are errors, with what is there', (t) => {
  const table: [deploy: string, expected: string, words: RegExp][] = [
    ['{ machine: robott }', '2:42 error UNKNOWN_MACHINE', /Did you mean "robot"\?.*robot, server/],
    ['{ labels: { gpu: maybe } }', '2:48 error UNKNOWN_MACHINE', /"gpu: maybe".*have "gpu: no", "gpu: yes"/],
    ['{ labels: { gpuu: yes } }', '2:49 error UNKNOWN_MACHINE', /Did you mean "gpu"\?/],
    ['{ labels: { gpu: yes, arm: left } }', '2:33 error UNKNOWN_MACHINE', /no machine has all/],
    ['{ machine: robot, labels: { gpu: yes } }', '2:64 error UNKNOWN_MACHINE', /no machine "robot".*have "gpu: no"/],
  ];
  for (const [deploy, expected, words] of table) {
    const found = check(t, deploy);
    t.deepEqual(codes(found), [expected]);
    t.regex(`${found[0]!.message} ${found[0]!.hint!}`, words);
  }
});

test('the default of the file is looked at, too', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dora-cluster-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const file = path.join(folder, 'cluster.yml');
  writeFileSync(file, cluster);
  const { diagnostics } = parse('deploy: { machine: none }\nnodes: [{ id: a, path: x }]\n', { cluster: file });
  t.true(codes(diagnostics).includes('1:20 error UNKNOWN_MACHINE'));
});

test("a cluster's file that is wrong, missing or something else is reported with its own name", (t) => {
  const [wrong] = check(t, '{}', 'coordinator: { addr: a }\nmachines: 5\n');
  t.like(wrong, { code: 'WRONG_TYPE', line: 2 });
  t.true(wrong!.file.endsWith('cluster.yml'));
  t.deepEqual(codes(check(t, '{}', 'nodes: []\n')), ['1:1 error NOT_A_CLUSTER']);
  const { diagnostics } = parse('nodes: [{ id: a, path: x }]\n', { cluster: '/nowhere/cluster.yml' });
  t.like(diagnostics.at(-1), { code: 'FILE_NOT_FOUND', file: '/nowhere/cluster.yml' });
});
