/** Rules that span keys: what a key names exists, what excludes each other is not written together, what belongs together is. */
import test from 'ava';
import { codes, oneNode, parse } from './helpers.js';

const effect = (code: string): boolean => !/(NO_EFFECT_YET|UNREAD_OUTPUT|NOT_SUPPORTED_YET)$/.test(code);

/** Lines of a node -> what is wrong, by place and code. */
const cases: Readonly<Record<string, readonly [lines: readonly string[], ...found: string[]]>> = {
  'send_stdout_as names an output': [
    ['path: x', 'outputs: [log]', 'send_stdout_as: lgo', 'send_logs_as: log'],
    '5:21 error UNKNOWN_OUTPUT',
  ],
  'inside custom too': [['custom: { source: x, outputs: [log], send_logs_as: l }'], '3:56 error UNKNOWN_OUTPUT'],
  'an operator has outputs of its own': [
    [
      'operators:',
      '  - { id: one, shared-library: x, outputs: [log], send_stdout_as: log }',
      '  - { id: two, shared-library: x, send_stdout_as: log }',
    ],
    '5:55 error UNKNOWN_OUTPUT',
  ],
  'a runtime node may name an output of any operator': [
    [
      'operators:',
      '  - { id: one, shared-library: x, outputs: [log] }',
      '  - { id: two, shared-library: x }',
      'send_stdout_as: log',
      'send_logs_as: one/log',
    ],
  ],
  'and no other': [
    ['operators:', '  - { id: one, shared-library: x, outputs: [log] }', 'send_logs_as: two/log'],
    '5:19 error UNKNOWN_OUTPUT',
  ],
  'replicas and scale exclude each other': [['path: x', 'replicas: 2', 'scale: { max: 2 }'], '5:5 error MISPLACED_KEY'],
  'also across custom': [['custom: { source: x, replicas: 2 }', 'scale: { max: 2 }'], '4:5 error MISPLACED_KEY'],
  'scale has one measure': [['path: x', 'scale: { target_queue: 5, target_cpu: 1 }'], '4:31 error MISPLACED_KEY'],
  'max is no less than min': [['path: x', 'scale: { min: 3, max: 2 }'], '4:27 error OUT_OF_RANGE'],
  'any key at the node and inside custom is written twice': [
    ['custom: { source: x, restart_policy: never, pattern: service-client }', 'restart_policy: always'],
    '3:26 error DUPLICATE_KEY',
    '3:58 warning PATTERN_INCOMPLETE',
  ],
  'wake names inputs': [
    ['operator: { shared-library: x, inputs: { i: a/o }, outputs: [o], wake: [i, j] }'],
    '3:80 error UNKNOWN_INPUT',
  ],
  'a bridge bridges one thing': [['ros2: {}'], '3:11 error NO_SOURCE'],
  'and not two': [
    ['ros2: { topic: /t, message_type: a/B, service: /s, service_type: a/B, role: client }'],
    '3:43 error TWO_SOURCES',
  ],
  'a topic has a type': [['ros2: { topic: /t }', 'outputs: [o]'], '3:13 error MISSING_KEY'],
  'a service has a type and a role': [
    ['ros1: { service: /s }', 'outputs: [o]', 'inputs: { i: a/o }'],
    '3:13 error MISSING_KEY',
    '3:13 error MISSING_KEY',
  ],
  'an action has them as well': [
    ['ros2: { action: /s, action_type: a/B }', 'outputs: [o]', 'inputs: { i: a/o }'],
    '3:13 error MISSING_KEY',
  ],
  'what belongs to something else is told': [
    ['ros2: { topic: /t, message_type: a/B, role: client, service_type: a/B }', 'outputs: [o]'],
    '3:43 warning MISPLACED_KEY',
    '3:57 warning MISPLACED_KEY',
  ],
  'zenoh speaks a generation': [
    ['ros2: { topic: /t, message_type: a/B, transport: { kind: zenoh } }', 'outputs: [o]'],
    '3:62 error MISSING_KEY',
  ],
  'what comes from ROS needs an output': [['ros2: { topic: /t, message_type: a/B }'], '3:13 error MISSING_KEY'],
  'what goes there an input': [
    ['ros2: { topic: /t, message_type: a/B, direction: publish }', 'outputs: [o]'],
    '3:13 error MISSING_KEY',
  ],
  'topics are some': [['ros2: { topics: [] }'], '3:13 error NO_SOURCE'],
  'a topic names ports of the node, each on its side': [
    [
      'ros2:',
      '  topics:',
      '    - { topic: /t, message_type: a/B, output: pose }',
      '    - { topic: /u, message_type: a/B, direction: publish, input: velocty }',
      '    - { topic: /v, message_type: a/B, input: velocity }',
      'inputs: { velocity: a/poses }',
      'outputs: [poses]',
    ],
    '5:51 error UNKNOWN_OUTPUT',
    '6:70 error UNKNOWN_INPUT',
    '7:43 error MISPLACED_KEY',
  ],
  'a program is not fetched by any address': [['path: ftp://example.org/x'], '3:11 error INVALID_URL'],
  'and an operator by none': [['operator: { shared-library: https://example.org/x.so }'], '3:33 error INVALID_URL'],
  'log records are those of a node that is there': [
    ['path: x', 'inputs: { all: dora/logs/info, own: dora/logs/info/a, none: dora/logs/info/b }'],
    '4:65 error UNKNOWN_SOURCE',
  ],
  'a time is more than nothing': [
    ['path: x', 'outputs: [o]', 'inputs: { i: { source: a/o, deadline: 0ms }, j: { source: a/o, deadline: 0.0s } }'],
    '5:43 error INVALID_VALUE',
    '5:78 error INVALID_VALUE',
  ],
  'a size is some bytes, and no more than can be counted': [
    ['path: x', 'shared_memory_pool_size: 0MB', 'max_log_size: 99999999TB'],
    '4:30 error INVALID_VALUE',
    '5:19 error INVALID_VALUE',
  ],
};

for (const [title, [lines, ...found]] of Object.entries(cases)) {
  test(title, (t) => {
    const { diagnostics } = parse(oneNode(...lines));
    t.deepEqual(codes(diagnostics).filter(effect), found, diagnostics.map(({ message }) => message).join('\n'));
    for (const { hint } of diagnostics) t.truthy(hint);
  });
}

/** Lines of a node -> the first message and its hint. */
const words: readonly (readonly [lines: readonly string[], message: string, hint: string])[] = [
  [['pth: x', 'path: y', 'cpu_affinity: [0, -1]'], '"pth" is no key of a node', 'Did you mean "path"?'],
  [
    ['path: x', 'cpu_affinity: [0, -1]'],
    'entry 2 of "cpu_affinity" is the number -1; it has to be a whole number from 0 to 8,191',
    'Choose a value inside the range, or leave the entry out.',
  ],
  [
    ['path: x', 'cpu_affinity: 3'],
    '"cpu_affinity" is the number 3; it has to be a list',
    'Write a list: cpu_affinity: [3].',
  ],
  [['path: x', 'outputs: image'], '"outputs" is "image"; it has to be a list', 'Write a list: outputs: [image].'],
  [
    ['path: x', 'outputs: { a: b }'],
    '"outputs" is a map; it has to be a list',
    'Each entry of a list begins with "- ".',
  ],
  [['path: x', 'build: [a, b]'], '"build" is a list; it has to be text', 'Write one command a line, below "build: |".'],
  [
    ['path: x', 'restart_delay: 1500ms'],
    '"restart_delay" is "1500ms"; it has to be a number of seconds, 0 or more',
    'Write the number of seconds, without a unit: 1.5.',
  ],
  [
    ['path: x', 'min_log_level: warning'],
    '"min_log_level" is "warning"; it has to be stdout, trace, debug, info, warn or error',
    'Did you mean "warn"?',
  ],
  [['path: x', 'name: ""'], '"name" is empty text', 'Write text.'],
  [['path: x', 'command: y'], '"command" is no key of a node', 'Did you mean "path"?'],
  [['path: x', 'cwd: y'], '"cwd" is no key of a node', 'Did you mean "working-directory"?'],
  [['path: x', 'inputs: { i: { src: a/o } }'], '"src" is no key of an input', 'Did you mean "source"?'],
  [['custom: { source: x, git: y }'], '"git" is no key of "custom"', '"git" is a key of a node. Keys here: '],
  [['path: x', 'queue_size: 5'], '"queue_size" is no key of a node', '"queue_size" is a key of an input. Keys here: '],
  [
    ['path: x', 'inputs: { i: dora/timer/millis/1.5 }'],
    'a timer\'s period is a whole number above 0, not "1.5"',
    'Take a smaller unit: dora/timer/micros/1500.',
  ],
  [
    ['path: x', 'inputs: { i: dora/timer/nanos/1.5 }'],
    'a timer\'s period is a whole number above 0, not "1.5"',
    'For example dora/timer/millis/100.',
  ],
  [
    ['path: x', 'inputs: { i: dora/timer/secs/99999999999999999999999999999999999999999 }'],
    'the timer\'s period "99999999999999999999999999999999999999999" is too long',
    'At most 292 years are possible.',
  ],
  [['path: x', 'inputs: { i: a:o }', 'outputs: [o]'], 'the source "a:o" has no "/"', 'Did you mean a/o?'],
  [
    ['path: x', 'inputs: { i: $HOME/o }', 'outputs: [o]'],
    'the source "$HOME/o" holds "$"',
    'Variables are not replaced in sources: write the names as they are.',
  ],
  [
    ['path: x', 'inputs: { i: DORA/timer/hz/5 }'],
    'the source "DORA/timer/hz/5" has 4 parts',
    'Did you mean dora/timer/hz/5?',
  ],
];

for (const [lines, message, hint] of words) {
  test(`the way out of ${lines.at(-1)}: ${message}`, (t) => {
    const [first] = parse(oneNode(...lines)).diagnostics.filter(({ code }) => effect(code));
    t.is(first?.message, message);
    t.true(first?.hint?.startsWith(hint), first?.hint);
  });
}

test('a name of one letter is not taken for another of one letter', (t) => {
  const hint = (output: string): string | undefined =>
    parse(oneNode('path: x', 'outputs: [o]', `inputs: { i: a/${output} }`)).diagnostics[0]?.hint;
  t.is(hint('z'), 'It has o.');
  t.is(hint('oo'), 'It has o. Did you mean a/o?');
});
