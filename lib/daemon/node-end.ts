/**
 * How a node's end is to be read: in order, made by us, or a failure, and then in which words.
 *
 * One pure function from an exit code or signal and what is known about the node to a verdict. A failure's hint is for
 * somebody who sees that signal for the first time.
 */

import { constants } from 'node:os';
import type { NodeEnd, NodeError } from '../message/report.js';
import type { ChildEnd } from './child.js';

/** What is known about a node besides the way its process ended. */
export interface EndContext {
  readonly node: string;
  /** Program and folder, for a node that could not be started. */
  readonly file: string;
  readonly cwd: string;
  /** It has inputs or outputs, so it had to join. */
  readonly hasPorts: boolean;
  readonly joined: boolean;
  /** A stop event was sent to it. */
  readonly stopping: boolean;
  /** The strongest signal that the daemon sent. */
  readonly sentSignal: 'SIGTERM' | 'SIGKILL' | undefined;
}

export function readEnd(end: ChildEnd, context: EndContext): { end: NodeEnd; error?: NodeError } {
  const { node, sentSignal, stopping } = context;
  if (end.spawnError !== undefined) return { end: 'failed', error: notStarted(end.spawnError, context) };
  // Whatever a program does about our signal (a shell answers 143, Python 1), the signal ended it.
  if (sentSignal === 'SIGKILL' && end.signal === 'SIGKILL') return { end: 'killed' };
  if (sentSignal !== undefined && end.exitCode !== 0) return { end: 'terminated' };
  if (end.signal !== null) {
    return {
      end: 'failed',
      error: {
        code: 'NODE_CRASHED',
        message: `node "${node}" was ended by ${describeSignal(end.signal)}`,
        ...signalHint(end.signal),
      },
    };
  }
  if (end.exitCode !== 0) {
    return {
      end: 'failed',
      error: {
        code: 'NODE_FAILED',
        message: `node "${node}" ended with exit code ${String(end.exitCode)}`,
        ...exitHint(end.exitCode),
      },
    };
  }
  if (stopping) return { end: 'stopped' };
  if (context.hasPorts && !context.joined) {
    return {
      end: 'failed',
      error: {
        code: 'NODE_NEVER_JOINED',
        message: `node "${node}" ended without having joined the dataflow`,
        hint: 'Its program has to call Node.connect() (dora_node_connect in C); one that takes no part needs no "inputs" and "outputs".',
      },
    };
  }
  return { end: 'finished' };
}

function notStarted(error: NodeJS.ErrnoException, { node, file, cwd }: EndContext): NodeError {
  const hints: Record<string, string> = {
    ENOENT: `Either ${file}, the interpreter in its first line, or the folder ${cwd} is not there.`,
    EACCES: `${file} may not be executed; run: chmod +x ${file}`,
    ENOEXEC: `${file} is no program for this machine; a script needs a first line such as #!/bin/sh.`,
    E2BIG: 'Its arguments or its environment are too long.',
    EAGAIN: 'This user may not start more processes (ulimit -u).',
    EMFILE: 'Too many open files (ulimit -n).',
  };
  const hint = hints[error.code ?? ''];
  return {
    code: 'NODE_NOT_STARTED',
    message: `node "${node}" cannot be started: ${error.message}`,
    ...(hint === undefined ? {} : { hint }),
  };
}

function describeSignal(signal: NodeJS.Signals): string {
  return `${signal} (signal ${constants.signals[signal]})`;
}

function signalHint(signal: NodeJS.Signals): { hint?: string } {
  const hints: Partial<Record<NodeJS.Signals, string>> = {
    SIGKILL: 'Somebody else killed it. When the machine runs out of memory, the kernel does; "dmesg" tells.',
    SIGTERM: 'Somebody else ended it.',
    SIGINT: 'Somebody else interrupted it.',
    SIGSEGV:
      'It touched memory that is not its own: look at its native code, and for stores into received data (copy() first).',
    SIGBUS: 'It touched memory that is not there any more: look at its native code.',
    SIGABRT: 'It gave up by itself; its last lines say why.',
    SIGILL: 'It was built for another processor, or its native code is broken.',
    SIGTRAP: 'It came to a trap: __builtin_trap(), or a check that its compiler had put in.',
    SIGFPE: 'It divided an integer by zero.',
  };
  const hint = hints[signal];
  return hint === undefined ? {} : { hint };
}

function exitHint(exitCode: number | null): { hint?: string } {
  if (exitCode === 13)
    return { hint: 'Node.js says so when a top-level await never settles and nothing else is left to do.' };
  if (exitCode === 126 || exitCode === 127) return { hint: 'A shell says so when it cannot run a command.' };
  return {};
}
