/**
 * The root of the kinds of file: a dataflow (`nodes`), a module (`module` and `nodes`), one node alone (`id`), and the
 * description of a cluster (`machines`). The one definition of the format: the schema walk checks by it. Rules that span
 * several keys are not here but with the steps that need them, where they can be explained.
 */

import { z } from 'zod';
import { deploy, env, textMap } from './common.js';
import { node } from './node.js';
import { group, key, later, noted, required, seconds, text, whole } from './words.js';

const debug = group('debug', {
  enable_debug_inspection: key(z.boolean(), 'Accepted and not needed: every output can be inspected.', {
    default: false,
  }),
  publish_all_messages_to_zenoh: key(z.boolean(), 'Accepted and not needed.', {
    modern: 'Remove it: every output can be inspected.',
  }),
});

const nodes = required(z.array(node), 'The nodes of the graph, at least one.');
const typeName = () => noted(text(), { type: '[type](types.md)' });

export const dataflowFile = group('dataflow', {
  nodes,
  env: key(env(), "Environment of every node; a node's own value wins.", { default: {} }),
  exit_when_nodes_finish: later(z.boolean(), 'Timers do not keep a node alive once all its other inputs have closed.', {
    default: false,
  }),
  health_check_interval: later(seconds('positive'), 'Seconds between two looks at liveness.', { default: 5 }),
  strict_types: key(z.boolean(), 'Warnings about [types](types.md) are errors.', { default: false }),
  type_rules: key(
    z.array(
      group('typeRule', {
        from: required(typeName(), 'Type of an output.'),
        to: required(typeName(), 'Type of an input that may read it.'),
      }),
    ),
    'Further pairs of [types](types.md#type_rules) that fit.',
    { default: [] },
  ),
  deploy: later(deploy, 'Where nodes run that do not say it themselves.'),
  debug: key(debug, 'Accepted and not needed: every output can be inspected.'),
  _unstable_deploy: key(deploy, 'Where nodes run.', { later: true, modern: 'Write "deploy".' }),
  _unstable_debug: key(debug, 'Accepted and not needed.', { modern: 'Write "debug", or remove it.' }),
  communication: key(noted(z.unknown(), { words: 'anything' }), 'Never had an effect.', {
    modern: 'Remove it: the key never had an effect.',
  }),
});

const portNames = () => z.array(noted(text(), { type: 'id' }));

export const moduleFile = group('moduleFile', {
  module: required(
    group('module', {
      name: required(text(), 'Name of the module, for people.'),
      inputs: key(portNames(), 'Inputs that have to be given; nodes inside read them as `_mod/NAME`.', { default: [] }),
      inputs_optional: key(portNames(), 'Inputs that may be given.', { default: [] }),
      outputs: key(portNames(), 'Outputs; each is made by exactly one node of the module.', { default: [] }),
    }),
    'What the module looks like from outside.',
  ),
  build: key(z.string(), 'Commands that build the module, one a line.'),
  nodes,
});

const port = () => whole(1, 65_535);

const machine = group('machine', {
  id: required(text(), 'Unique in the file; what `deploy.machine` names.'),
  host: required(text(), 'Name or address under which the machine is reached by SSH.'),
  user: key(text(), 'User there.', { absent: 'the user who runs dora' }),
  port: key(port(), 'Port of SSH.', { default: 22 }),
  daemon_port: key(port(), 'Port on which the daemon listens for nodes.', { default: 53291 }),
  labels: key(textMap(), 'What `deploy.labels` looks for.', { default: {} }),
  zenoh_addr: key(text(), 'Address under which other machines reach it.', { absent: 'host' }),
  zenoh_port: key(port(), 'Port for messages between machines.', { default: 5456 }),
});

export const clusterFile = group('cluster', {
  coordinator: required(
    group('coordinator', {
      addr: required(text(), 'Address on which the coordinator listens.'),
      port: key(port(), 'Its port.', { default: 6013 }),
    }),
    'Where the coordinator runs.',
  ),
  zenoh_peer: key(text(), 'One meeting point for all daemons, such as `tcp/10.0.0.1:5456`.'),
  machines: required(z.array(machine), 'The machines of the cluster, at least one.'),
});

export { node as nodeFile };
