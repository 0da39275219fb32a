/**
 * The small vocabulary in which the keys of a dataflow file are defined: zod schemas with what the schema walk and the
 * editor schema need beside the type.
 *
 * A key is `key(schema, 'what it means, with its unit', { default: … })`. zod alone says what a value may be; the notes
 * here say what becomes of it: a feature that does not exist yet (`later`), an old spelling (`modern`), a value that is
 * wanted as the text that stands in the file (`asWritten`, so that `1.0` in `env` stays `1.0`). The schema walk,
 * schema.json (editor-schema.ts) and the tables of docs/dataflow.md (key-tables.ts) are all made of them.
 */

import { z } from 'zod';

/** What a key or a value carries beside its type. */
export interface KeyNotes {
  /** Meaning and unit, one or two sentences without the default; shown by editors and in the documentation. */
  description?: string;
  /** What holds when the key is absent, as it would be written; `[]` and `{}` are "empty". */
  default?: string | number | boolean | readonly never[] | Readonly<Record<string, never>>;
  /** What holds when the key is absent, in words, where no value says it: `the folder of the file`. */
  absent?: string;
  /** On a map of keys: its name among the definitions of schema.json, and of the tests. */
  name?: string;
  /** The type in the documentation, as Markdown; made from the schema unless given. */
  type?: string;
  /** The feature does not exist yet: one warning that the key has no effect. */
  later?: boolean;
  /** An old key: a warning with this sentence, which says what to write today. */
  modern?: string;
  /** Numbers and booleans are taken as the text that stands in the file. */
  asWritten?: boolean;
  /** What a value is, in words; for messages, where zod's own type says too little. */
  words?: string;
}

const notes = z.registry<KeyNotes>();

/** Attaches notes to a schema and returns it. */
export function noted<S extends z.ZodType>(schema: S, more: KeyNotes): S {
  notes.add(schema, { ...notes.get(schema), ...more });
  return schema;
}

/** The notes of a schema. */
export function notesOf(schema: z.core.$ZodType): KeyNotes {
  return notes.get(schema as z.ZodType) ?? {};
}

/** An optional key with its meaning. */
export function key<S extends z.ZodType>(schema: S, description: string, more: KeyNotes = {}): z.ZodOptional<S> {
  return noted(schema.optional().describe(description), { description, ...more });
}

/** A required key with its meaning. A copy of the schema carries the notes, for a schema may serve several keys. */
export function required<S extends z.ZodType>(schema: S, description: string): S {
  return noted(schema.describe(description), { ...notes.get(schema), description });
}

/** A key that is accepted and checked, and whose feature does not exist yet. */
export function later<S extends z.ZodType>(schema: S, description: string, more: KeyNotes = {}): z.ZodOptional<S> {
  return key(schema, description, { later: true, ...more });
}

/** A map of keys of the format, under a name. */
export function group<S extends z.core.$ZodLooseShape>(
  name: string,
  shape: S,
): z.ZodObject<z.core.util.Writeable<S>, z.core.$strict> {
  return noted(z.strictObject(shape), { name });
}

const noNul = /^[^\u0000]*$/;

/** Text that is not empty. */
export const text = (): z.ZodString => z.string().min(1, 'is empty').regex(noNul, 'holds a zero character');

/** Text that may be empty, taken as it stands in the file when it is a number or a boolean. */
export const asWritten = (): z.ZodString =>
  noted(z.string().regex(noNul, 'holds a zero character'), {
    asWritten: true,
    words: 'text, a number or a boolean',
    type: 'text',
  });

/** A shell-like text or a path, whose `$NAME` are replaced. */
export const path = (): z.ZodString => noted(text(), { type: 'path' });

/** A whole number of a range. */
export const whole = (low: number, high?: number): z.ZodNumber =>
  high === undefined ? z.number().int().min(low) : z.number().int().min(low).max(high);

/** What is wanted where seconds() is, in words. */
export const SECONDS = 'a number of seconds';

/** Seconds as a number. */
export const seconds = (minimum: 'positive' | 'zero'): z.ZodNumber =>
  noted(minimum === 'positive' ? z.number().gt(0) : z.number().min(0), { words: SECONDS });

/** A duration of ours: seconds as a number, or text such as 50us, 5ms, 2s. */
export const duration = (): z.ZodUnion<[z.ZodNumber, z.ZodString]> =>
  noted(
    z.union([
      seconds('positive'),
      noted(z.string().regex(/^(?![0.]*[a-z])\d+(\.\d+)?(ns|us|ms|s|min|h)$/, 'is not a duration above 0'), {
        words: 'a duration such as 50us, 5ms or 2s',
      }),
    ]),
    { type: 'seconds above 0, or text such as `50us`, `5ms`, `2s`' },
  );

const sizeForm = /^\d+(\.\d+)?\s*([kmgtKMGT][iI]?)?[bB]?$/;
const isPossible = (bytes: number): boolean => bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER;

/** A number of bytes, or text such as 8MB or 1GiB; parseSize() reads both. */
export const size = (): z.ZodUnion<[z.ZodNumber, z.ZodString]> =>
  noted(
    z.union([
      noted(z.number().int().min(1), { words: 'a whole number of bytes' }),
      noted(
        z
          .string()
          .regex(sizeForm, 'is not a size')
          .refine(
            (value) => !sizeForm.test(value) || isPossible(parseSize(value)),
            'is less than a byte, or more than can be',
          ),
        { words: 'a size such as 8MB or 1GiB' },
      ),
    ]),
    { type: 'bytes, or text such as `8MB`, `1GiB`' },
  );

/** The bytes of a `size()` value. Units count by 1024, with and without the `i`: dora reads 8MB so, and files are shared. */
export function parseSize(value: string | number): number {
  if (typeof value === 'number') return value;
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])i?)?b?$/i.exec(value);
  if (match === null) return Number.NaN;
  const power = match[2] === undefined ? 0 : 'kmgt'.indexOf(match[2].toLowerCase()) + 1;
  return Math.round(Number(match[1]) * 1024 ** power);
}
