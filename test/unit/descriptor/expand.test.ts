/** `dora expand`: one file that passes the same check, means the same, and stays as it is when it is expanded again. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { expandDataflow, parseDataflow, type Dataflow, type ReadOptions } from '../../../lib/descriptor/index.js';
import { resolveLibrary, resolveProgram, type Found } from '../../../lib/descriptor/files.js';
import { codes, errorsOf, host, nodeOf, project } from './helpers.js';

const pathOf = (found: Found): string => ('file' in found ? found.file : found.tried[0]!);

/** What runs, whatever file it was read from: files by their full paths, no modules, no builds. */
function meaning({ nodes }: Dataflow): unknown {
  return nodes.map(({ folder, program, operators, ...node }) => {
    const where = { folder, workingDirectory: node.workingDirectory, path: '/usr/bin' };
    const command =
      program && (node.fetch === undefined ? pathOf(resolveProgram(program.command, where)) : program.command);
    return {
      ...node,
      build: undefined,
      program: program && { args: program.args, command },
      operators: operators?.map(({ library, ...operator }) => ({
        ...operator,
        library: pathOf(resolveLibrary(library, where)),
      })),
    };
  });
}

/** Expands a file, and looks whether what comes out is a dataflow of the same meaning that expands to itself. */
function expanded(t: ExecutionContext, file: string, options: ReadOptions = {}): { yaml: string; flat: Dataflow } {
  const read = { files: 'ignore', host, shownFile: path.basename(file), ...options } as const;
  const first = expandDataflow(file, read);
  t.truthy(first.yaml, JSON.stringify(first.diagnostics));
  const folder = path.dirname(file);
  const again = parseDataflow(first.yaml!, path.join(folder, 'flat.yml'), { files: 'ignore', host });
  t.truthy(again.dataflow, `${codes(again.diagnostics).join(' ')}\n${first.yaml}`);
  t.deepEqual(meaning(again.dataflow!), meaning(first.dataflow!));
  const copy = path.join(folder, 'flat', path.basename(file));
  mkdirSync(path.dirname(copy), { recursive: true });
  const flat = path.join(folder, 'flat.yml');
  writeFileSync(flat, first.yaml!);
  t.is(expandDataflow(flat, { ...read, env: {} }).yaml, first.yaml);
  return { yaml: first.yaml!, flat: again.dataflow! };
}

const yamlOf = (yaml: string): string => yaml.replace(/^#.*\n/, '');

for (const name of readdirSync('test/fixtures/descriptor/good').filter((file) => !/module|single/.test(file))) {
  test(`${name}: expanded it means the same, and expanding it again changes nothing`, (t) => {
    const folder = project(t, { [name]: readFileSync(path.join('test/fixtures/descriptor/good', name), 'utf8') });
    expanded(t, path.join(folder, name));
  });
}

test('both forms, both spellings, defaults of ids and variables come out in one form', (t) => {
  const folder = project(t, {
    'flow.yml': `x-note: { any: thing }
communication: { zenoh: {} }
_unstable_debug: { enable_debug_inspection: true }
env: [{ A: "$HOME" }, { PRICE: 5$$ }]
nodes:
  - id: a
    custom:
      run: python3 "my prog.py" $A
      args: [--x, "$$5", '\${B}']
      envs: { B: "$A/b" }
      env: { C: { __dora_env: HOME } }
      working_directory: $A
      build: make
      outputs: [o]
    output-retain: { o: 2 }
    _unstable_deploy: { machine: m }
  - id: rt
    operator:
      shared_library: op
      env: { D: 1.50 }
      inputs:
        i: { source: a/o, queue-size: 3, input-timeout: 0.25, queue_policy: backpressure }
      outputs: [p]
  - id: many
    operators: [{ id: q, shared_library: op, inputs: { i: rt/p }, outputs: [r] }]
  - { id: by-hand, path: dynamic, args: unused, inputs: { i: q/r } }
  - { id: end, path: $A/end, args: "", outputs: , inputs: { i: q/r, t: dora/timer/hz/30 } }
`,
  });
  const { yaml } = expanded(t, path.join(folder, 'flow.yml'), { env: { A: '/given $1' } });
  t.is(
    yaml,
    `# Made of "flow.yml" by "dora expand"; belongs into the same folder.
debug:
  enable_debug_inspection: true
env:
  A: /given $$1
  PRICE: 5$$
nodes:
  - id: a
    path: python3
    args:
      - my prog.py
      - /given $$1
      - --x
      - $$5
      - /given $$1/b
    build: make
    env:
      B: /given $$1/b
      C: /home/robot
    working-directory: /given $$1
    outputs:
      - o
    output_retain:
      o: 2
    deploy:
      machine: m
  - id: rt
    operator:
      id: rt
      shared-library: op
      env:
        D: "1.50"
      inputs:
        i:
          source: a/o
          queue_size: 3
          queue_policy: backpressure
          input_timeout: 0.25
      outputs:
        - p
  - id: many
    operators:
      - id: q
        shared-library: op
        inputs:
          i: rt/rt/p
        outputs:
          - r
  - id: by-hand
    path: dynamic
    inputs:
      i: many/q/r
  - id: end
    path: /given $$1/end
    inputs:
      i: many/q/r
      t: dora/timer/hz/30
`,
  );
});

const module = `module: { name: m, inputs: [in, tick], inputs_optional: [extra], outputs: [out] }
build: |
  make all # everything
nodes:
  - id: bare
    path: python3
    args: -m robot --speed \${_param.speed} $PARAM_SPEED $OUTER
    env: { OWN: "\${OUTER}!", PARAM_SPEED: default, CC: gcc }
    inputs: { in: _mod/in, tick: { source: _mod/tick, queue_size: 1 }, extra: _mod/extra }
    outputs: [mid]
  - id: beside
    path: run.py
    working_directory: work
    inputs: { i: { source: bare/mid, queue_policy: drop_oldest } }
    outputs: [out]
  - { id: in-work, path: ./inside, working-directory: work, inputs: { i: bare/mid } }
  - { id: not-yet, path: bin/made, working-directory: /var, inputs: { i: bare/mid } }
  - { id: sh, path: shell, args: "echo $HOME $$ \${_param.speed} > x", inputs: { i: bare/mid } }
  - { id: repo, git: ../repo.git, rev: 01234567, path: ./x, build: make, working-directory: sub, inputs: { i: bare/mid } }
  - { id: far, git: "https://example.org/x.git", branch: main, path: x, inputs: { i: bare/mid } }
  - { id: load, path: "https://example.org/x?a=$$b", path_sha256: ${'0a'.repeat(32)}, inputs: { i: bare/mid } }
  - { id: abs, path: /bin/true, inputs: { i: bare/mid } }
  - id: rt
    operators:
      - { id: one, shared-library: op, build: make op, inputs: { i: bare/mid } }
      - { id: two, shared-library: lib/other, inputs: { t: _mod/tick } }
`;
const flow = `env: { ROOT: root }
nodes:
  - { id: src, path: src.py, inputs: { t: dora/timer/millis/10 }, outputs: [o] }
  - id: m
    module: parts/m.yml
    env: { OUTER: "$ROOT-outer" }
    build: pip install x
    deploy: { machine: left }
    params: { speed: "$ROOT 1" }
    inputs: { in: { source: src/o, queue_size: 4, priority: 2 }, tick: dora/timer/hz/5 }
  - { id: sink, path: sink.py, inputs: { i: m/out } }
`;

test('nodes of a module: paths, environment, parameters, queues and builds are those that they have inside', (t) => {
  const folder = project(t, {
    'flow.yml': flow,
    'parts/m.yml': module,
    'parts/run.py': '',
    'parts/libop.so': '',
    'parts/work/inside': '',
  });
  const { yaml, flat } = expanded(t, path.join(folder, 'flow.yml'), { allowShellNodes: true });
  const path_ = (id: string): string | undefined => nodeOf(flat, `m.${id}`).program?.command;
  t.is(path_('bare'), 'python3');
  t.is(path_('beside'), 'parts/run.py');
  t.is(path_('in-work'), 'parts/work/inside');
  t.is(path_('not-yet'), 'parts/bin/made');
  t.is(path_('load'), 'https://example.org/x?a=$b');
  t.is(path_('repo'), './x');
  t.is(path_('abs'), '/bin/true');
  t.like(nodeOf(flat, 'm.repo'), { workingDirectory: 'sub', build: ['make'] });
  t.like(nodeOf(flat, 'm.repo').fetch, { url: path.join(folder, 'repo.git') });
  t.true(yaml.includes('git: ./repo.git\n'));
  t.deepEqual(
    nodeOf(flat, 'm.rt').operators?.map(({ library }) => library),
    ['parts/op', 'parts/lib/other'],
  );
  t.true(yaml.includes('args: echo $HOME $$ root 1 > x\n'));
  const bare = nodeOf(flat, 'm.bare');
  t.deepEqual(bare.program?.args, ['-m', 'robot', '--speed', 'root 1', 'root 1', 'root-outer']);
  t.deepEqual(bare.env, { ROOT: 'root', OUTER: 'root-outer', OWN: 'root-outer!', CC: 'gcc', PARAM_SPEED: 'root 1' });
  // The module's builds do not see what its first node says about itself.
  t.deepEqual(bare.build, [
    'cd ./.. || exit; unset OWN; unset CC; pip install x',
    'unset OWN; unset CC; make all # everything',
  ]);
  t.is(nodeOf(flat, 'sink').inputs[0]!.source.kind, 'output');
  t.is((yaml.match(/machine: left/g) ?? []).length, 10);
  t.is(yamlOf(yaml).includes('_mod'), false);
});

test('a module used twice and modules inside modules, also through ports', (t) => {
  const folder = project(t, {
    'flow.yml': `nodes:
  - { id: s, path: x, outputs: [o] }
  - { id: one, module: a/a.yml, params: { k: 1 }, inputs: { i: s/o } }
  - { id: two, module: a/a.yml, params: { k: 2 }, inputs: { i: one/o } }
  - { id: e, path: x, inputs: { i: two/o } }
`,
    'a/a.yml': `module: { name: a, inputs: [i], outputs: [o] }
nodes: [{ id: b, module: b/b.yml, params: { n: "\${_param.k}0" }, build: make b, inputs: { i: _mod/i, t: dora/timer/hz/3 } }]
`,
    'a/b/b.yml': `module: { name: b, inputs: [i, t], outputs: [o] }
nodes: [{ id: c, path: x, args: "\${_param.n} $PARAM_K", inputs: { i: _mod/i, t: { source: _mod/t, priority: 1 } }, outputs: [o] }]
`,
  });
  const { flat, yaml } = expanded(t, path.join(folder, 'flow.yml'));
  t.deepEqual(
    flat.nodes.map(({ id, program, build }) => [id, ...(program?.args ?? []), ...build]),
    [
      ['s'],
      ['one.b.c', '10', '1', 'cd ./.. || exit; make b'],
      ['two.b.c', '20', '2', 'cd ./.. || exit; make b'],
      ['e'],
    ],
  );
  t.is((yaml.match(/dora\/timer\/hz\/3$/gm) ?? []).length, 2);
});

test('builds of modules without nodes are kept, in their order', (t) => {
  const empty = 'module: { name: e }\nbuild: make e\nnodes: []\n';
  const folder = project(t, {
    'flow.yml': 'nodes: [{ id: a, module: e.yml }, { id: n, path: x, build: make n }, { id: z, module: e.yml }]\n',
    'e.yml': empty,
  });
  t.deepEqual(nodeOf(expanded(t, path.join(folder, 'flow.yml')).flat, 'n').build, ['make e', 'make n', 'make e']);
});

test('what does not run yet and has no effect yet is kept', (t) => {
  const folder = project(t, {
    'flow.yml': `nodes:
  - { id: b, ros2: { topic: /a, message_type: x/Y }, outputs: [o] }
  - { id: h, hub: dora-yolo@^0.5, inputs: { i: b/o, l: dora/logs/info } }
  - id: op
    operators:
      - { id: py, python: { source: op.py, conda_env: e }, inputs: { i: h/anything } }
  - { id: r, path: x, restart-policy: always, cpu_affinity: [0], input_types: { i: std/core/v1/UInt64 }, inputs: { i: { source: dora/timer/secs/1, deadline: 5ms } } }
`,
  });
  const { yaml } = expanded(t, path.join(folder, 'flow.yml'));
  for (const line of [
    'hub: dora-yolo@^0.5',
    'l: dora/logs/info',
    'conda_env: e',
    'i: h/anything',
    'restart_policy: always',
    'deadline: 5ms',
  ])
    t.true(yaml.includes(`${line}\n`), `${line}\n${yaml}`);
});

test('a variable that is not set cannot be replaced: nothing is printed', (t) => {
  const folder = project(t, { 'flow.yml': 'nodes: [{ id: a, path: x, args: $NOPE }]\n' });
  const result = expandDataflow(path.join(folder, 'flow.yml'), { host, files: 'ignore', shownFile: 'flow.yml' });
  t.is(result.yaml, undefined);
  t.deepEqual(errorsOf(result), ['flow.yml:1:33 UNDEFINED_VARIABLE']);
});

test('variables that only the caller may set are not printed: a file has no use for them', (t) => {
  const folder = project(t, { 'flow.yml': 'nodes: [{ id: a, path: x, args: $A }]\n' });
  const { yaml } = expandDataflow(path.join(folder, 'flow.yml'), {
    host,
    files: 'ignore',
    env: { LD_PRELOAD: 'x', A: 'y' },
  });
  t.deepEqual(parseDataflow(yaml!, 'flat.yml', { host, files: 'ignore' }).diagnostics, []);
  t.true(yaml!.includes('A: y\n') && !yaml!.includes('LD_PRELOAD'));
});

test('what would be larger than a file may be is refused', (t) => {
  const folder = project(t, {
    'flow.yml': `nodes:\n${Array.from({ length: 60 }, (_, i) => `  - { id: n${i}, module: m.yml, params: { k: ${'x'.repeat(1000)} } }`).join('\n')}\n`,
    'm.yml': `module: { name: m }\nnodes: [${Array.from({ length: 100 }, (_, i) => `{ id: n${i}, path: x }`).join(',')}]\n`,
  });
  const result = expandDataflow(path.join(folder, 'flow.yml'), { host, files: 'ignore', shownFile: 'flow.yml' });
  t.is(result.yaml, undefined);
  t.deepEqual(errorsOf(result), ['flow.yml:1:1 FILE_TOO_LARGE']);
});
