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
import { asWritten, group, key, later, noted, path, required, text, whole } from './words.js';

const args = noted(
  z.union([noted(z.string(), { words: 'text that is split like a shell splits' }), z.array(asWritten())]),
  { type: 'text or list of text' },
);

const argsKey = () =>
  key(args, 'Arguments: a list, or text that is split like a shell splits (quotes, backslashes); no shell runs.', {
    default: [],
  });
const folder = () => key(path(), 'Folder in which the program starts.', { absent: 'the folder of the file' });
const build = () =>
  key(z.string(), 'Commands that build the node, one a line; a line may end in `\\` to go on in the next.');

/** The `custom` map: a node that is a program of its own. */
export const custom = group('custom', {
  source: key(path(), 'The program.'),
  run: key(text(), 'The program with its arguments, split like a shell splits.'),
  path: key(path(), 'The program.', { modern: 'Inside "custom" the program is named by "source".' }),
  args: argsKey(),
  build: build(),
  env: key(env(), "Environment of build and program; wins over the node's.", { default: {} }),
  envs: key(env(), 'Environment of build and program.', { modern: 'Write "env".' }),
  'working-directory': folder(),
  ...ports,
  ...contracts,
  ...running,
  ...logging,
});

/** The keys that say what a node is made of; exactly one of them is given. */
export const nodeSources = ['path', 'custom', 'operator', 'operators', 'ros2', 'ros1', 'module', 'hub'] as const;

export const node = noted(
  group('node', {
    id: required(noted(text(), { type: 'id' }), 'Unique in the file: letters, digits, `_` and `-`; not `dora`.'),
    name: key(text(), 'For people.', { absent: 'the id' }),
    description: key(text(), 'For people.'),
    path: key(
      path(),
      'The program or script; or `dynamic` (started by hand), [`shell`](modules.md#shell) (runs `args` in a shell), or an [address](modules.md#downloads) to download it from.',
    ),
    path_sha256: key(
      noted(asWritten().regex(/^[0-9a-fA-F]{64}$/, 'is not a SHA-256'), { asWritten: true, words: '64 hex digits' }),
      'Checksum of a program that is downloaded.',
    ),
    args: argsKey(),
    custom: key(noted(custom, { type: '[map](#custom)' }), 'A program of its own, in the first form of the format.'),
    operator: key(operator, 'One operator in a runtime of its own.'),
    operators: key(z.array(operator), 'Several operators in one runtime: one process, shared crash.'),
    ros2: key(noted(ros2, { type: '[map](#ros2)' }), 'Bridge to ROS 2.'),
    ros1: key(noted(ros1, { type: '[map](#ros1)' }), 'Bridge to ROS 1.'),
    module: key(path(), 'A [module](modules.md): the nodes of another file stand for this one.'),
    params: key(textMap(), 'Values for the [parameters](modules.md#parameters) of the module; only beside `module`.', {
      default: {},
    }),
    hub: key(text(), 'Package of the dora hub: `[namespace/]name@range`. Read and [refused](modules.md#hub).'),
    git: key(
      text(),
      'Address of a [repository](modules.md#git) that is cloned before the build; `path` and `build` start in it.',
    ),
    branch: key(asWritten(), 'Branch of the repository. At most one of `branch`, `tag` and `rev`.'),
    tag: key(asWritten(), 'Tag of the repository.'),
    rev: key(asWritten(), 'Commit of the repository, as hex digits.'),
    build: build(),
    env: key(env(), 'Environment of build and program.', { default: {} }),
    'working-directory': folder(),
    ...ports,
    ...contracts,
    ...running,
    ...logging,
    threads: later(whole(1), 'Threads on which the operators run; only beside operators.', { default: 1 }),
    deploy: later(noted(deploy, { type: '[map](#deploy)' }), 'Where the node runs.', { absent: "the file's" }),
    _unstable_deploy: key(deploy, 'Where the node runs.', { later: true, modern: 'Write "deploy".' }),
  }),
  { type: '[node](#node)' },
);
