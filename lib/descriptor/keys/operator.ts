/**
 * Keys of an operator, under `operator` or in the list `operators`.
 *
 * Which of the sources is given, and that it is exactly one, is checked by resolve-operator.ts: a union of five maps
 * would explain itself badly.
 */

import { z } from 'zod';
import { contracts, env, logging, ports, restarting } from './common.js';
import { duration, key, later, size, text, required } from './words.js';

const python = z.union([
  text(),
  z.strictObject({
    source: required(text(), 'Path of the Python file.'),
    conda_env: key(text(), 'Conda environment to run in.'),
    venv: key(text(), 'Virtual environment to run in.'),
  }),
]);

const script = z.union([
  text(),
  z.strictObject({
    source: required(text(), 'Path of the module.'),
    export: key(text(), 'Name of the exported class. Default: the default export.'),
    worker: key(z.boolean(), 'Run on a thread of its own.'),
  }),
]);

/** The keys that name what an operator is made of; exactly one of them is given. */
export const operatorSources = ['shared-library', 'python', 'wasm', 'typescript', 'javascript'] as const;

export const operator = z.strictObject({
  id: key(text(), 'Unique in its node. Under "operator" the id of the node unless given.'),
  name: key(text(), 'For people.'),
  description: key(text(), 'For people.'),
  'shared-library': key(text(), 'Path of a shared library; prefix "lib" and extension may be left out.'),
  python: key(python, 'Path of a Python file.'),
  wasm: key(text(), 'Path of a WebAssembly module.'),
  typescript: key(script, 'Path of a TypeScript module.'),
  javascript: key(script, 'Path of a JavaScript module.'),
  build: key(z.string(), 'Commands that build the operator, one a line.'),
  env: key(env(), 'Values for this operator.'),
  ...ports,
  ...contracts,
  ...logging,
  ...restarting,
  priority: key(z.number().int().min(0).max(255), 'Between the operators of one runtime, higher first. Default 0.'),
  deadline: later(duration(), 'How long after its arrival an event has to be handled.'),
  on_deadline_miss: later(z.enum(['run', 'skip', 'stop']), 'What happens to an event that is late.'),
  wake: later(
    z.union([
      z.enum(['any', 'all']),
      z.array(text()),
      z.strictObject({
        on: key(z.union([z.enum(['any', 'all']), z.array(text())]), 'Inputs that wake the operator.'),
        batch: key(z.number().int().min(1), 'Messages to wait for.'),
        max_wait: key(duration(), 'How long to wait for them.'),
      }),
    ]),
    'Which inputs wake the operator.',
  ),
  state: later(
    z.record(
      z.string(),
      z.strictObject({
        scope: key(z.enum(['private', 'shared']), 'Who may use it.'),
        persist: key(z.boolean(), 'Keep it on disk.'),
        max_size: key(size(), 'Size at most.'),
      }),
    ),
    'Named stores that the runtime keeps for the operator.',
  ),
  isolate: later(z.enum(['process']), 'Run the operator in a runtime of its own.'),
});
