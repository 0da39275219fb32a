/** How the end of a process is read. */

import test from 'ava';
import { readEnd, type EndContext } from '../../../lib/daemon/node-end.js';
import type { ChildEnd } from '../../../lib/daemon/child.js';

const context: EndContext = {
  node: 'n',
  file: '/p',
  cwd: '/w',
  hasPorts: true,
  joined: true,
  stopping: false,
  sentSignal: undefined,
};
const exit = (exitCode: number): ChildEnd => ({ exitCode, signal: null, durationMs: 1 });
const signal = (name: NodeJS.Signals): ChildEnd => ({ exitCode: null, signal: name, durationMs: 1 });

test('an end in order is finished, or stopped after a stop event', (t) => {
  t.deepEqual(readEnd(exit(0), context), { end: 'finished' });
  t.deepEqual(readEnd(exit(0), { ...context, stopping: true }), { end: 'stopped' });
});

test('an end by our own signal is no failure, whatever the program made of it', (t) => {
  t.deepEqual(readEnd(signal('SIGTERM'), { ...context, sentSignal: 'SIGTERM' }), { end: 'terminated' });
  t.deepEqual(readEnd(exit(143), { ...context, sentSignal: 'SIGTERM' }), { end: 'terminated' });
  t.deepEqual(readEnd(signal('SIGKILL'), { ...context, sentSignal: 'SIGKILL' }), { end: 'killed' });
  t.deepEqual(readEnd(exit(0), { ...context, sentSignal: 'SIGTERM', stopping: true }), { end: 'stopped' });
});

test('everything else is a failure with a code, and a hint where one helps', (t) => {
  t.is(readEnd(exit(3), context).error?.code, 'NODE_FAILED');
  t.is(readEnd(exit(3), { ...context, stopping: true }).end, 'failed');
  t.regex(readEnd(exit(13), context).error?.hint ?? '', /top-level await/);
  const crash = readEnd(signal('SIGKILL'), context);
  t.is(crash.error?.code, 'NODE_CRASHED');
  t.regex(crash.error?.hint ?? '', /out of memory/);
  const spawnError = Object.assign(new Error('spawn /p EACCES'), { code: 'EACCES' });
  const notStarted = readEnd({ exitCode: null, signal: null, spawnError, durationMs: 0 }, context);
  t.is(notStarted.error?.code, 'NODE_NOT_STARTED');
  t.regex(notStarted.error?.hint ?? '', /chmod \+x \/p/);
});

test('ending in order without having joined is a failure only where there is something to join for', (t) => {
  t.is(readEnd(exit(0), { ...context, joined: false }).error?.code, 'NODE_NEVER_JOINED');
  t.is(readEnd(exit(0), { ...context, joined: false, hasPorts: false }).end, 'finished');
  t.is(readEnd(exit(0), { ...context, joined: false, stopping: true }).end, 'stopped');
});
