/**
 * The root of the three kinds of file: a dataflow (`nodes`), a module (`module` and `nodes`), one node alone (`id`).
 * The one definition of the format: the schema walk checks by it. Rules that span several keys are not here but with
 * the steps that need them, where they can be explained.
 */

import { z } from 'zod';
import { deploy, env } from './common.js';
import { node } from './node.js';
import { key, later, noted, required, seconds, text } from './words.js';

const debug = z.strictObject({
  enable_debug_inspection: key(z.boolean(), 'Accepted and not needed: every output can be inspected.'),
  publish_all_messages_to_zenoh: key(z.boolean(), 'Accepted and not needed.', {
    modern: 'Remove it: every output can be inspected.',
  }),
});

const nodes = required(z.array(node), 'The nodes of the graph.');

export const dataflowFile = z.strictObject({
  nodes,
  env: key(env(), "Environment of every node; a node's own value wins."),
  exit_when_nodes_finish: later(z.boolean(), 'Timers do not keep a node alive once its other inputs have closed.'),
  health_check_interval: later(seconds('positive'), 'Seconds between two looks at liveness. Default 5.'),
  strict_types: later(z.boolean(), 'Type warnings are errors.'),
  type_rules: later(
    z.array(z.strictObject({ from: required(text(), 'A type.'), to: required(text(), 'A type.') })),
    'Further pairs of types that are compatible.',
  ),
  deploy: later(deploy, 'Default for every node.'),
  debug: key(debug, 'Accepted and not needed: every output can be inspected.'),
  _unstable_deploy: key(deploy, 'Default for every node.', { later: true, modern: 'Write "deploy".' }),
  _unstable_debug: key(debug, 'Accepted and not needed.', { modern: 'Write "debug", or remove it.' }),
  communication: key(noted(z.unknown(), { words: 'anything' }), 'Never had an effect.', {
    modern: 'Remove it: the key never had an effect.',
  }),
});

const portNames = () => z.array(text());

export const moduleFile = z.strictObject({
  module: required(
    z.strictObject({
      name: required(text(), 'Name of the module.'),
      inputs: key(portNames(), 'Inputs that have to be given.'),
      inputs_optional: key(portNames(), 'Inputs that may be given.'),
      outputs: key(portNames(), 'Outputs; each is made by exactly one node of the module.'),
    }),
    'What the module looks like from outside.',
  ),
  build: key(z.string(), 'Commands that build the module, one a line.'),
  nodes,
});

export { node as nodeFile };
