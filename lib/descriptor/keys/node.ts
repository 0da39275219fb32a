/**
 * Keys of a node, and of the `custom` map of the first draft of the format.
 *
 * Both forms stand beside each other in one definition; resolve-node.ts merges them and checks that exactly one source
 * is given and that nothing stands where it has no meaning.
 */

import { z } from 'zod';
import { contracts, deploy, env, logging, ports, running, textMap } from './common.js';
import { operator } from './operator.js';
import { ros1, ros2 } from './ros.js';
import { asWritten, key, later, noted, required, text } from './words.js';

const args = z.union([noted(z.string(), { words: 'text that is split like a shell splits' }), z.array(asWritten())]);

const folder = () => key(text(), 'Folder in which the program starts. Default: the folder of the file.');
const build = () => key(z.string(), 'Commands that build the node, one a line.');

/** The `custom` map: a node that is a program of its own. */
export const custom = z.strictObject({
  source: key(text(), 'Path of the program.'),
  run: key(text(), 'The program with its arguments, split like a shell splits.'),
  path: key(text(), 'Path of the program.', { modern: 'Inside "custom" the program is named by "source".' }),
  args: key(args, 'Arguments: text that is split like a shell splits, or a list.'),
  build: build(),
  env: key(env(), 'Environment of build and run.'),
  envs: key(env(), 'Environment of build and run.', { modern: 'Write "env".' }),
  'working-directory': folder(),
  ...ports,
  ...contracts,
  ...running,
  ...logging,
});

/** The keys that say what a node is made of; exactly one of them is given. */
export const nodeSources = ['path', 'custom', 'operator', 'operators', 'ros2', 'ros1', 'module', 'hub'] as const;

export const node = z.strictObject({
  id: required(text(), 'Unique in the file. Letters, digits, "_" and "-".'),
  name: key(text(), 'For people.'),
  description: key(text(), 'For people.'),
  path: key(text(), 'Program or script, or "dynamic" for a node that is started by hand.'),
  path_sha256: later(
    noted(z.string().regex(/^[0-9a-fA-F]{64}$/, 'is not a SHA-256'), { words: '64 hex digits' }),
    'Checksum of the program.',
  ),
  args: key(args, 'Arguments: text that is split like a shell splits, or a list.'),
  custom: key(custom, 'A program of its own.'),
  operator: key(operator, 'One operator in a runtime of its own.'),
  operators: key(z.array(operator), 'Several operators in one runtime.'),
  ros2: key(ros2, 'Bridge to ROS 2.'),
  ros1: key(ros1, 'Bridge to ROS 1.'),
  module: key(text(), 'A sub-graph in a file of its own.'),
  params: key(textMap(), 'Parameters of the module.'),
  hub: key(text(), 'Package of the dora hub.'),
  git: key(text(), 'Repository to clone before the build.'),
  branch: key(asWritten(), 'Branch of the repository.'),
  tag: key(asWritten(), 'Tag of the repository.'),
  rev: key(asWritten(), 'Commit of the repository.'),
  build: build(),
  env: key(env(), 'Environment of build and run.'),
  'working-directory': folder(),
  ...ports,
  ...contracts,
  ...running,
  ...logging,
  threads: later(z.number().int().min(1), "Threads of the runtime's scheduler. Default 1."),
  deploy: later(deploy, 'Where the node runs.'),
  _unstable_deploy: key(deploy, 'Where the node runs.', { later: true, modern: 'Write "deploy".' }),
});
