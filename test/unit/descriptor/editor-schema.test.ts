/** schema.json: made of the definition, right for every good file, and useful in an editor. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import test from 'ava';
import { parse as parseYaml } from 'yaml';
import { editorSchemaText } from '../../../lib/descriptor/editor-schema.js';
import { completionAt, hoverAt, underlined } from '../../helpers/editor.js';
import { root } from '../../helpers/source-tree.js';
import { oneNode } from './helpers.js';

const text = readFileSync(path.join(root, 'schema.json'), 'utf8');
const validate = new Ajv({ strict: false, allErrors: true }).compile(JSON.parse(text) as object);

/** `where keyword`, for each mistake that the schema finds. */
function problems(yaml: string): string[] {
  validate(parseYaml(yaml, { merge: true }));
  return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
}

test('schema.json is what the definition says; "npm run schema" writes it', (t) => {
  t.is(text, editorSchemaText());
});

test('the package has it under a name, as the header of a dataflow file names it', (t) => {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    files: string[];
    exports: Record<string, unknown>;
  };
  t.is(manifest.exports['./schema.json'], './schema.json');
  t.true(manifest.files.includes('schema.json'));
});

const good = readdirSync('test/fixtures/descriptor/good').map((name) => `test/fixtures/descriptor/good/${name}`);
const examples = readdirSync('examples', { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.ya?ml$/.test(name))
  .map((name) => `examples/${name}`);

test('every good fixture, every example and the one of the documentation is valid', (t) => {
  t.true(good.length > 5 && examples.length > 2);
  for (const file of [...good, ...examples]) t.deepEqual(problems(readFileSync(file, 'utf8')), [], file);
  const page = readFileSync('docs/dataflow.md', 'utf8');
  t.deepEqual(problems(/```yaml\n(.*?)```/s.exec(page)![1]!), []);
});

test('both spellings, notes of the user, and nothing after the colon are valid', (t) => {
  const lines = ['path: x', 'restart-policy: never', 'max_restart-delay: 1', 'working_directory: w', 'x-mine: [1]'];
  const empty = ['env:', 'inputs:', 'outputs:', 'args:', 'build:', 'output_metadata: { a: }', 'restart_policy:'];
  t.deepEqual(problems(oneNode(...lines)), []);
  t.deepEqual(problems(oneNode('path: x', ...empty)), []);
  t.deepEqual(problems('x-a: 1\nnodes: []\n-unstable_deploy: {}\n'), []);
});

const wrong: [title: string, yaml: string, expected: string][] = [
  ['an unknown key', oneNode('pth: x'), '/nodes/0 additionalProperties'],
  ['a key with a prefix', oneNode('xpath: x'), '/nodes/0 additionalProperties'],
  ['a misspelt twin', oneNode('restart--policy: never'), '/nodes/0 additionalProperties'],
  ['a node without an id', 'nodes: [{ path: x }]', '/nodes/0 required'],
  ['no nodes', 'env: {}', ' required'],
  ['a queue of 0', oneNode('inputs: { i: { source: a/b, queue_size: 0 } }'), '/nodes/0/inputs/i/queue_size minimum'],
  [
    'its other spelling',
    oneNode('inputs: { i: { source: a/b, queue-size: 0 } }'),
    '/nodes/0/inputs/i/queue-size minimum',
  ],
  ['an unknown word', oneNode('restart_policy: sometimes'), '/nodes/0/restart_policy enum'],
  ['text for a number', oneNode('max_restarts: "3"'), '/nodes/0/max_restarts type'],
  ['a list for a map', oneNode('inputs: [a]'), '/nodes/0/inputs type'],
  ['a bad size', oneNode('shared_memory_pool_size: 8 bananas'), '/nodes/0/shared_memory_pool_size pattern'],
  ['a bad checksum', oneNode('path_sha256: 12zz'), '/nodes/0/path_sha256 pattern'],
  ['an input without a source', oneNode('inputs: { i: { queue_size: 1 } }'), '/nodes/0/inputs/i required'],
  ['a module without a name', 'module: {}\nnodes: []', '/module required'],
  ['a topic without a type', oneNode('ros2: { topics: [{ topic: x }] }'), '/nodes/0/ros2/topics/0 required'],
  ['a machine without a host', 'coordinator: { addr: a }\nmachines: [{ id: a }]', '/machines/0 required'],
  ['a key of nodes in a single node', 'id: a\npath: x\nnode: 1', ' additionalProperties'],
];
for (const [title, yaml, expected] of wrong) {
  test(`${title} is not valid`, (t) => {
    t.true(problems(yaml).includes(expected), problems(yaml).join('\n'));
  });
}

const oneInput = (line: string): string => oneNode('path: x', 'inputs:', '  i:', '    source: b/o', `    ${line}`);

test('an editor offers the canonical spelling of keys, words of a value, and nothing old', async (t) => {
  const ofInput = await completionAt(oneInput('|'));
  t.true(ofInput.includes('queue_size'));
  t.false(ofInput.some((name) => name.includes('-')));
  t.true((await completionAt(oneInput('queue_policy: |'))).includes('backpressure'));
  const ofNode = await completionAt('nodes:\n  - id: a\n    |\n');
  t.true(ofNode.includes('working-directory') && ofNode.includes('restart_policy'));
  t.false(ofNode.some((name) => ['_unstable_deploy', 'working_directory', 'x-'].includes(name)));
  t.deepEqual(await completionAt('module:\n  name: x\nnodes: []\n|\n'), ['build']);
});

test('an editor shows meaning, unit and default, for both spellings', async (t) => {
  for (const key of ['queue_po|licy', 'queue-po|licy']) {
    t.regex(
      await hoverAt(oneInput(`${key}: backpressure`)),
      /the sender waits \(`backpressure`\)\. Default: `drop_oldest`/,
    );
  }
  t.regex(await hoverAt(oneNode('path: x', 'finish_grace|_secs: 1')), /Seconds to end.*Default: `120`/);
});

test('every key says what it means, numbers their unit, and what holds without it', (t) => {
  interface Property {
    description?: string;
    markdownDescription?: string;
    default?: unknown;
    type?: string | string[];
    anyOf?: { type?: string | string[] }[];
  }
  const { definitions } = JSON.parse(text) as {
    definitions: Record<string, { properties?: Record<string, Property> }>;
  };
  const properties = Object.entries(definitions).flatMap(([group, { properties: inside = {} }]) =>
    Object.entries(inside).map(([name, property]) => ({ key: `${group}.${name}`, property })),
  );
  t.true(properties.length > 200);
  const unit =
    /second|bytes|messages|restarts|replicas|files|threads|cores?\b|port\b|priority|higher first|how many|times/i;
  for (const { key, property } of properties) {
    const { description = '', markdownDescription = '' } = property;
    t.true(description.length > 3 && markdownDescription.length > 3, key);
    if (property.default !== undefined) t.regex(description, /Default: /, key);
    const types = [property.type, ...(property.anyOf ?? []).map(({ type }) => type)].flat();
    const isNumber = types.includes('integer') || (types.includes('number') && !types.includes('boolean'));
    if (isNumber) t.regex(description, unit, key);
  }
});

test('an editor underlines what is wrong, and says what may stand there', async (t) => {
  t.deepEqual(await underlined(oneInput('queue_size: 5')), []);
  t.regex((await underlined(oneInput('queue-policy: drop'))).join('\n'), /^7:23 Value is not accepted.*"drop_oldest"/);
  t.regex(
    (await underlined(oneNode('shared_memory_pool_size: 8 bananas'))).join('\n'),
    /^3:30 It has to be a size such as 8MB/,
  );
  t.regex((await underlined('communication: {}\nnodes: []\n')).join('\n'), /^1:1 Old key\. Remove it/);
});
