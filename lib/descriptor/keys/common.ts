/**
 * Keys that nodes, `custom` and operators share: environment, inputs, contracts between ports, running and failing,
 * logging, deployment. Each table stands once here and is spread into the maps that have it. A key whose feature does
 * not exist yet is defined in full and marked `later`: its values are checked, and it warns that it has no effect.
 */

import { z } from 'zod';
import { asWritten, duration, group, key, later, noted, path, required, seconds, size, text, whole } from './words.js';

/** One value of `env`: text (taken as written), or the host's variable at start. */
const envValue = z.union([
  asWritten(),
  group('hostVariable', { __dora_env: required(text(), 'Name of a variable of the host.') }),
]);

/** A map, or the seeds' list of one-key maps. */
export const env = (): z.ZodUnion<[EnvMap, z.ZodArray<EnvMap>]> =>
  noted(z.union([envMap(), z.array(envMap())]), { type: '[env](#env)' });
const envMap = (): EnvMap => z.record(z.string(), envValue);
type EnvMap = z.ZodRecord<z.ZodString, typeof envValue>;

/** Maps whose keys are names of the user. */
export const textMap = (): z.ZodRecord<z.ZodString, z.ZodString> => z.record(z.string(), asWritten());

export const queuePolicies = ['drop_oldest', 'backpressure'] as const;

const source = () => noted(text(), { words: 'a source such as camera/image or dora/timer/millis/100' });

/** Short form: a source. Long form: a map. */
export const input = noted(
  z.union([
    source(),
    group('input', {
      source: required(
        noted(source(), { type: '[source](#sources)' }),
        'Where the messages come from: `node/output`, `node/operator/output`, or a timer such as `dora/timer/millis/100`.',
      ),
      queue_size: key(whole(1, 65_536), 'Messages that wait at most.', { default: 10 }),
      queue_policy: key(
        z.enum(queuePolicies),
        'What happens when the queue is full: the oldest message is dropped (`drop_oldest`), or the sender waits (`backpressure`).',
        { default: 'drop_oldest' },
      ),
      priority: key(whole(0, 255), 'Between the inputs of one receiver, higher first.', { default: 0 }),
      input_timeout: key(
        seconds('positive'),
        'Seconds without a message after which the input counts as closed, until the next one comes.',
        { absent: 'never' },
      ),
      deadline: later(
        duration(),
        'Seconds, or text such as `5ms`, after its arrival in which a message has to be handled.',
      ),
    }),
  ]),
  { type: '[input](#input)' },
);

/** Inputs and outputs of a node, of `custom` and of an operator. */
export const ports = {
  inputs: key(z.record(z.string(), input), 'Input names, each with its source.', { default: {} }),
  outputs: key(z.array(noted(text(), { type: 'id' })), 'Names under which messages are sent.', { default: [] }),
  output_retain: key(
    z.record(z.string(), whole(0, 65_536)),
    'For each output named: how many of its newest messages are kept for receivers that join late.',
    { absent: '0 for each' },
  ),
} as const;

const typeMap = () => z.record(z.string(), noted(asWritten(), { type: '[type](types.md)' }));

/** What ports promise each other. */
export const contracts = {
  output_types: key(typeMap(), 'What the outputs carry, such as `std/media/v1/Image`.', { default: {} }),
  input_types: key(typeMap(), 'What the inputs take; compared with what their sources send.', { default: {} }),
  output_framing: later(
    z.record(z.string(), z.enum(['raw', 'arrow-ipc'])),
    'Encoding of the outputs named, on the wire.',
    { absent: 'raw for each' },
  ),
  output_metadata: key(z.record(z.string(), z.array(text())), 'Metadata keys that each message of an output carries.', {
    default: {},
  }),
  pattern: key(
    z.enum(['service-server', 'service-client', 'action-server', 'action-client']),
    'Part played in a service or action; implies `output_metadata`.',
  ),
} as const;

/** What happens when something ends that should not. */
export const restarting = {
  restart_policy: later(
    z.enum(['never', 'on-failure', 'always']),
    'When it is started again after it ended: `never`, after a failure, or `always`.',
    { default: 'never' },
  ),
  max_restarts: later(
    whole(0),
    'Restarts at most, inside `restart_window` when that is given; 0 stands for no limit.',
    { default: 0 },
  ),
  restart_delay: later(seconds('zero'), 'Seconds before the first restart; doubled each time.', {
    absent: 'no pause',
  }),
  max_restart_delay: later(seconds('zero'), 'Seconds up to which `restart_delay` is doubled.', { absent: 'no limit' }),
  restart_window: later(seconds('positive'), 'Only the restarts of this many seconds are counted.', {
    absent: 'all are counted',
  }),
} as const;

export const logLevels = ['stdout', 'trace', 'debug', 'info', 'warn', 'error'] as const;

export const logging = {
  send_stdout_as: later(
    noted(text(), { type: 'id of an output' }),
    'Output on which each line of stdout and stderr is sent.',
  ),
  send_logs_as: later(noted(text(), { type: 'id of an output' }), 'Output on which each log record is sent as JSON.'),
  min_log_level: later(z.enum(logLevels), 'Lesser log records are not kept.', { absent: 'all are kept' }),
  max_log_size: later(size(), 'Bytes at which a log file is rotated.', { absent: 'no limit' }),
  max_rotated_files: later(whole(0, 100), 'Rotated log files to keep.', { default: 5 }),
} as const;

const replicas = z.union([
  whole(1),
  group('replicas', {
    count: required(whole(1), 'How many replicas run.'),
    balance: key(
      noted(z.string().regex(/^(round_robin|least_loaded|by_key\([^()]+\))$/, 'is not a way to balance'), {
        words: 'round_robin, least_loaded or by_key(FIELD)',
      }),
      'Which of them gets a message.',
      { default: 'round_robin' },
    ),
  }),
]);

/** How a node's process runs. */
export const running = {
  ...restarting,
  health_check_timeout: later(
    seconds('positive'),
    'Seconds of silence, counted from joining, after which the node is killed.',
    { absent: 'no limit' },
  ),
  startup_timeout: later(seconds('positive'), 'Seconds after the start by which the node has joined, or is killed.', {
    absent: 'no limit',
  }),
  finish_grace_secs: later(seconds('zero'), 'Seconds to end by itself after its last input closed.', { default: 120 }),
  cpu_affinity: key(z.array(whole(0, 8191)), 'Numbers of the cores on which the process may run, from 0.', {
    absent: 'all cores',
  }),
  shared_memory_pool_size: key(size(), "The node's budget of shared memory in bytes; units count by 1024.", {
    absent: "a share of the machine's",
  }),
  realtime: key(
    group('realtime', {
      policy: key(z.enum(['fifo', 'rr']), 'Scheduling class of the kernel.', { default: 'fifo' }),
      priority: key(whole(1, 99), 'Real-time priority, higher first.', { default: 1 }),
      lock_memory: key(z.boolean(), 'Keep all memory of the process in RAM.', { default: false }),
    }),
    'Real-time scheduling of the process.',
    { absent: 'the usual scheduling' },
  ),
  keep_alive: later(z.boolean(), 'Hide a restart from the receivers.', { default: false }),
  replicas: later(replicas, 'Run the node several times and share its messages out. Not beside `scale`.', {
    default: 1,
  }),
  scale: later(
    group('scale', {
      min: key(whole(0), 'Replicas at least.', { default: 1 }),
      max: key(whole(1), 'Replicas at most.', { absent: 'no limit' }),
      target_queue: key(z.number().gt(0), 'Messages that wait, at which one more is started.'),
      target_cpu: key(z.number().gt(0), 'Load of a core (1 is all of it) at which one more is started.'),
    }),
    'Start and stop replicas by load. Not beside `replicas`.',
  ),
} as const;

const resources = group('resources', {
  cpus: key(z.number().gt(0), 'Cores that are needed; fractions count.'),
  memory: key(size(), 'Bytes of memory that are needed.'),
  devices: key(z.array(text()), 'Devices that are needed, such as `/dev/video0`.', { default: [] }),
  rate: key(z.number().gt(0), 'Messages a second that are expected.'),
  size: key(size(), 'Bytes of a message that are expected.'),
});

export const deploy = group('deploy', {
  machine: key(text(), 'Name of the machine (of its daemon) that runs the node.', { absent: 'any that fits' }),
  labels: key(textMap(), 'Labels that the machine has to have, all of them.', { default: {} }),
  working_dir: key(path(), 'Folder on the machine in which the program starts.'),
  distribute: key(
    z.enum(['local', 'scp', 'http', 'push']),
    'How built files get to the machine: they are there (`local`), by `scp`, or sent by the coordinator (`push`, also written `http`).',
    { default: 'local' },
  ),
  resources: key(resources, 'What placement needs to know.'),
});
