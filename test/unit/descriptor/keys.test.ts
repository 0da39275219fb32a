/** Every key of the definition, with right and wrong values, in every spelling: see key-rows.ts. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Ajv } from 'ajv';
import test, { type ExecutionContext } from 'ava';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { parseDataflow, type DescriptorResult, type Diagnostic } from '../../../lib/descriptor/index.js';
import { clusterFile, dataflowFile, moduleFile } from '../../../lib/descriptor/keys/dataflow.js';
import { notesOf } from '../../../lib/descriptor/keys/words.js';
import { root } from '../../helpers/source-tree.js';
import { codes, host } from './helpers.js';
import { holders, type Holder, type Row } from './key-rows.js';

const validate = new Ajv({ strict: false }).compile(
  JSON.parse(readFileSync(path.join(root, 'schema.json'), 'utf8')) as object,
);
const isValid = (yaml: string): boolean => validate(parseYaml(yaml, { merge: true }));

/** Where the rows' files are read: beside the module that some of them name. */
const folder = mkdtempSync(path.join(tmpdir(), 'dora-keys-'));
test.after.always(() => {
  rmSync(folder, { recursive: true });
});
writeFileSync(
  path.join(folder, 'part.yml'),
  'module: { name: part }\nnodes: [{ id: p, path: x, args: "${_param.a:-1} ${_param.c:-2}" }]\n',
);

/** Every map of keys of the definition, by its name. */
const groups = new Map<string, z.ZodObject>();
function collect(schema: z.core.$ZodType): void {
  if (schema instanceof z.ZodOptional) collect(schema.unwrap());
  else if (schema instanceof z.ZodArray) collect(schema.element);
  else if (schema instanceof z.ZodRecord) collect(schema.valueType);
  else if (schema instanceof z.ZodUnion) schema.options.forEach(collect);
  else if (schema instanceof z.ZodObject && !groups.has(notesOf(schema).name!)) {
    groups.set(notesOf(schema).name!, schema);
    Object.values<z.core.$ZodType>(schema.shape).forEach(collect);
  }
}
[dataflowFile, moduleFile, clusterFile].forEach(collect);

/** A file in which the map holds what it needs, and a key in some spelling with a value; and where the mark `¦` stood. */
function write(
  holder: Holder,
  row: Row,
  name: string,
  entries: [spelling: string, value: string][],
): { text: string; at: string } {
  const others = Object.entries({ ...holder.base, ...row.beside }).filter(
    ([key, value]) => key !== name && value !== null,
  );
  const lines = [
    ...others.map(([key, value]) => `${key}: ${value!}`),
    ...entries.map(([key, value]) => `${key}: ${value}`),
  ];
  const marked = holder.file(lines);
  const before = marked.slice(0, marked.indexOf('¦')).split('\n');
  return { text: marked.replace('¦', ''), at: `${before.length}:${before.at(-1)!.length + 1}` };
}

const parse = (text: string): DescriptorResult =>
  parseDataflow(text, path.join(folder, 'dataflow.yml'), { files: 'ignore', host });
const errors = (text: string): Diagnostic[] => parse(text).diagnostics.filter(({ severity }) => severity === 'error');

/** Every spelling of a key but its own. */
function otherSpellings(name: string): string[] {
  const [first = '', ...rest] = name.replace(/^_+/, '').split(/[-_]/);
  const prefix = /^_*/.exec(name)![0];
  const all = rest.reduce(
    (found, word) => found.flatMap((start) => [`${start}_${word}`, `${start}-${word}`]),
    [prefix + first],
  );
  return all.filter((spelling) => spelling !== name);
}

function checkRight(t: ExecutionContext, holder: Holder, row: Row, name: string, property: z.core.$ZodType): void {
  const { later, modern } = notesOf(property);
  for (const spelling of [name, ...otherSpellings(name)]) {
    for (const value of row.right) {
      const { text } = write(holder, row, name, [[spelling, value]]);
      const { diagnostics } = parse(text);
      t.deepEqual(codes(errors(text)), [], text);
      const has = (code: string): boolean =>
        diagnostics.some((d) => d.code === code && d.message.startsWith(`"${name}"`));
      t.is(has('NO_EFFECT_YET'), later === true, text);
      t.is(has('OLD_KEY'), modern !== undefined, text);
      t.true(isValid(text), `schema.json refuses ${text}`);
    }
  }
}

function checkWrong(t: ExecutionContext, holder: Holder, row: Row, name: string): void {
  for (const spelling of [name, ...otherSpellings(name).slice(0, 1)]) {
    for (const [value, code] of row.wrong) {
      const { text, at } = write(holder, row, name, [[spelling, value.includes('¦') ? value : `¦${value}`]]);
      t.deepEqual(codes(errors(text)), [`${at} error ${code}`], text);
      if (row.beyondSchema !== true) t.false(isValid(text), `schema.json takes ${text}`);
    }
  }
}

test('every key of the definition has a row, and every row a key', (t) => {
  const keys = [...groups].flatMap(([group, schema]) => Object.keys(schema.shape).map((name) => `${group}.${name}`));
  const rows = Object.entries(holders).flatMap(([group, holder]) =>
    Object.keys(holder.rows).map((name) => `${group}.${name}`),
  );
  t.deepEqual(rows.sort(), keys.sort());
  const withoutWrong = Object.values(holders).flatMap(({ rows: all }) =>
    Object.entries(all).filter(([, { wrong }]) => wrong.length === 0),
  );
  t.deepEqual(
    withoutWrong.map(([name]) => name),
    ['communication'],
  );
});

for (const [group, holder] of Object.entries(holders)) {
  const schema = groups.get(group);
  for (const [name, row] of Object.entries(holder.rows)) {
    const property = (schema?.shape as Record<string, z.core.$ZodType> | undefined)?.[name];
    if (property === undefined) continue;
    test(`${group}.${name}: right values pass, wrong ones are found at their place`, (t) => {
      checkRight(t, holder, row, name, property);
      checkWrong(t, holder, row, name);
    });
    test(`${group}.${name}: two spellings in one map are a duplicate, nothing after the colon is absent or empty`, (t) => {
      const value = row.right[0]!;
      for (const spelling of [name, ...otherSpellings(name)]) {
        const { text } = write(holder, row, name, [
          [name, value],
          [spelling, value],
        ]);
        t.deepEqual(
          errors(text).map(({ code }) => code),
          ['DUPLICATE_KEY'],
          text,
        );
      }
      if (!(property instanceof z.ZodOptional) || row.beside !== undefined) return;
      const base = holder.base[name];
      const { text } = write(base === undefined ? holder : { ...holder, base: {} }, row, name, [[name, '']]);
      const found = errors(text).filter(({ code }) => code === 'WRONG_TYPE' || code === 'UNKNOWN_KEY');
      t.deepEqual(codes(found), [], text);
    });
  }
}
