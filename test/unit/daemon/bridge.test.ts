/**
 * The core's C function table as another addon gets it: through JavaScript, beside real node processes.
 *
 * The addon is test/fixtures/bridge/forward.c, compiled here. What the table does in detail is tested by test/native/bridge_test.cc.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { NativeBridge } from '../../../lib/native/binding.js';
import { loadNative } from '../../../lib/native/load.js';
import { startDataflow } from '../../helpers/dataflow.js';

const require = createRequire(import.meta.url);
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const folder = mkdtempSync(path.join(os.tmpdir(), 'dora-bridge-'));
const compiler = process.env['CC'] ?? 'cc';

interface Forwarder {
  forward(bridge: NativeBridge, dataflow: string, node: string, output: string, far: string, count: number): number;
}
let addon: Forwarder;

test.before(() => {
  const file = path.join(folder, 'forward.node');
  const { include_dir } = require('node-api-headers') as { include_dir: string };
  const includes = ['-I', path.join(root, 'native/include'), '-isystem', include_dir];
  const flags = ['-std=c11', '-D_POSIX_C_SOURCE=200809L', '-O2', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared'];
  execFileSync(compiler, [...flags, ...includes, '-o', file, path.join(root, 'test/fixtures/bridge/forward.c')]);
  addon = require(file) as Forwarder;
});
test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('another addon forwards messages by the table that JavaScript hands to it', async (t) => {
  const count = 500;
  const flow = await startDataflow([
    {
      id: 'source',
      outputs: ['out'],
      args: count,
      main: async ({ node, args }) => {
        for (let i = 0; i < (args as number); i++) await node.send('out', `message ${i}`, { number: i });
      },
    },
    { id: 'far', outputs: ['out'], elsewhere: true, main: () => undefined },
    {
      id: 'sink',
      inputs: { in: { from: 'far/out', policy: 'backpressure', queueSize: 3 } },
      main: async ({ node, report }) => {
        let received = 0;
        for await (const e of node) {
          if (e.type === 'input' && e.text() === `message ${received}` && e.metadata['number'] === received) received++;
          if (e.type === 'inputClosed') report(e.reason);
        }
        report(received);
      },
    },
  ]);
  t.is(addon.forward(flow.broker.bridge(), flow.name, 'source', 'out', 'far', count), count);
  t.deepEqual((await flow.ended())['sink']!.reports, ['ended', count]);
});

test('the client of docs/bridge.md compiles as C11 without a warning', (t) => {
  const page = readFileSync(path.join(root, 'docs/bridge.md'), 'utf8');
  const client = [...page.matchAll(/^```c\n(.*?)^```$/gms)]
    .map(([, code]) => code!)
    .find((code) => code.includes('#include'));
  t.truthy(client);
  const flags = [
    '-std=c11',
    '-Wall',
    '-Wextra',
    '-Wpedantic',
    '-Wconversion',
    '-Werror',
    '-fsyntax-only',
    '-x',
    'c',
    '-',
  ];
  execFileSync(compiler, ['-I', path.join(root, 'native/include'), ...flags], { input: client!, stdio: 'pipe' });
});

test('what is no bridge is not taken for one, and a closed broker gives none', (t) => {
  const broker = loadNative().createBroker({
    runtimeFolder: folder,
    nodesOutlive: false,
    graceMs: 1000,
    onEvents: () => undefined,
  });
  const bridge = broker.bridge();
  const forward = (candidate: unknown): number => addon.forward(candidate as NativeBridge, 'd', 'n', 'o', 'f', 1);
  t.throws(() => forward({}), { instanceOf: TypeError, message: 'this is no bridge' });
  t.throws(() => forward(bridge), { message: /there is no node "n" in this dataflow/ });
  broker.close();
  t.throws(() => forward(bridge), { message: 'the broker of this table is gone' });
  t.throws(() => broker.bridge(), { instanceOf: TypeError });
});
