/**
 * The tables of docs/dataflow.md, made of the definition of the format.
 *
 * `npm run schema` writes them between the markers `<!-- keys: NAME -->` and `<!-- end -->` of the page, and a test
 * compares. The prose around them is written by hand. No program needs this file at run time.
 */

import { z } from 'zod';
import { defaultWords } from './editor-schema.js';
import { contracts, input, logging, ports, running } from './keys/common.js';
import { clusterFile, dataflowFile, moduleFile } from './keys/dataflow.js';
import { custom, node } from './keys/node.js';
import { operator } from './keys/operator.js';
import { notesOf } from './keys/words.js';
import { describeSchema } from './scalar-check.js';
import { unwrap } from './schema-plan.js';

type Shape = Readonly<Record<string, z.core.$ZodType>>;

/** The page with every table between markers written anew. */
export function writeKeyTables(page: string): string {
  return page.replace(/<!-- keys: ([\w-]+) -->\n[^]*?<!-- end -->/g, (_, name: string) => {
    const table = tables[name];
    if (table === undefined)
      throw new Error(`the page asks for a table ${name}; there are ${Object.keys(tables).join(', ')}`);
    return `<!-- keys: ${name} -->\n\n${table()}\n\n<!-- end -->`;
  });
}

const groups = new Map<string, z.ZodObject>();
for (const file of [dataflowFile, moduleFile, clusterFile]) collectGroups(file);

/** Every map of keys by its name. */
function collectGroups(schema: z.core.$ZodType): void {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) collectGroups(inner.element);
  else if (inner instanceof z.ZodRecord) collectGroups(inner.valueType);
  else if (inner instanceof z.ZodUnion) for (const option of inner.options) collectGroups(option);
  else if (inner instanceof z.ZodObject) {
    const name = notesOf(inner).name ?? '';
    if (groups.has(name)) return;
    groups.set(name, inner);
    for (const property of Object.values<z.core.$ZodType>(inner.shape)) collectGroups(property);
  }
}

const shared = { ...ports, ...contracts, ...running, ...logging };
const own = (shape: Shape): Shape => Object.fromEntries(Object.entries(shape).filter(([name]) => !(name in shared)));

/** Each table by the name in its marker: a map of keys, a part of one, or a list of keys. */
const tables: Readonly<Record<string, () => string>> = {
  ...Object.fromEntries([...groups].map(([name, schema]) => [name, () => keyTable(schema.shape)])),
  node: () => keyTable(own(node.shape)),
  custom: () => keyTable({ source: custom.shape.source, run: custom.shape.run, env: custom.shape.env }),
  operator: () => keyTable(own(operator.shape)),
  ports: () => keyTable(ports),
  contracts: () => keyTable(contracts),
  running: () => keyTable(running),
  logging: () => keyTable(logging),
  'without-effect': withoutEffect,
  old: oldKeys,
};

function keyTable(shape: Shape): string {
  const rows = Object.entries(shape)
    .filter(([, property]) => notesOf(property).modern === undefined)
    .map(([name, property]) => {
      const notes = notesOf(property);
      const usual = property instanceof z.ZodOptional ? (defaultWords(notes) ?? '–') : 'required';
      const meaning = `${notes.description ?? ''}${notes.later === true ? ' *No effect yet.*' : ''}`;
      return `| \`${name}\` | ${typeWords(property)} | ${usual} | ${meaning} |`;
    });
  return ['| key | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/** What a value may be, as Markdown. */
function typeWords(schema: z.core.$ZodType): string {
  const notes = notesOf(schema);
  if (notes.type !== undefined) return notes.type;
  const inner = unwrap(schema);
  if (inner !== schema) return typeWords(inner);
  if (inner instanceof z.ZodEnum) return inner.options.map((option) => `\`${String(option)}\``).join(', ');
  if (inner instanceof z.ZodArray) return `list of ${typeWords(inner.element)}`;
  if (inner instanceof z.ZodRecord) return `map to ${typeWords(inner.valueType)}`;
  if (inner instanceof z.ZodUnion) return [...new Set(inner.options.map(typeWords))].join(', or ');
  if (inner instanceof z.ZodObject) return `[map](#${(notes.name ?? '').toLowerCase()})`;
  return describeSchema(inner).replace(/^an? /, '');
}

/** The keys that are only checked, by the map in which they stand. */
function withoutEffect(): string {
  const later = (shape: Shape, except: Shape = {}): string[] =>
    Object.entries(shape)
      .filter(([name, property]) => notesOf(property).later === true && !name.startsWith('_') && !(name in except))
      .map(([name]) => `\`${name}\``);
  const inputMap = input.options[1];
  const rows: [where: string, keys: string[]][] = [
    ['file', later(dataflowFile.shape)],
    ['node', later(node.shape, custom.shape)],
    ['node, `custom`', later(custom.shape, operator.shape)],
    [
      'node, `custom`, operator',
      Object.keys(custom.shape)
        .filter((name) => name in operator.shape)
        .flatMap((name) => later({ [name]: custom.shape[name as keyof typeof custom.shape] })),
    ],
    ['operator', later(operator.shape, custom.shape)],
    ['input', later(inputMap.shape)],
  ];
  return ['| where | keys |', '|---|---|', ...rows.map(([where, keys]) => `| ${where} | ${keys.join(' ')} |`)].join(
    '\n',
  );
}

/** Old keys, with what to write today. */
function oldKeys(): string {
  const rows = [...groups].flatMap(([where, schema]) =>
    Object.entries<z.core.$ZodType>(schema.shape).flatMap(([name, property]) => {
      const { modern } = notesOf(property);
      return modern === undefined ? [] : [`| \`${name}\` | ${where} | ${modern.replaceAll(/"([\w-]+)"/g, '`$1`')} |`];
    }),
  );
  return ['| key | in | today |', '|---|---|---|', ...rows].join('\n');
}
