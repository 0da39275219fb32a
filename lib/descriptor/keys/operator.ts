/**
 * Keys of an operator, under `operator` or in the list `operators`.
 *
 * Which of the sources is given, and that it is exactly one, is checked by resolve-operator.ts: a union of five maps
 * would explain itself badly.
 */

import { z } from 'zod';
import { contracts, env, logging, ports, restarting } from './common.js';
import { duration, group, key, later, noted, path, required, size, text, whole } from './words.js';

const python = z.union([
  path(),
  group('python', {
    source: required(path(), 'The Python file.'),
    conda_env: key(text(), 'Conda environment to run in.'),
    venv: key(path(), 'Virtual environment to run in.'),
  }),
]);

const script = z.union([
  path(),
  group('script', {
    source: required(path(), 'The module.'),
    export: key(text(), 'Name of the exported class.', { default: 'default' }),
    worker: key(z.boolean(), 'Run on a thread of its own.', { default: false }),
  }),
]);

/** The keys that name what an operator is made of; exactly one of them is given. */
export const operatorSources = ['shared-library', 'python', 'wasm', 'typescript', 'javascript'] as const;

const wakeInputs = () => z.union([z.enum(['any', 'all']), z.array(noted(text(), { type: 'id of an input' }))]);

export const operator = noted(
  group('operator', {
    id: key(noted(text(), { type: 'id' }), 'Unique in its node; required in `operators`.', {
      absent: 'under `operator` the id of the node',
    }),
    name: key(text(), 'For people.', { absent: 'the id' }),
    description: key(text(), 'For people.'),
    'shared-library': key(
      path(),
      'A library with the [C interface](operators.md); prefix `lib` and extension may be left out.',
    ),
    python: key(python, 'A Python file.'),
    wasm: key(path(), 'A WebAssembly module.'),
    typescript: key(script, 'A TypeScript module.'),
    javascript: key(script, 'A JavaScript module.'),
    build: key(z.string(), 'Commands that build the operator, one a line.'),
    env: key(env(), 'Values for this operator.', { default: {} }),
    ...ports,
    ...contracts,
    ...logging,
    ...restarting,
    priority: key(whole(0, 255), 'Between the operators of one runtime, higher first.', { default: 0 }),
    deadline: later(
      duration(),
      'Seconds, or text such as `5ms`, after its arrival in which an event has to be handled.',
      { absent: 'no limit' },
    ),
    on_deadline_miss: later(
      z.enum(['run', 'skip', 'stop']),
      'What happens to an event that is late: it is handled all the same, left out, or the operator stops.',
      { default: 'run' },
    ),
    wake: later(
      z.union([
        z.enum(['any', 'all']),
        z.array(noted(text(), { type: 'id of an input' })),
        group('wake', {
          on: key(wakeInputs(), 'Inputs that wake the operator.', { default: 'any' }),
          batch: key(whole(1), 'Messages to wait for.', { default: 1 }),
          max_wait: key(duration(), 'Seconds, or text such as `5ms`, to wait for them.', { absent: 'no limit' }),
        }),
      ]),
      'Which inputs wake the operator: one of them (`any`), all, or those of a list.',
      { default: 'any' },
    ),
    state: later(
      z.record(
        z.string(),
        group('state', {
          scope: key(z.enum(['private', 'shared']), 'Whether other operators of the runtime may use it.', {
            default: 'private',
          }),
          persist: key(z.boolean(), 'Keep it on disk.', { default: false }),
          max_size: key(size(), 'Bytes that it may hold.', { absent: 'no limit' }),
        }),
      ),
      'Named stores that the runtime keeps for the operator.',
      { default: {} },
    ),
    isolate: later(z.enum(['process']), 'Run the operator in a runtime of its own.', { absent: "its node's runtime" }),
  }),
  { type: '[operator](#operator)' },
);
