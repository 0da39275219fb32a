/**
 * Every example runs to its end and has the result it promises: exit codes, counts, files, pictures, and the graphs in the READMEs.
 *
 * Each run has a copy of the example in a folder of its own, whose name has a space and an umlaut in it; beside the copy lie links to
 * what the example expects from this repository (headers, libdora, packages, dora-ts itself).
 */

import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PNG } from 'pngjs';
import type { RunEvent, RunResult } from '../../lib/cli/run-api.js';
import {
  frameCount,
  readExampleFile,
  referenceChecksums,
  referenceFrame,
  referencePictures,
} from '../helpers/edges-reference.js';
import { root } from '../helpers/source-tree.js';

const main = path.join(root, 'dist/cli/main.js');
/** Longer than any example takes on a busy machine; only a hang gets there. */
const WATCHDOG_MS = 120_000;

interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function dora(...args: string[]): Promise<Finished> {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.timeout(WATCHDOG_MS),
  });
  const chunks = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (chunks.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (chunks.stderr += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  return { code, ...chunks };
}

/** A copy of an example without what a run leaves there, with links to what it expects around it. */
async function copyExample(t: ExecutionContext, name: string): Promise<string> {
  const top = await mkdtemp(path.join(tmpdir(), 'dora prüft '));
  t.teardown(() => rm(top, { recursive: true }));
  const [source, folder] = [path.join(root, 'examples', name), path.join(top, 'examples', name)];
  const left = new Set(['build', 'out'].map((made) => path.join(source, made)));
  await mkdir(path.join(top, 'examples'));
  await cp(source, folder, { recursive: true, filter: (file) => !left.has(file) });
  for (const link of ['native', 'build', 'node_modules', 'package.json', 'dist'])
    await symlink(path.join(root, link), path.join(top, link));
  return folder;
}

interface ExampleRun {
  code: number | null;
  /** All that the run printed, for a failing assertion. */
  printed: string;
  result: RunResult;
  linesOf: (node: string) => string[];
}

async function runExample(file: string): Promise<ExampleRun> {
  const { code, stdout, stderr } = await dora('run', '--json', file);
  const printed = `${stdout}\n${stderr}`;
  const events = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RunEvent);
  const result = events.at(-1);
  if (result?.event !== 'finished') throw new Error(`the last event is not "finished":\n${printed}`);
  const linesOf = (node: string): string[] =>
    events.flatMap((event) => (event.event === 'output' && event.node === node ? event.lines : []));
  return { code, printed, result, linesOf };
}

/** Runs a copy of an example, which must end well. */
async function passExample(
  t: ExecutionContext,
  name: string,
  file = 'dataflow.yml',
): Promise<ExampleRun & { folder: string }> {
  const folder = await copyExample(t, name);
  const run = await runExample(path.join(folder, file));
  t.is(run.code, 0, run.printed);
  t.true(run.result.ok);
  return { ...run, folder };
}

/** The counts of one input; `sent` is split without a rest. */
function countsOf(
  t: ExecutionContext,
  result: RunResult,
  node: string,
  input: string,
): { sent: number; received: number; dropped: number } {
  const found = result.counts.find((counts) => counts.node === node)?.inputs.find((counts) => counts.id === input);
  if (found === undefined) throw new Error(`no counts of ${node}, input ${input}`);
  t.is(found.sent, found.received + found.dropped + found.inFlight + found.lost, `${node}/${input}`);
  return found;
}

/** The PNGs in a folder as frame number -> grey pixels. */
async function readFrames(folder: string): Promise<Map<number, Uint8Array>> {
  const names = (await readdir(folder)).sort();
  const frames = await Promise.all(
    names.map(async (name): Promise<[number, Uint8Array]> => {
      const png = PNG.sync.read(await readFile(path.join(folder, name)));
      return [Number(/^frame-(\d+)\.png$/.exec(name)?.[1]), png.data.filter((_, at) => at % 4 === 0)];
    }),
  );
  return new Map(frames);
}

function checkFrames(t: ExecutionContext, frames: ReadonlyMap<number, Uint8Array>): void {
  for (const [frame, pixels] of frames) {
    const same = Buffer.compare(pixels, referenceFrame(frame % frameCount).edges) === 0;
    t.true(same, `the PNG of frame ${frame} differs from the reference`);
  }
}

test('what examples/edges expects is what a second Sobel computes', (t) => {
  t.is(readExampleFile('expected/checksums.txt').toString(), referenceChecksums());
  const { input, output } = referencePictures();
  t.deepEqual(PNG.sync.read(readExampleFile('pictures/input.png')).data, input.data);
  t.deepEqual(PNG.sync.read(readExampleFile('pictures/output.png')).data, output.data);
});

test('edges with backpressure: all 90 frames arrive, and each is what it must be', async (t) => {
  const { folder, result, linesOf } = await passExample(t, 'edges');
  const report = linesOf('sink').join('\n');
  t.regex(report, /^frames: 90 sent by the camera, 90 received and compared$/m);
  t.regex(report, /^drops: 0 on the way to sobel, 0 on the way to the sink$/m);
  t.regex(report, /^latency: p50 \d+\.\d\d ms, p99 \d+\.\d\d ms /m);
  t.regex(report, /^result: every frame is as it must be$/m);
  const frames = await readFrames(path.join(folder, 'out'));
  t.deepEqual(
    [...frames.keys()],
    Array.from({ length: 90 }, (_, frame) => frame),
  );
  checkFrames(t, frames);
  const [image, edges] = [countsOf(t, result, 'vision', 'sobel/image'), countsOf(t, result, 'sink', 'edges')];
  t.true(edges.received >= 90 && image.received >= 90);
  t.is(image.dropped + edges.dropped, 0);
});

test('edges with drop_oldest: a slow sink loses frames, and every lost one is counted', async (t) => {
  const { folder, result, linesOf } = await passExample(t, 'edges', 'drop-oldest.yml');
  const report = linesOf('sink').join('\n');
  const [, sent, received] = /^frames: (\d+) sent by the camera, (\d+) received and compared$/m.exec(report) ?? [];
  const [, lost, dropped] = /^drops: (\d+) on the way to sobel, (\d+) on the way to the sink$/m.exec(report) ?? [];
  t.is(Number(received), 20, report);
  t.is(Number(sent), 20 + Number(lost) + Number(dropped), report);
  t.true(Number(dropped) > 0, report);
  t.regex(report, /^result: every frame is as it must be$/m);
  const frames = await readFrames(path.join(folder, 'out'));
  t.is(frames.size, 20);
  checkFrames(t, frames);
  const [image, edges] = [countsOf(t, result, 'vision', 'sobel/image'), countsOf(t, result, 'sink', 'edges')];
  t.true(image.dropped >= Number(lost) && edges.dropped >= Number(dropped));
});

test('edges: a frame that is not as it must be fails the sink, and with it the run', async (t) => {
  const folder = await copyExample(t, 'edges');
  const file = path.join(folder, 'expected/checksums.txt');
  const lines = (await readFile(file, 'utf8')).split('\n');
  await writeFile(file, lines.with(41, '0'.repeat(64)).join('\n'));
  const { code, printed, result, linesOf } = await runExample(path.join(folder, 'dataflow.yml'));
  t.is(code, 1, printed);
  t.false(result.ok);
  t.is(result.failure?.node, 'sink');
  t.regex(
    linesOf('sink').join('\n'),
    /^result: problems: 1\nproblem: frame 41 has the checksum [0-9a-f]{64}, which is wrong$/m,
  );
});

test('seed: the number of every message is the one that was sent', async (t) => {
  const { result, linesOf } = await passExample(t, 'seed');
  const lines = linesOf('ts-sink');
  t.true(
    lines
      .slice(0, -1)
      .every((line) => /^sink received: operator received random value 0x[0-9a-f]{16} after \d+ ticks$/.test(line)),
  );
  const [, received, missing] =
    /^sink: (\d+) messages received, (\d+) missing, 0 wrong$/.exec(lines.at(-1) ?? '') ?? [];
  t.is(Number(received), lines.length - 1);
  t.is(Number(received) + Number(missing), 100);
  t.deepEqual(linesOf('c-node'), ['100 numbers sent']);
  t.is(countsOf(t, result, 'runtime-node', 'c-operator/random').sent, 100);
  t.is(countsOf(t, result, 'ts-sink', 'message').received, Number(received));
  t.deepEqual(
    result.nodes.map((node) => [node.node, node.exitCode]),
    [
      ['c-node', 0],
      ['runtime-node', 0],
      ['ts-sink', 0],
    ],
  );
});

test('c-node: 200 readings cross from C to C, none missing, every byte right', async (t) => {
  const { result, linesOf } = await passExample(t, 'c-node');
  t.deepEqual(linesOf('publisher'), ['200 readings sent']);
  // 200 readings of n % 64 + 1 KiB: three rounds of 64, and the first 8 sizes again.
  const bytes = 1024 * (3 * ((64 * 65) / 2) + (8 * 9) / 2);
  t.is(linesOf('subscriber').at(-1), `200 readings received, 0 dropped, 0 wrong, ${bytes} bytes`);
  const counts = countsOf(t, result, 'subscriber', 'readings');
  t.deepEqual([counts.sent, counts.received, counts.dropped], [200, 200, 0]);
});

test('modules: each side has its own parameters, and all distances of both arrive', async (t) => {
  const { result, linesOf } = await passExample(t, 'modules');
  const expected = Object.entries({ left: [100, 5], right: [250, 20] }).map(([side, [distance = 0, window = 0]]) => {
    const readings = Array.from({ length: 100 }, (_, at) => at + 1)
      .filter((count) => count % 10 !== 0)
      .map((count) => distance + (count % 5) - 2);
    const means = readings.map((_, at) => {
      const last = readings.slice(Math.max(0, at + 1 - window), at + 1);
      return last.reduce((sum, cm) => sum + cm, 0) / last.length;
    });
    const [low, high] = [Math.min(...means.slice(20)), Math.max(...means.slice(20))];
    return `${side}: 90 distances, after the first 20 from ${low.toFixed(2)} to ${high.toFixed(2)} cm`;
  });
  t.deepEqual(linesOf('report'), expected);
  for (const side of ['left', 'right']) {
    t.like(countsOf(t, result, `${side}.reject`, 'reading'), { sent: 100, received: 100, dropped: 0 });
    t.like(countsOf(t, result, 'report', side), { sent: 90, received: 90, dropped: 0 });
  }
});

test('workers: both threads of the node do their share, and nothing is lost on the way', async (t) => {
  const { result, linesOf } = await passExample(t, 'workers');
  const sum = (first: number): number => 200 * first + (200 * 201) / 2;
  t.deepEqual(linesOf('factors'), ['over: allInputsClosed']);
  t.deepEqual(linesOf('report'), [
    `low: 200 numbers, ${sum(1_000_000)} in all`,
    `high: 200 numbers, ${sum(1_000_000_000)} in all`,
  ]);
  for (const node of ['factors', 'report']) {
    for (const side of ['low', 'high']) {
      t.like(countsOf(t, result, node, side), { sent: 200, received: 200, dropped: 0 });
    }
  }
});

for (const name of ['edges', 'seed', 'c-node', 'modules', 'workers']) {
  test(`${name}: its README shows the graph that dora graph prints`, async (t) => {
    const { code, stdout, stderr } = await dora('graph', path.join(root, 'examples', name, 'dataflow.yml'));
    t.is(code, 0, stderr);
    const readme = await readFile(path.join(root, 'examples', name, 'README.md'), 'utf8');
    t.true(readme.includes(`\`\`\`mermaid\n${stdout.trim()}\n\`\`\``), stdout);
  });
}

/** A folder of its own with the files that a page shows: a line `name`: and then the file's text. */
async function projectOf(t: ExecutionContext, page: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'dora-page-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const text = await readFile(path.join(root, page), 'utf8');
  for (const [, name, content] of text.matchAll(/^`([\w.-]+)`:\n\n```\w+\n(.*?)^```$/gms)) {
    await writeFile(path.join(folder, name!), content!);
  }
  await mkdir(path.join(folder, 'node_modules'));
  await symlink(root, path.join(folder, 'node_modules/dora-ts'));
  return folder;
}

for (const [page, node, expected] of [
  ['README.md', 'brightness', Array.from({ length: 10 }, (_, frame) => `frame ${frame}: ${frame}, 0 dropped`)],
  ['docs/getting-started.md', 'printer', Array.from({ length: 5 }, (_, at) => `count is ${at + 1}`)],
  ['docs/operators.md', 'sink', ['doubled: 2 4 6']],
  ['docs/c-node.md', 'asker', ['the echo says Hello']],
] as const) {
  test(`${page}: the dataflow that it shows runs, and prints what it must`, async (t) => {
    const folder = await projectOf(t, page);
    const { code, printed, linesOf } = await runExample(path.join(folder, 'dataflow.yml'));
    t.is(code, 0, printed);
    t.deepEqual(linesOf(node).slice(0, expected.length), expected);
  });
}
