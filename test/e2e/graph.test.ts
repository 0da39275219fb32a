/** `dora graph` as a user calls it: where the drawing goes, what is refused, and how it is opened. */

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { Sandbox } from '../helpers/cli.js';

const flow = `nodes:
  - { id: camera, path: camera.ts, inputs: { tick: dora/timer/hz/30 }, outputs: [image] }
  - { id: plot, path: plot.ts, inputs: { image: camera/image } }
`;

/** An xdg-open that writes down what it is given, and ends with a code. */
function opener(box: Sandbox, code: number): { PATH: string } {
  box.write('bin/xdg-open', `#!/bin/sh\necho "$1" > '${box.folder}/opened'\nexit ${code}\n`);
  return { PATH: `${path.join(box.folder, 'bin')}:/usr/bin:/bin` };
}

test('the drawing goes to stdout, or to a file that is not one of the dataflow', async (t) => {
  const box = new Sandbox(t);
  box.write('flow.yml', flow);
  const mermaid = await box.run('graph', 'flow.yml');
  t.regex(mermaid.stdout, /^flowchart LR\n/);
  const html = await box.run('graph', 'flow.yml', '--html');
  t.regex(html.stdout, /^<!doctype html>[^]*camera[^]*<\/html>\n$/);
  t.is(html.stderr, '');

  const out = await box.run('graph', 'flow.yml', '--html', '--out', 'flow.html');
  t.deepEqual([out.code, out.stdout, out.stderr], [0, '', 'wrote flow.html\n']);
  t.is(readFileSync(path.join(box.folder, 'flow.html'), 'utf8'), html.stdout);
  t.is((await box.run('graph', 'flow.yml', '-o', 'flow.mmd')).code, 0);
  t.is(readFileSync(path.join(box.folder, 'flow.mmd'), 'utf8'), mermaid.stdout);

  for (const target of ['flow.yml', './flow.yml', 'no/such/folder/x.html']) {
    const { code, stderr } = await box.run('graph', 'flow.yml', '--out', target);
    t.is(code, 1);
    t.regex(stderr, /WRITE_FAILED/);
  }
  t.is(readFileSync(path.join(box.folder, 'flow.yml'), 'utf8'), flow);
});

test('a file with mistakes is not drawn and nothing is written', async (t) => {
  const box = new Sandbox(t);
  box.write('flow.yml', flow.replace('camera/image', 'camera/imagee'));
  const { code, stderr } = await box.run('graph', 'flow.yml', '--html', '--out', 'flow.html');
  t.is(code, 1);
  t.regex(stderr, /UNKNOWN_SOURCE/);
  t.false(existsSync(path.join(box.folder, 'flow.html')));
});

test('--open hands a page to the system, and says what to do when it cannot', async (t) => {
  const box = new Sandbox(t);
  box.write('flow.yml', flow);
  const opened = (): string => readFileSync(path.join(box.folder, 'opened'), 'utf8').trim();

  const given = await box.dora(['graph', 'flow.yml', '--open', '--out', 'flow.html'], opener(box, 0)).finished;
  t.is(given.code, 0, given.stderr);
  t.is(opened(), path.join(box.folder, 'flow.html'));
  t.regex(readFileSync(opened(), 'utf8'), /^<!doctype html>/);

  const own = await box.dora(['graph', 'flow.yml', '--open'], { ...opener(box, 0), TMPDIR: box.folder }).finished;
  t.is(own.code, 0, own.stderr);
  t.regex(path.relative(box.folder, opened()), /^dora-graph-\w+\/flow\.html$/);
  t.regex(readFileSync(opened(), 'utf8'), /^<!doctype html>/);

  const failed = await box.dora(['graph', 'flow.yml', '--open', '--out', 'flow.html'], opener(box, 3)).finished;
  t.is(failed.code, 1);
  t.regex(failed.stderr, /OPEN_FAILED: [^]*flow\.html is written[^]*exit code 3[^]*hint:/);
  const none = await box.dora(['graph', 'flow.yml', '--open', '--out', 'flow.html'], { PATH: box.folder }).finished;
  t.is(none.code, 1);
  t.regex(none.stderr, /OPEN_FAILED: [^]*xdg-open is not installed/);
});

test('a file that is in order and no dataflow is called what it is, by every command that needs one', async (t) => {
  const box = new Sandbox(t);
  box.write('cluster.yml', 'coordinator: { addr: a }\nmachines: [{ id: a, host: b }]\n');
  for (const args of [['graph'], ['expand'], ['types', '--out', '-']]) {
    const { code, stderr } = await box.run(args[0]!, 'cluster.yml', ...args.slice(1));
    t.is(code, 1);
    t.regex(stderr, /NOT_A_DATAFLOW: cluster\.yml is the description of a cluster, not a dataflow\n/);
  }
});

test('--env takes no name that would vanish', async (t) => {
  const box = new Sandbox(t);
  box.write('flow.yml', flow);
  const { code, stderr } = await box.run('graph', 'flow.yml', '--env', '__proto__=x');
  t.is(code, 2);
  t.regex(stderr, /"__proto__" cannot be a variable/);
});
