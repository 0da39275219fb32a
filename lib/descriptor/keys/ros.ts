/**
 * Keys of the ROS bridges: `ros2` and `ros1`.
 *
 * They are read and checked (resolve-ros.ts has the rules that span keys); nodes that use them do not run yet. Names and
 * defaults are those of dora 1.x.
 */

import { z } from 'zod';
import { group, key, noted, required, seconds, text, whole } from './words.js';

const direction = () =>
  key(
    z.enum(['subscribe', 'publish']),
    'From ROS into the dataflow (`subscribe`), or out of the dataflow into ROS (`publish`).',
    { default: 'subscribe' },
  );

/** `pkg/Type`, or with the kind of interface between the two. */
const typeName = (kind: 'msg' | 'srv' | 'action') =>
  noted(z.string().regex(new RegExp(`^\\w+/(${kind}/)?\\w+$`), 'is not the name of a ROS type'), {
    words: `pkg/Type or pkg/${kind}/Type`,
  });

const qos = group('qos', {
  reliable: key(z.boolean(), 'Send again what was lost.', { default: false }),
  durability: key(z.enum(['volatile', 'transient_local']), 'Whether late joiners get the last messages.', {
    default: 'volatile',
  }),
  liveliness: key(
    z.enum(['automatic', 'manual_by_participant', 'manual_by_topic']),
    'Who says that the sender is alive.',
    { default: 'automatic' },
  ),
  lease_duration: key(seconds('positive'), 'Seconds after which a silent sender counts as gone.', {
    absent: 'no limit',
  }),
  max_blocking_time: key(seconds('zero'), 'Seconds that a reliable send may wait.'),
  keep_last: key(whole(1), 'Messages that are kept.', { default: 1 }),
  keep_all: key(z.boolean(), 'Keep all messages.', { default: false }),
});

const topic = group('topic', {
  topic: required(text(), 'Name of the topic, such as `/turtle1/pose`.'),
  message_type: required(typeName('msg'), 'Type of its messages.'),
  direction: direction(),
  input: key(noted(text(), { type: 'id of an input' }), 'Input of this node that is published.'),
  output: key(noted(text(), { type: 'id of an output' }), 'Output of this node on which messages are sent.'),
  qos: key(noted(qos, { type: '[map](#qos)' }), 'Quality of service.', { absent: "the bridge's" }),
});

const role = () =>
  key(z.enum(['client', 'server']), 'Part that the bridge plays; required beside a service or action.');

export const ros2 = group('ros2', {
  topic: key(text(), 'Name of a topic. Exactly one of `topic`, `topics`, `service` and `action`.'),
  message_type: key(typeName('msg'), 'Type of its messages; required beside `topic`.'),
  direction: direction(),
  topics: key(z.array(topic), 'Several [topics](#topic).'),
  service: key(text(), 'Name of a service.'),
  service_type: key(typeName('srv'), 'Its type; required beside `service`.'),
  action: key(text(), 'Name of an action.'),
  action_type: key(typeName('action'), 'Its type; required beside `action`.'),
  role: role(),
  qos: key(qos, 'Quality of service.'),
  namespace: key(text(), 'ROS namespace.', { default: '/' }),
  node_name: key(text(), 'Name in ROS.', { absent: 'the id of the node' }),
  transport: key(
    group('transport', {
      kind: key(z.enum(['dds', 'zenoh']), 'How messages travel.', { default: 'dds' }),
      compatibility: key(z.enum(['humble', 'rep2016']), 'Generation of the peers; required with `kind: zenoh`.'),
      config_uri: key(text(), 'File with the configuration of the session.'),
    }),
    'How the bridge reaches ROS.',
  ),
});

const ros1Topic = group('ros1Topic', {
  topic: required(text(), 'Name of the topic.'),
  message_type: required(typeName('msg'), 'Type of its messages.'),
  direction: direction(),
  input: key(noted(text(), { type: 'id of an input' }), 'Input of this node that is published.'),
  output: key(noted(text(), { type: 'id of an output' }), 'Output of this node on which messages are sent.'),
});

export const ros1 = group('ros1', {
  topic: key(text(), 'Name of a topic. Exactly one of `topic`, `topics` and `service`.'),
  message_type: key(typeName('msg'), 'Type of its messages; required beside `topic`.'),
  direction: direction(),
  topics: key(z.array(ros1Topic), 'Several topics.'),
  service: key(text(), 'Name of a service.'),
  service_type: key(typeName('srv'), 'Its type; required beside `service`.'),
  role: role(),
  namespace: key(text(), 'ROS namespace.', { default: '/' }),
  node_name: key(text(), 'Name in ROS.', { absent: 'the id of the node' }),
  master_uri: key(text(), 'Address of the master.', { absent: 'ROS_MASTER_URI' }),
});
