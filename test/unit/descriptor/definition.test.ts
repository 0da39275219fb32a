/** The definition of the format, its documentation and a JSON schema made of it say the same. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { z } from 'zod';
import { writeKeyTables } from '../../../lib/descriptor/key-tables.js';
import { clusterFile, dataflowFile, moduleFile, nodeFile } from '../../../lib/descriptor/keys/dataflow.js';
import { notesOf } from '../../../lib/descriptor/keys/words.js';
import { codes, parse } from './helpers.js';

const page = readFileSync('docs/dataflow.md', 'utf8');

/** Every key of the definition with its schema, also those inside lists, maps and unions. */
function* keysOf(schema: z.core.$ZodType, seen = new Set<z.core.$ZodType>()): Generator<[string, z.core.$ZodType]> {
  if (seen.has(schema)) return;
  seen.add(schema);
  if (schema instanceof z.ZodOptional) yield* keysOf(schema.unwrap(), seen);
  else if (schema instanceof z.ZodArray) yield* keysOf(schema.element, seen);
  else if (schema instanceof z.ZodRecord) yield* keysOf(schema.valueType, seen);
  else if (schema instanceof z.ZodUnion) for (const option of schema.options) yield* keysOf(option, seen);
  else if (schema instanceof z.ZodObject) {
    for (const [name, property] of Object.entries<z.core.$ZodType>(schema.shape)) {
      yield [name, property];
      yield* keysOf(property, seen);
    }
  }
}

const keys = [dataflowFile, moduleFile, clusterFile].flatMap((file) => [...keysOf(file)]);

test('every key says what it means', (t) => {
  t.true(keys.length > 100);
  for (const [name, schema] of keys) t.regex(notesOf(schema).description ?? '', /^[A-Z].*\.$/, name);
});

test('every key without effect is listed in the documentation, and only those', (t) => {
  const section = /## Keys without effect\n(.*?)\n## /s.exec(page)![1]!;
  const rows = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| where'));
  const listed = rows.flatMap((row) => [...row.split('|')[2]!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!));
  const marked = keys
    .filter(([name, schema]) => notesOf(schema).later === true && !name.startsWith('_'))
    .map(([name]) => name);
  t.deepEqual([...new Set(listed)].sort(), [...new Set(marked)].sort());
});

test('the tables of the documentation are what the definition says; "npm run schema" writes them', (t) => {
  t.is(page, writeKeyTables(page));
});

test('every key has a row in the documentation', (t) => {
  for (const [name, schema] of keys) {
    if (notesOf(schema).modern === undefined && name !== '__dora_env')
      t.regex(page, new RegExp(`^\\| \`${name}\` \\|`, 'm'));
  }
  for (const name of Object.keys(nodeFile.shape)) t.true(page.includes(`| \`${name}\` |`), name);
});

test('every link of the documentation to one of its own sections leads there', (t) => {
  const anchors = [...page.matchAll(/^#+ (.*)$/gm)].map((match) =>
    match[1]!.toLowerCase().replaceAll('`', '').replaceAll(' ', '-'),
  );
  for (const [, anchor] of page.matchAll(/\]\(#([^)]*)\)/g)) t.true(anchors.includes(anchor!), anchor);
});

test("the documentation's example is right", (t) => {
  const example = /```yaml\n(.*?)```/s.exec(page)![1]!;
  const { diagnostics, dataflow } = parse(example, { purpose: 'run' });
  t.deepEqual(codes(diagnostics), []);
  t.is(dataflow!.nodes.length, 3);
});
