/**
 * A right and a wrong value for every key of the definition, by the map in which it stands. keys.test.ts runs them and
 * fails for a key that has no row here.
 *
 * Values are written as in a file. `¦` marks the place at which a wrong value is reported; without it, that is where the
 * value starts. `part.yml` is a module that takes the parameters a and c. Numbers at the edge of a range stand on both of its sides. Long, because it is a table.
 */

export interface Row {
  readonly right: readonly string[];
  readonly wrong: readonly (readonly [value: string, code: string])[];
  /** Other keys that this one needs beside it, or null for one that it excludes. */
  readonly beside?: Readonly<Record<string, string | null>>;
  /** The wrong values are found by a rule that schema.json does not hold. */
  readonly beyondSchema?: boolean;
}

/** How a map of keys is reached, and which keys it needs in any case. */
export interface Holder {
  readonly base: Readonly<Record<string, string>>;
  /** The file around the lines of the map. */
  readonly file: (lines: readonly string[]) => string;
  readonly rows: Readonly<Record<string, Row>>;
}

const row = (right: string[], wrong: Row['wrong'], more: Omit<Row, 'right' | 'wrong'> = {}): Row => ({
  right,
  wrong,
  ...more,
});
const text = row(
  ['word', '"two words"'],
  [
    ['5', 'WRONG_TYPE'],
    ['[a]', 'WRONG_TYPE'],
    ['""', 'INVALID_VALUE'],
  ],
);
const written = row(
  ['word', '1.50', 'true'],
  [
    ['[a]', 'WRONG_TYPE'],
    ['{ a: b }', 'WRONG_TYPE'],
  ],
);
const bool = row(
  ['true', 'false'],
  [
    ['"true"', 'WRONG_TYPE'],
    ['yes', 'WRONG_TYPE'],
    ['1', 'WRONG_TYPE'],
  ],
);
const positive = row(
  ['0.5', '30'],
  [
    ['0', 'OUT_OF_RANGE'],
    ['-1', 'OUT_OF_RANGE'],
    ['5s', 'WRONG_TYPE'],
  ],
);
const notNegative = row(
  ['0', '2.5'],
  [
    ['-0.1', 'OUT_OF_RANGE'],
    ['soon', 'WRONG_TYPE'],
  ],
);
const duration = row(
  ['0.5', '5ms', '50us', '2s'],
  [
    ['0', 'OUT_OF_RANGE'],
    ['5 parsecs', 'INVALID_VALUE'],
    ['[1]', 'WRONG_TYPE'],
  ],
);
const size = row(
  ['1', '8MB', '1GiB', '"2 k"'],
  [
    ['0', 'OUT_OF_RANGE'],
    ['8 bananas', 'INVALID_VALUE'],
    ['1.5', 'WRONG_TYPE'],
  ],
);
const texts = row(
  ['[a, b]', '[]'],
  [
    ['a', 'WRONG_TYPE'],
    ['[a, ¦{ b: c }]', 'WRONG_TYPE'],
    ['[a, ¦""]', 'INVALID_VALUE'],
  ],
);
const textMap = row(
  ['{ a: b, c: 1.0 }', '{}'],
  [
    ['[a]', 'WRONG_TYPE'],
    ['{ a: ¦[b] }', 'WRONG_TYPE'],
    ['5', 'WRONG_TYPE'],
  ],
);
const env = row(
  ['{ A: b, C: 1.0, D: { __dora_env: HOME } }', '[{ A: 1 }, { B: true }]'],
  [
    ['5', 'WRONG_TYPE'],
    ['{ A: ¦[b] }', 'WRONG_TYPE'],
    ['{ A: { ¦__dora_evn: B, __dora_env: B } }', 'UNKNOWN_KEY'],
  ],
);
const oneOf = (...words: string[]): Row =>
  row(words, [
    ['somewhat', 'INVALID_VALUE'],
    ['5', 'INVALID_VALUE'],
    ['[a]', 'WRONG_TYPE'],
  ]);
const whole = (low: number, high: number): Row =>
  row(
    [String(low), String(high)],
    [
      [String(low - 1), 'OUT_OF_RANGE'],
      [String(high + 1), 'OUT_OF_RANGE'],
      ['1.5', 'WRONG_TYPE'],
      ['"1"', 'WRONG_TYPE'],
    ],
  );
const from = (low: number): Row =>
  row(
    [String(low), '1000000'],
    [
      [String(low - 1), 'OUT_OF_RANGE'],
      ['1.5', 'WRONG_TYPE'],
      ['many', 'WRONG_TYPE'],
    ],
  );
const map = (right: string, wrong: Row['wrong'] = []): Row =>
  row([right], [['5', 'WRONG_TYPE'], ['[a]', 'WRONG_TYPE'], ['{ ¦nonsense: 1 }', 'UNKNOWN_KEY'], ...wrong]);
const rosType = (kind: string): Row =>
  row(
    ['pkg/Type', `pkg/${kind}/Type`],
    [
      ['Type', 'INVALID_VALUE'],
      ['pkg/other/Type', 'INVALID_VALUE'],
      ['5', 'WRONG_TYPE'],
    ],
  );
const beside = (given: Row, keys: NonNullable<Row['beside']>): Row => ({ ...given, beside: keys });
/** `o` is an output of the holder, and `i` an input. */
const output = row(
  ['o'],
  [
    ['5', 'WRONG_TYPE'],
    ['none', 'UNKNOWN_OUTPUT'],
  ],
  { beyondSchema: true },
);
const noWords = row(
  ['"make\\nmake install"', '""'],
  [
    ['[make]', 'WRONG_TYPE'],
    ['5', 'WRONG_TYPE'],
  ],
);

const ports: Record<string, Row> = {
  inputs: row(
    ['{ i: dora/timer/secs/1 }', '{ i: { source: a/o, queue_size: 1 } }', '{}'],
    [
      ['[a]', 'WRONG_TYPE'],
      ['{ i: ¦5 }', 'WRONG_TYPE'],
      ['{ ¦a b: dora/timer/secs/1 }', 'INVALID_NAME'],
    ],
    { beyondSchema: true },
  ),
  outputs: row(
    ['[o, p]', '[]'],
    [
      ['o', 'WRONG_TYPE'],
      ['[o, ¦5]', 'WRONG_TYPE'],
      ['[o, ¦o]', 'DUPLICATE_OUTPUT'],
    ],
    { beyondSchema: true, beside: { inputs: null } },
  ),
  output_retain: row(
    ['{ o: 0 }', '{ o: 65536 }'],
    [
      ['5', 'WRONG_TYPE'],
      ['{ o: ¦65537 }', 'OUT_OF_RANGE'],
      ['{ o: ¦-1 }', 'OUT_OF_RANGE'],
    ],
  ),
};
const contracts: Record<string, Row> = {
  output_types: row(
    ['{ o: std/core/v1/UInt64 }'],
    [
      ['[a]', 'WRONG_TYPE'],
      ['{ o: ¦[b] }', 'WRONG_TYPE'],
    ],
  ),
  input_types: row(
    ['{ i: std/core/v1/UInt64 }'],
    [
      ['[a]', 'WRONG_TYPE'],
      ['{ i: ¦[b] }', 'WRONG_TYPE'],
    ],
  ),
  output_framing: row(
    ['{ o: raw }', '{ o: arrow-ipc }'],
    [
      ['raw', 'WRONG_TYPE'],
      ['{ o: ¦arrow }', 'INVALID_VALUE'],
    ],
  ),
  output_metadata: row(
    ['{ o: [a, b] }', '{ o: }'],
    [
      ['[a]', 'WRONG_TYPE'],
      ['{ o: ¦a }', 'WRONG_TYPE'],
    ],
  ),
  pattern: oneOf('service-server', 'service-client', 'action-server', 'action-client'),
};
const restarting: Record<string, Row> = {
  restart_policy: oneOf('never', 'on-failure', 'always'),
  max_restarts: from(0),
  restart_delay: notNegative,
  max_restart_delay: notNegative,
  restart_window: positive,
};
const running: Record<string, Row> = {
  ...restarting,
  health_check_timeout: positive,
  startup_timeout: positive,
  finish_grace_secs: notNegative,
  cpu_affinity: row(
    ['[0, 1]', '[]'],
    [
      ['0', 'WRONG_TYPE'],
      ['[0, ¦-1]', 'OUT_OF_RANGE'],
      ['[¦0.5]', 'WRONG_TYPE'],
    ],
  ),
  shared_memory_pool_size: size,
  realtime: map('{ policy: rr, priority: 99, lock_memory: true }'),
  keep_alive: bool,
  replicas: row(
    ['1', '{ count: 2, balance: by_key(id) }'],
    [
      ['0', 'OUT_OF_RANGE'],
      ['{ ¦balance: round_robin }', 'MISSING_KEY'],
    ],
  ),
  scale: map('{ min: 1, max: 4, target_queue: 5 }'),
};
const logging: Record<string, Row> = {
  send_stdout_as: output,
  send_logs_as: output,
  min_log_level: oneOf('stdout', 'trace', 'debug', 'info', 'warn', 'error'),
  max_log_size: size,
  max_rotated_files: whole(0, 100),
};
const args = row(
  ['"--a \'b c\'"', '[a, 1.5, true]', '""'],
  [
    ['5', 'WRONG_TYPE'],
    ['{ a: b }', 'WRONG_TYPE'],
    ['[a, ¦[b]]', 'WRONG_TYPE'],
    ['"a \'b"', 'INVALID_VALUE'],
  ],
  { beyondSchema: true },
);
const script = row(
  ['a.ts', '{ source: a.ts, export: Main, worker: true }'],
  [
    ['5', 'WRONG_TYPE'],
    ['{ ¦export: Main }', 'MISSING_KEY'],
  ],
  { beside: { 'shared-library': null } },
);
const deploy = map('{ machine: a, labels: { gpu: true }, distribute: push }');
const id = row(
  ['a', 'A-b_3'],
  [
    ['5', 'WRONG_TYPE'],
    ['a b', 'INVALID_NAME'],
  ],
  { beyondSchema: true },
);
const idWithoutDots = { ...id, wrong: [...id.wrong, ['a.b', 'INVALID_NAME']] as Row['wrong'] };
const lib = { 'shared-library': 'x' };
const operatorText = `{ id: op, shared-library: x, inputs: { i: op/o }, outputs: [o] }`;
const topicRows: Record<string, Row> = {
  topic: text,
  message_type: rosType('msg'),
  direction: oneOf('subscribe', 'publish'),
  input: row(
    ['word'],
    [
      ['5', 'WRONG_TYPE'],
      ['none', 'UNKNOWN_INPUT'],
    ],
    { beside: { direction: 'publish' }, beyondSchema: true },
  ),
  output: row(
    ['word'],
    [
      ['5', 'WRONG_TYPE'],
      ['none', 'UNKNOWN_OUTPUT'],
    ],
    { beyondSchema: true },
  ),
};

const under =
  (...above: string[]) =>
  (lines: readonly string[]): string => {
    const indent = ' '.repeat(above.length === 0 ? 0 : above.at(-1)!.search(/\S/) + 2);
    return [...above, ...lines.map((line) => indent + line), ''].join('\n');
  };
/** Lines as an entry of a list. */
const entry =
  (...above: string[]) =>
  ([first = '', ...rest]: readonly string[]): string => {
    const indent = ' '.repeat(above.at(-1)!.search(/\S/) + 2);
    return [...above, `${indent}- ${first}`, ...rest.map((line) => `${indent}  ${line}`), ''].join('\n');
  };
const inNode = (...lines: string[]): string[] => ['nodes:', '  - id: a', ...lines.map((line) => `    ${line}`)];
const own = { inputs: '{ i: a/o }', outputs: '[o]' };

export const holders: Readonly<Record<string, Holder>> = {
  dataflow: {
    base: { nodes: '[{ id: a, path: x }]' },
    file: under(),
    rows: {
      nodes: row(
        ['[{ id: a, path: x }]'],
        [
          ['5', 'WRONG_TYPE'],
          ['[¦5]', 'WRONG_TYPE'],
          ['[{ ¦path: x }]', 'MISSING_KEY'],
        ],
      ),
      env,
      exit_when_nodes_finish: bool,
      health_check_interval: positive,
      strict_types: bool,
      type_rules: row(
        ['[{ from: a, to: b }]', '[]'],
        [
          ['5', 'WRONG_TYPE'],
          ['[{ ¦from: a }]', 'MISSING_KEY'],
        ],
      ),
      deploy,
      debug: map('{ enable_debug_inspection: true }'),
      _unstable_deploy: deploy,
      _unstable_debug: map('{ enable_debug_inspection: true }'),
      communication: row(['{ zenoh: {} }', '5', '[a]'], []),
    },
  },
  node: {
    base: { id: 'a', path: 'x', ...own },
    file: entry('nodes:'),
    rows: {
      id: beside(id, { inputs: null, outputs: null }),
      name: text,
      description: text,
      path: text,
      path_sha256: row(
        ['ab'.repeat(32), '0123456789ABCDEF'.repeat(4)],
        [
          ['12zz', 'INVALID_VALUE'],
          ['5', 'INVALID_VALUE'],
          ['[a]', 'WRONG_TYPE'],
        ],
        { beside: { path: 'https://example.org/a.js' } },
      ),
      args,
      custom: {
        ...map('{ source: x }'),
        wrong: [
          ['5', 'WRONG_TYPE'],
          ['{ ¦nonsense: 1, source: x }', 'UNKNOWN_KEY'],
        ],
        beside: { path: null },
      },
      operator: row(
        [operatorText.replaceAll('op/', 'a/')],
        [
          ['5', 'WRONG_TYPE'],
          ['{ ¦nonsense: 1, shared-library: x }', 'UNKNOWN_KEY'],
        ],
        { beside: { path: null, inputs: null, outputs: null } },
      ),
      operators: row(
        [`[${operatorText}]`],
        [
          ['5', 'WRONG_TYPE'],
          [`[${operatorText}, ¦5]`, 'WRONG_TYPE'],
        ],
        { beside: { path: null, inputs: null, outputs: null } },
      ),
      ros2: row(
        ['{ topic: /t, message_type: a/B }'],
        [
          ['5', 'WRONG_TYPE'],
          ['{ ¦nonsense: 1, topic: /t, message_type: a/B }', 'UNKNOWN_KEY'],
        ],
        { beside: { path: null } },
      ),
      ros1: row(
        ['{ topic: /t, message_type: a/B }'],
        [
          ['5', 'WRONG_TYPE'],
          ['{ ¦nonsense: 1, topic: /t, message_type: a/B }', 'UNKNOWN_KEY'],
        ],
        { beside: { path: null } },
      ),
      module: beside(
        row(
          ['part.yml'],
          [
            ['5', 'WRONG_TYPE'],
            ['[a]', 'WRONG_TYPE'],
          ],
        ),
        { path: null, inputs: null, outputs: null },
      ),
      params: beside(textMap, { module: 'part.yml', path: null, inputs: null, outputs: null }),
      hub: beside({ ...text, right: ['dora-yolo@^0.5', '"dora/yolo@>=1.2, <2"'] }, { path: null }),
      git: row(
        ['https://example.org/a.git'],
        [
          ['5', 'WRONG_TYPE'],
          ['[a]', 'WRONG_TYPE'],
        ],
      ),
      branch: beside(written, { git: 'https://example.org/a.git' }),
      tag: beside(written, { git: 'https://example.org/a.git' }),
      rev: beside({ ...written, right: ['0123abcd', '1234567'] }, { git: 'https://example.org/a.git' }),
      build: noWords,
      env,
      'working-directory': text,
      ...ports,
      ...contracts,
      ...running,
      ...logging,
      threads: beside(from(1), { path: null, inputs: null, outputs: null, operator: '{ shared-library: x }' }),
      deploy,
      _unstable_deploy: deploy,
    },
  },
  custom: {
    base: { source: 'x', ...own },
    file: under(...inNode('custom:')),
    rows: {
      source: text,
      run: beside(
        row(
          ['"x --a \'b c\'"'],
          [
            ['5', 'WRONG_TYPE'],
            ['"x \'y"', 'INVALID_VALUE'],
          ],
          { beyondSchema: true },
        ),
        { source: null },
      ),
      path: beside(text, { source: null }),
      args,
      build: noWords,
      env,
      envs: env,
      'working-directory': text,
      ...ports,
      ...contracts,
      ...running,
      ...logging,
    },
  },
  hostVariable: {
    base: {},
    file: under(...inNode('path: x', 'env:', '  A:')),
    rows: {
      __dora_env: row(
        ['HOME'],
        [
          ['5', 'WRONG_TYPE'],
          ['""', 'INVALID_VALUE'],
        ],
      ),
    },
  },
  input: {
    base: { source: 'dora/timer/secs/1' },
    file: under(...inNode('path: x', 'outputs: [o]', 'inputs:', '  j: a/o', '  i:')),
    rows: {
      source: row(
        ['a/o', 'dora/timer/hz/0.5'],
        [
          ['5', 'WRONG_TYPE'],
          ['a/p', 'UNKNOWN_SOURCE'],
          ['dora/timer/ms/1', 'INVALID_TIMER'],
        ],
        { beyondSchema: true },
      ),
      queue_size: whole(1, 65_536),
      queue_policy: oneOf('drop_oldest', 'backpressure'),
      priority: whole(0, 255),
      input_timeout: positive,
      deadline: duration,
    },
  },
  realtime: {
    base: {},
    file: under(...inNode('path: x', 'realtime:')),
    rows: { policy: oneOf('fifo', 'rr'), priority: whole(1, 99), lock_memory: bool },
  },
  replicas: {
    base: { count: '2' },
    file: under(...inNode('path: x', 'replicas:')),
    rows: {
      count: from(1),
      balance: row(
        ['round_robin', 'least_loaded', 'by_key(id)'],
        [
          ['by_key()', 'INVALID_VALUE'],
          ['5', 'WRONG_TYPE'],
        ],
      ),
    },
  },
  scale: {
    base: {},
    file: under(...inNode('path: x', 'scale:')),
    rows: { min: from(0), max: from(1), target_queue: positive, target_cpu: positive },
  },
  operator: {
    base: { id: 'op', ...lib, inputs: '{ i: op/o }', outputs: '[o]' },
    file: entry(...inNode('operators:')),
    rows: {
      id: beside(idWithoutDots, { inputs: null, outputs: null }),
      name: text,
      description: text,
      'shared-library': text,
      python: row(
        ['a.py', '{ source: a.py, conda_env: b }'],
        [
          ['5', 'WRONG_TYPE'],
          ['{ ¦venv: b }', 'MISSING_KEY'],
        ],
        { beside: { 'shared-library': null } },
      ),
      wasm: row(
        ['a.wasm', '"two words.wasm"'],
        [
          ['5', 'WRONG_TYPE'],
          ['[a.wasm]', 'WRONG_TYPE'],
          ['a.so', 'INVALID_VALUE'],
          ['https://example.org/a.wasm', 'INVALID_URL'],
        ],
        { beside: { 'shared-library': null }, beyondSchema: true },
      ),
      typescript: script,
      javascript: script,
      build: noWords,
      env,
      ...ports,
      inputs: row(['{ i: op/o }', '{ i: { source: dora/timer/secs/1 } }'], ports['inputs']!.wrong, {
        beyondSchema: true,
      }),
      ...contracts,
      ...logging,
      ...restarting,
      priority: whole(0, 255),
      deadline: duration,
      on_deadline_miss: oneOf('run', 'skip', 'stop'),
      wake: row(
        ['any', 'all', '[i]', '{ on: all, batch: 2 }'],
        [
          ['none', 'INVALID_VALUE'],
          ['[¦5]', 'WRONG_TYPE'],
          ['[i, ¦none]', 'UNKNOWN_INPUT'],
          ['5', 'WRONG_TYPE'],
          ['{ ¦of: all }', 'UNKNOWN_KEY'],
        ],
        { beyondSchema: true },
      ),
      state: row(
        ['{ s: { scope: shared } }', '{ s: }', '{}'],
        [
          ['5', 'WRONG_TYPE'],
          ['{ s: ¦5 }', 'WRONG_TYPE'],
          ['{ s: { ¦scopes: shared } }', 'UNKNOWN_KEY'],
        ],
      ),
      isolate: oneOf('process'),
    },
  },
  python: {
    base: { source: 'a.py' },
    file: under(...inNode('operator:', '  python:')),
    rows: { source: text, conda_env: text, venv: text },
  },
  script: {
    base: { source: 'a.ts' },
    file: under(...inNode('operator:', '  typescript:')),
    rows: { source: text, export: text, worker: bool },
  },
  wake: {
    base: {},
    file: under(...inNode('operator:', '  shared-library: x', '  inputs: { i: dora/timer/secs/1 }', '  wake:')),
    rows: {
      on: row(
        ['any', 'all', '[i]'],
        [
          ['none', 'INVALID_VALUE'],
          ['5', 'WRONG_TYPE'],
          ['[¦5]', 'WRONG_TYPE'],
          ['[¦none]', 'UNKNOWN_INPUT'],
        ],
        { beyondSchema: true },
      ),
      batch: from(1),
      max_wait: duration,
    },
  },
  state: {
    base: {},
    file: under(...inNode('operator:', '  shared-library: x', '  state:', '    s:')),
    rows: { scope: oneOf('private', 'shared'), persist: bool, max_size: size },
  },
  ros2: {
    base: { topic: '/t', message_type: 'a/B' },
    file: under(...inNode('inputs: { i: a/o }', 'outputs: [o]', 'ros2:')),
    rows: {
      topic: text,
      message_type: rosType('msg'),
      direction: oneOf('subscribe', 'publish'),
      topics: row(
        ['[{ topic: /t, message_type: a/B, output: o }]'],
        [
          ['5', 'WRONG_TYPE'],
          ['[¦5]', 'WRONG_TYPE'],
          ['[{ ¦topic: /t }]', 'MISSING_KEY'],
        ],
        { beside: { topic: null, message_type: null } },
      ),
      service: beside(text, { topic: null, message_type: null, service_type: 'a/B', role: 'client' }),
      service_type: beside(rosType('srv'), { topic: null, message_type: null, service: '/s', role: 'client' }),
      action: beside(text, { topic: null, message_type: null, action_type: 'a/B', role: 'client' }),
      action_type: beside(rosType('action'), { topic: null, message_type: null, action: '/s', role: 'client' }),
      role: beside(oneOf('client', 'server'), { topic: null, message_type: null, service: '/s', service_type: 'a/B' }),
      qos: map('{ reliable: true }'),
      namespace: text,
      node_name: text,
      transport: map('{ kind: zenoh, compatibility: humble }'),
    },
  },
  topic: {
    base: { topic: '/t', message_type: 'a/B' },
    file: entry(...inNode('inputs: { word: a/word }', 'outputs: [word]', 'ros2:', '  topics:')),
    rows: { ...topicRows, qos: map('{ reliable: true }') },
  },
  qos: {
    base: {},
    file: under(
      ...inNode('outputs: [o]', 'inputs: { i: a/o }', 'ros2:', '  topic: /t', '  message_type: a/B', '  qos:'),
    ),
    rows: {
      reliable: bool,
      durability: oneOf('volatile', 'transient_local'),
      liveliness: oneOf('automatic', 'manual_by_participant', 'manual_by_topic'),
      lease_duration: positive,
      max_blocking_time: notNegative,
      keep_last: from(1),
      keep_all: bool,
    },
  },
  transport: {
    base: {},
    file: under(
      ...inNode('outputs: [o]', 'inputs: { i: a/o }', 'ros2:', '  topic: /t', '  message_type: a/B', '  transport:'),
    ),
    rows: {
      kind: beside(oneOf('dds', 'zenoh'), { compatibility: 'humble' }),
      compatibility: oneOf('humble', 'rep2016'),
      config_uri: text,
    },
  },
  ros1: {
    base: { topic: '/t', message_type: 'a/B' },
    file: under(...inNode('inputs: { i: a/o }', 'outputs: [o]', 'ros1:')),
    rows: {
      topic: text,
      message_type: rosType('msg'),
      direction: oneOf('subscribe', 'publish'),
      topics: row(
        ['[{ topic: /t, message_type: a/B, output: o }]'],
        [
          ['5', 'WRONG_TYPE'],
          ['[{ ¦topic: /t }]', 'MISSING_KEY'],
        ],
        { beside: { topic: null, message_type: null } },
      ),
      service: beside(text, { topic: null, message_type: null, service_type: 'a/B', role: 'client' }),
      service_type: beside(rosType('srv'), { topic: null, message_type: null, service: '/s', role: 'client' }),
      role: beside(oneOf('client', 'server'), { topic: null, message_type: null, service: '/s', service_type: 'a/B' }),
      namespace: text,
      node_name: text,
      master_uri: text,
    },
  },
  ros1Topic: {
    base: { topic: '/t', message_type: 'a/B' },
    file: entry(...inNode('inputs: { word: a/word }', 'outputs: [word]', 'ros1:', '  topics:')),
    rows: topicRows,
  },
  deploy: {
    base: {},
    file: under(...inNode('path: x', 'deploy:')),
    rows: {
      machine: text,
      labels: textMap,
      working_dir: text,
      distribute: oneOf('local', 'scp', 'http', 'push'),
      resources: map('{ cpus: 0.5 }'),
    },
  },
  resources: {
    base: {},
    file: under(...inNode('path: x', 'deploy:', '  resources:')),
    rows: { cpus: positive, memory: size, devices: texts, rate: positive, size },
  },
  typeRule: {
    base: { from: 'a', to: 'b' },
    file: entry('nodes: [{ id: a, path: x }]', 'type_rules:'),
    rows: { from: text, to: text },
  },
  debug: {
    base: {},
    file: under('nodes: [{ id: a, path: x }]', 'debug:'),
    rows: { enable_debug_inspection: bool, publish_all_messages_to_zenoh: bool },
  },
  moduleFile: {
    base: { module: '{ name: m, outputs: [o] }', nodes: '[{ id: a, path: x, outputs: [o] }]' },
    file: under(),
    rows: {
      module: row(
        ['{ name: m }'],
        [
          ['5', 'WRONG_TYPE'],
          ['{ ¦inputs: [] }', 'MISSING_KEY'],
        ],
      ),
      build: noWords,
      nodes: row(
        ['[{ id: a, path: x, outputs: [o] }]'],
        [
          ['5', 'WRONG_TYPE'],
          ['[{ ¦path: x, outputs: [o] }]', 'MISSING_KEY'],
        ],
      ),
    },
  },
  module: {
    base: { name: 'm' },
    file: under('nodes: [{ id: a, path: x, outputs: [a, b], inputs: { i: a/a, j: a/b } }]', 'module:'),
    rows: { name: text, inputs: texts, inputs_optional: texts, outputs: texts },
  },
  cluster: {
    base: { coordinator: '{ addr: a }', machines: '[{ id: a, host: b }]' },
    file: under(),
    rows: {
      coordinator: row(
        ['{ addr: a, port: 1 }'],
        [
          ['5', 'WRONG_TYPE'],
          ['{ ¦port: 1 }', 'MISSING_KEY'],
        ],
      ),
      zenoh_peer: text,
      machines: row(
        ['[{ id: a, host: b }]'],
        [
          ['5', 'WRONG_TYPE'],
          ['[¦5]', 'WRONG_TYPE'],
          ['[{ ¦id: a }]', 'MISSING_KEY'],
        ],
      ),
    },
  },
  coordinator: {
    base: { addr: 'a' },
    file: under('machines: [{ id: a, host: b }]', 'coordinator:'),
    rows: { addr: text, port: whole(1, 65_535) },
  },
  machine: {
    base: { id: 'a', host: 'b' },
    file: entry('coordinator: { addr: a }', 'machines:'),
    rows: {
      id: row(
        ['a', 'a.b'],
        [
          ['5', 'WRONG_TYPE'],
          ['a b', 'INVALID_NAME'],
        ],
        { beyondSchema: true },
      ),
      host: text,
      user: text,
      port: whole(1, 65_535),
      daemon_port: whole(1, 65_535),
      labels: textMap,
      zenoh_addr: text,
      zenoh_port: whole(1, 65_535),
    },
  },
};
