/**
 * The definition of the format as a JSON Schema (draft 7) for editors: schema.json, written by `npm run schema`.
 *
 * Maps, lists and unions are made here, as in the schema walk; zod is asked about single values only. A key is listed
 * in `properties` in its canonical spelling, which editors offer; any other mixture of "-" and "_" matches a pattern in
 * `patternProperties`, which all validate by and none offers. The same holds for keys that start with `x-`. The schema
 * says what each value may be. Rules that span keys (exactly one source, sources that exist) are `dora check`'s: said in
 * a schema they would give editors messages that nobody understands.
 */

import { z } from 'zod';
import { clusterFile, dataflowFile, moduleFile, nodeFile } from './keys/dataflow.js';
import { notesOf, type KeyNotes } from './keys/words.js';
import { unwrap } from './schema-plan.js';

/** A JSON Schema; `true` takes everything. */
export type JsonSchema = true | Readonly<Record<string, unknown>>;
type Keywords = Record<string, unknown>;

/** The schema of all kinds of file. */
export function editorSchema(): JsonSchema {
  const writer = new SchemaWriter();
  const [dataflow, module, node, cluster] = [dataflowFile, moduleFile, nodeFile, clusterFile].map((file) =>
    writer.reference(file),
  );
  // The same order in which load.ts tells the kinds apart. An editor checks by one kind and says what that lacks.
  const hasNodes = { required: ['nodes'] };
  const isNode = { required: ['id'], not: hasNodes };
  const isCluster = { anyOf: [{ required: ['machines'] }, { required: ['coordinator'] }], not: hasNodes };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'dora dataflow',
    description: 'A dataflow, a module, one node alone, or the description of a cluster.',
    if: { required: ['module', 'nodes'] },
    then: module,
    else: { if: isNode, then: node, else: { if: isCluster, then: cluster, else: dataflow } },
    definitions: writer.definitions,
  };
}

/** The text of schema.json. */
export function editorSchemaText(): string {
  return `${JSON.stringify(editorSchema(), undefined, 2)}\n`;
}

/** Meaning, default and state of a key in one text; `code` puts names into backticks. */
export function describeKey(notes: KeyNotes, code: boolean): string {
  const plain = (text: string): string => text.replace(/\[([^\]]+)\]\([^)]*\)/g, '$1').replaceAll('`', '');
  const sentences = [
    notes.description === undefined ? '' : code ? unlink(notes.description) : plain(notes.description),
  ];
  const usual = defaultWords(notes);
  if (usual !== undefined) sentences.push(`Default: ${code ? usual : plain(usual)}.`);
  if (notes.later === true) sentences.push('Checked, and without effect in this version.');
  if (notes.modern !== undefined) sentences.push(`Old key. ${notes.modern}`);
  return sentences.join(' ');
}

/** Links of the documentation lead nowhere in an editor. */
function unlink(markdown: string): string {
  return markdown.replace(/\[([^\]]+)\]\([^)]*\)/g, '$1');
}

/** What holds when a key is absent, as Markdown; undefined when nothing does. */
export function defaultWords(notes: KeyNotes): string | undefined {
  const value = notes.default;
  if (value === undefined) return notes.absent;
  return typeof value === 'object' ? 'empty' : `\`${String(value)}\``;
}

class SchemaWriter {
  readonly definitions: Record<string, JsonSchema> = {};

  /** A map of keys by its name; its definition is made when it is first seen. */
  reference(schema: z.ZodObject): JsonSchema {
    const { name } = notesOf(schema);
    if (name === undefined) throw new Error('a map of keys has no name; define it by group()');
    if (this.definitions[name] === undefined) {
      this.definitions[name] = true;
      this.definitions[name] = this.#object(schema, `#/definitions/${name}`);
    }
    return { $ref: `#/definitions/${name}` };
  }

  #object(schema: z.ZodObject, at: string): JsonSchema {
    const properties: Keywords = {};
    const patterns: Record<string, JsonSchema> = { '^x-': true };
    const required: string[] = [];
    const either: Keywords[] = [];
    for (const [name, property] of Object.entries<z.core.$ZodType>(schema.shape)) {
      properties[name] = this.#key(property);
      const words = name.replace(/^_+/, '').split(/[-_]/);
      const others = words.length > 1 || name.startsWith('_');
      if (others) {
        const spelled = name.replaceAll(/[-_]/g, '[-_]');
        patterns[`^(?!${name}$)${spelled}$`] = { $ref: `${at}/properties/${name}` };
      }
      if (property instanceof z.ZodOptional) continue;
      if (others) either.push(...[{ anyOf: spellings(name).map((spelling) => ({ required: [spelling] })) }]);
      else required.push(name);
    }
    return {
      type: 'object',
      properties,
      patternProperties: patterns,
      additionalProperties: false,
      ...(required.length === 0 ? {} : { required }),
      ...(either.length === 0 ? {} : { allOf: either }),
    };
  }

  /** A key: what its value may be, and what an editor shows about it. */
  #key(property: z.core.$ZodType): JsonSchema {
    const notes = notesOf(property);
    const inner = unwrap(property);
    const value = this.#value(inner);
    const optional = property instanceof z.ZodOptional;
    return {
      ...(optional && !needsKeys(inner) ? orNull(value) : value),
      description: describeKey(notes, false),
      markdownDescription: describeKey(notes, true),
      ...(notes.default === undefined ? {} : { default: notes.default }),
      ...(notes.modern === undefined ? {} : { deprecated: true, deprecationMessage: `Old key. ${notes.modern}` }),
    };
  }

  #value(schema: z.core.$ZodType): Keywords {
    if (schema instanceof z.ZodObject) return this.reference(schema) as Keywords;
    if (schema instanceof z.ZodArray) return { type: 'array', items: this.#part(schema.element) };
    if (schema instanceof z.ZodRecord) return { type: 'object', additionalProperties: this.#part(schema.valueType) };
    if (schema instanceof z.ZodUnion) return union(schema.options.map((option) => this.#value(unwrap(option))));
    if (schema instanceof z.ZodUnknown) return {};
    return scalar(schema);
  }

  /** An entry of a list or of a user's map: null stands for an empty list or map there, too. */
  #part(schema: z.core.$ZodType): Keywords {
    const inner = unwrap(schema);
    const value = this.#value(inner);
    const isContainer = inner instanceof z.ZodArray || inner instanceof z.ZodRecord || inner instanceof z.ZodObject;
    return isContainer && !needsKeys(inner) ? orNull(value) : value;
  }
}

/** Numbers or text become one schema, whose message names the form that is wrong; other branches stand side by side. */
function union(branches: Keywords[]): Keywords {
  const types = branches.map((branch) => branch['type']);
  const simple = branches.every((branch) => branch['enum'] === undefined && branch['$ref'] === undefined);
  const single = types.every((type) => type === 'string' || type === 'integer' || type === 'number');
  if (!simple || !single || new Set(types).size !== types.length) return { anyOf: branches };
  return Object.assign({}, ...branches, { type: types }) as Keywords;
}

/** Whether an empty map would lack a key. */
function needsKeys(schema: z.core.$ZodType): boolean {
  return (
    schema instanceof z.ZodObject &&
    Object.values<z.core.$ZodType>(schema.shape).some((property) => !(property instanceof z.ZodOptional))
  );
}

/** One value: zod's own words, with what it says to people. */
function scalar(schema: z.core.$ZodType): Keywords {
  const notes = notesOf(schema);
  const keywords = z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }) as Keywords;
  delete keywords['$schema'];
  // zod's bounds of whole numbers, and the pattern against zero characters, which no YAML holds.
  if (keywords['maximum'] === Number.MAX_SAFE_INTEGER) delete keywords['maximum'];
  if (keywords['minimum'] === Number.MIN_SAFE_INTEGER) delete keywords['minimum'];
  if (keywords['pattern'] === '^[^\\u0000]*$') delete keywords['pattern'];
  if (notes.asWritten === true) keywords['type'] = ['string', 'number', 'boolean'];
  if (keywords['pattern'] !== undefined && notes.words !== undefined)
    keywords['patternErrorMessage'] = `It has to be ${notes.words}.`;
  return keywords;
}

/** The same, or null: the key counts as absent, or as an empty list or map. */
function orNull(schema: Keywords): Keywords {
  if (Array.isArray(schema['enum']))
    return { ...schema, type: ['string', 'null'], enum: [...(schema['enum'] as unknown[]), null] };
  if (Array.isArray(schema['anyOf']))
    return { ...schema, anyOf: [...(schema['anyOf'] as unknown[]), { type: 'null' }] };
  if (schema['$ref'] !== undefined) return { anyOf: [schema, { type: 'null' }] };
  const type = schema['type'] as string | readonly string[] | undefined;
  return type === undefined ? schema : { ...schema, type: [type, 'null'].flat() };
}

/** Every mixture of "-" and "_" in a name of two or three words. */
function spellings(name: string): string[] {
  const [first = '', ...rest] = name.split(/[-_]/);
  return rest.reduce((found, word) => found.flatMap((start) => [`${start}_${word}`, `${start}-${word}`]), [first]);
}
