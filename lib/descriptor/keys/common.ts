/**
 * Keys that nodes, `custom` and operators share: environment, inputs, contracts between ports, running and failing,
 * logging, deployment. Each table stands once here and is spread into the maps that have it. A key whose feature does
 * not exist yet is defined in full and marked `later`: its values are checked, and it warns that it has no effect.
 */

import { z } from 'zod';
import { asWritten, duration, key, later, noted, required, seconds, size, text } from './words.js';

/** One value of `env`: text (taken as written), or the host's variable at start. */
const envValue = z.union([
  asWritten(),
  z.strictObject({ __dora_env: required(text(), 'Name of a variable of the host') }),
]);

/** A map, or the seeds' list of one-key maps. */
export const env = (): z.ZodUnion<[EnvMap, z.ZodArray<EnvMap>]> => z.union([envMap(), z.array(envMap())]);
const envMap = (): EnvMap => z.record(z.string(), envValue);
type EnvMap = z.ZodRecord<z.ZodString, typeof envValue>;

/** Maps whose keys are names of the user. */
export const textMap = (): z.ZodRecord<z.ZodString, z.ZodString> => z.record(z.string(), asWritten());

export const queuePolicies = ['drop_oldest', 'backpressure'] as const;

/** Short form: a source. Long form: a map. */
export const input = z.union([
  noted(text(), { words: 'a source such as camera/image or dora/timer/millis/100' }),
  z.strictObject({
    source: required(text(), 'Where the messages come from: node/output, node/operator/output, dora/timer/millis/100'),
    queue_size: key(z.number().int().min(1).max(65_536), 'Messages that wait at most. Default 10.'),
    queue_policy: key(
      z.enum(queuePolicies),
      'What happens when the queue is full: the oldest message is dropped (drop_oldest, the default), or the sender waits (backpressure).',
    ),
    priority: key(z.number().int().min(0).max(255), 'Between the inputs of one receiver, higher first. Default 0.'),
    input_timeout: key(
      seconds('positive'),
      'Seconds without a message after which the input counts as closed, until the next one comes. Default: never.',
    ),
    deadline: later(duration(), 'How long after its arrival a message has to be handled.'),
  }),
]);

/** Inputs and outputs of a node, of `custom` and of an operator. */
export const ports = {
  inputs: key(z.record(z.string(), input), 'Input names, each with its source.'),
  outputs: key(z.array(text()), 'Names under which messages are sent.'),
  output_retain: key(
    z.record(z.string(), z.number().int().min(0).max(65_536)),
    'For each output named: how many of its newest messages are kept for receivers that join late. Default 0.',
  ),
} as const;

/** What ports promise each other. */
export const contracts = {
  output_types: later(textMap(), 'Types of outputs, such as std/media/v1/Image.'),
  input_types: later(textMap(), 'Types of inputs.'),
  output_framing: later(z.record(z.string(), z.enum(['raw', 'arrow-ipc'])), 'Encoding of outputs on the wire.'),
  output_metadata: later(
    z.record(z.string(), z.array(text())),
    'Metadata keys that each message of an output carries.',
  ),
  pattern: later(
    z.enum(['service-server', 'service-client', 'action-server', 'action-client']),
    'Part that the node plays in a service or action.',
  ),
} as const;

/** What happens when something ends that should not. */
export const restarting = {
  restart_policy: later(z.enum(['never', 'on-failure', 'always']), 'When a node that ended is started again.'),
  max_restarts: later(z.number().int().min(0), 'Restarts at most; 0: no limit.'),
  restart_delay: later(seconds('zero'), 'Seconds before the first restart; doubled each time.'),
  max_restart_delay: later(seconds('zero'), 'Seconds before a restart at most.'),
  restart_window: later(seconds('positive'), 'Count only the restarts of this many seconds.'),
} as const;

export const logLevels = ['stdout', 'trace', 'debug', 'info', 'warn', 'error'] as const;

export const logging = {
  send_stdout_as: later(text(), 'Output on which each line of stdout and stderr is sent.'),
  send_logs_as: later(text(), 'Output on which each log record is sent as JSON.'),
  min_log_level: later(z.enum(logLevels), 'Lesser log records are not kept.'),
  max_log_size: later(size(), 'Size at which a log file is rotated.'),
  max_rotated_files: later(z.number().int().min(0).max(100), 'Rotated log files to keep. Default 5.'),
} as const;

const replicas = z.union([
  z.number().int().min(1),
  z.strictObject({
    count: required(z.number().int().min(1), 'How many.'),
    balance: key(
      noted(z.string().regex(/^(round_robin|least_loaded|by_key\([^()]+\))$/, 'is not a way to balance'), {
        words: 'round_robin, least_loaded or by_key(FIELD)',
      }),
      'Which of them gets a message.',
    ),
  }),
]);

/** How a node's process runs. */
export const running = {
  ...restarting,
  health_check_timeout: later(seconds('positive'), 'A node that is silent for this many seconds is killed.'),
  startup_timeout: later(seconds('positive'), 'A node that has not joined after this many seconds is killed.'),
  finish_grace_secs: later(seconds('zero'), 'Seconds to end by itself after its last input closed. Default 120.'),
  cpu_affinity: later(z.array(z.number().int().min(0)), 'Cores on which the process may run.'),
  shared_memory_pool_size: key(size(), "The node's budget of shared memory. Default: a share of the machine's."),
  realtime: later(
    z.strictObject({
      policy: key(z.enum(['fifo', 'rr']), 'Scheduling class.'),
      priority: key(z.number().int().min(1).max(99), 'Real-time priority.'),
      lock_memory: key(z.boolean(), 'Keep all memory of the process in RAM.'),
    }),
    'Real-time scheduling of the process.',
  ),
  keep_alive: later(z.boolean(), 'Hide a restart from the receivers.'),
  replicas: later(replicas, 'Run the node several times and share its messages out.'),
  scale: later(
    z.strictObject({
      min: key(z.number().int().min(0), 'Replicas at least.'),
      max: key(z.number().int().min(1), 'Replicas at most.'),
      target_queue: key(z.number().gt(0), 'Messages that wait, at which one more is started.'),
      target_cpu: key(z.number().gt(0), 'Load at which one more is started.'),
    }),
    'Start and stop replicas by load.',
  ),
} as const;

export const deploy = z.strictObject({
  machine: key(text(), 'Name of the daemon.'),
  labels: key(textMap(), 'Labels that the machine must have.'),
  working_dir: key(text(), 'Folder on the machine.'),
  distribute: key(z.enum(['local', 'scp', 'http', 'push']), 'How built files get there. Default local.'),
  resources: key(
    z.strictObject({
      cpus: key(z.number().gt(0), 'Cores that are needed.'),
      memory: key(size(), 'Memory that is needed.'),
      devices: key(z.array(text()), 'Devices that are needed.'),
      rate: key(z.number().gt(0), 'Messages a second that are expected.'),
      size: key(size(), 'Size of a message that is expected.'),
    }),
    'What placement needs to know.',
  ),
});
