/**
 * Keys of the ROS bridges: `ros2` and `ros1`.
 *
 * They are read and checked; nodes that use them do not run yet (resolve-node.ts says so). Names and defaults are those
 * of dora 1.x.
 */

import { z } from 'zod';
import { key, required, seconds, text } from './words.js';

const direction = () =>
  key(z.enum(['subscribe', 'publish']), 'From ROS into the dataflow (subscribe, the default), or out of it.');

const qos = z.strictObject({
  reliable: key(z.boolean(), 'Send again what was lost. Default false.'),
  durability: key(
    z.enum(['volatile', 'transient_local']),
    'Whether late joiners get the last messages. Default volatile.',
  ),
  liveliness: key(
    z.enum(['automatic', 'manual_by_participant', 'manual_by_topic']),
    'Who says that the sender is alive. Default automatic.',
  ),
  lease_duration: key(seconds('positive'), 'Seconds after which a silent sender counts as gone.'),
  max_blocking_time: key(seconds('zero'), 'Seconds that a reliable send may wait.'),
  keep_last: key(z.number().int().min(1), 'Messages that are kept. Default 1.'),
  keep_all: key(z.boolean(), 'Keep all messages. Default false.'),
});

const topic = z.strictObject({
  topic: required(text(), 'Name of the topic.'),
  message_type: required(text(), 'pkg/Type or pkg/msg/Type.'),
  direction: direction(),
  input: key(text(), 'Input of this node that is published.'),
  output: key(text(), 'Output of this node on which messages are sent.'),
  qos: key(qos, 'Quality of service.'),
});

export const ros2 = z.strictObject({
  topic: key(text(), 'Name of the topic.'),
  message_type: key(text(), 'pkg/Type or pkg/msg/Type.'),
  direction: direction(),
  topics: key(z.array(topic), 'Several topics.'),
  service: key(text(), 'Name of the service.'),
  service_type: key(text(), 'pkg/Type or pkg/srv/Type.'),
  action: key(text(), 'Name of the action.'),
  action_type: key(text(), 'pkg/Type or pkg/action/Type.'),
  role: key(z.enum(['client', 'server']), 'Part that the bridge plays.'),
  qos: key(qos, 'Quality of service.'),
  namespace: key(text(), 'ROS namespace. Default /.'),
  node_name: key(text(), 'ROS name. Default: the id of the node.'),
  transport: key(
    z.strictObject({
      kind: key(z.enum(['dds', 'zenoh']), 'Default dds.'),
      compatibility: key(z.enum(['humble', 'rep2016']), 'Required with zenoh.'),
      config_uri: key(text(), 'Configuration of the session.'),
    }),
    'How the bridge reaches ROS.',
  ),
});

export const ros1 = z.strictObject({
  topic: key(text(), 'Name of the topic.'),
  message_type: key(text(), 'pkg/Type.'),
  direction: direction(),
  topics: key(z.array(topic), 'Several topics.'),
  service: key(text(), 'Name of the service.'),
  service_type: key(text(), 'pkg/Type.'),
  role: key(z.enum(['client', 'server']), 'Part that the bridge plays.'),
  namespace: key(text(), 'ROS namespace. Default /.'),
  node_name: key(text(), 'ROS name. Default: the id of the node.'),
  master_uri: key(text(), 'Address of the master. Default: ROS_MASTER_URI.'),
});
