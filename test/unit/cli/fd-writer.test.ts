/** Writing without blocking: order, a slow reader, a reader that went away, a full disk. */

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { FdWriter } from '../../../lib/cli/fd-writer.js';

test('everything arrives in order', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dora-fd-'));
  const file = path.join(folder, 'out');
  const fd = openSync(file, 'w');
  const writer = new FdWriter(fd, () => t.fail());
  const lines = Array.from({ length: 5000 }, (_, n) => `ü line ${n}\n`);
  for (const line of lines) {
    writer.write(line);
    await writer.ready();
  }
  await writer.flush();
  t.is(readFileSync(file, 'utf8'), lines.join(''));
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

test('a reader that does not read blocks ready(), not the process; one that goes away is reported once', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dora-fd-'));
  const fifo = path.join(folder, 'pipe');
  execFileSync('mkfifo', [fifo]);
  const reader = spawn('/bin/sh', ['-c', 'exec 3<"$0"; exec sleep 60', fifo]);
  const fd = openSync(fifo, 'w');
  let gone = 0;
  const writer = new FdWriter(fd, (failure) => {
    t.is(failure, undefined);
    gone++;
  });
  writer.write('x'.repeat(1_000_000));
  await new Promise((resolve) => setTimeout(resolve, 50));
  writer.write('y'.repeat(1_000_000));
  let ready = false;
  const waiting = writer.ready().then(() => (ready = true));
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.false(ready);
  reader.kill('SIGKILL');
  await waiting;
  await writer.flush();
  writer.write('more');
  await writer.flush();
  t.is(gone, 1);
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

test('what cannot be written for another reason is told once, with the reason', async (t) => {
  const fd = openSync('/dev/full', 'w');
  const failures: (Error | undefined)[] = [];
  const writer = new FdWriter(fd, (failure) => failures.push(failure));
  writer.write('one');
  await writer.flush();
  writer.write('two');
  await writer.flush();
  t.is(failures.length, 1);
  t.regex(String(failures[0]), /ENOSPC/);
  closeSync(fd);
});
