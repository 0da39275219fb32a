/**
 * Checks one value by its zod schema and says in plain words what is wrong with it.
 *
 * zod decides; this file only turns its answer into a code, a sentence and a way out. Called by the schema walk for
 * everything that is neither map nor list.
 */

import { z } from 'zod';
import type { Problem } from './diagnostic.js';
import { SECONDS, notesOf } from './keys/words.js';
import { unwrap, type ScalarPlan } from './schema-plan.js';
import { didYouMean, hints, quote } from './suggest.js';
import type { YamlNode, YamlScalar } from './yaml-tree.js';

const synchronous = { async: false } as const;

/** The value when it is right, undefined when it is not. */
export function checkScalar(plan: ScalarPlan, node: YamlScalar): unknown {
  // What safeParse() does, without the error that it makes of what is wrong: a file may have a hundred thousand.
  const result = plan.schema._zod.run({ value: valueFor(plan, node), issues: [] }, synchronous);
  return 'issues' in result && result.issues.length === 0 ? result.value : undefined;
}

/**
 * What is wrong with a value.
 * @param subject what it is, as the subject of a sentence: a quoted key, or the entry of a list
 * @param key its key, or the number of the entry
 */
export function explainScalar(
  plan: ScalarPlan,
  node: YamlScalar,
  subject: string,
  key: string | number | undefined,
): Problem {
  const { error } = z.safeParse(plan.schema, valueFor(plan, node));
  return explain(plan.schema, node, subject, key, error?.issues[0]);
}

function valueFor({ asWritten }: ScalarPlan, { value, source }: YamlScalar): unknown {
  return asWritten && value !== null && typeof value !== 'object' && typeof value !== 'string' ? source : value;
}

function explain(
  schema: z.core.$ZodType,
  node: YamlScalar,
  subject: string,
  key: string | number | undefined,
  issue: z.core.$ZodIssue | undefined,
): Problem {
  const what = `${subject} is ${describeNode(node)}`;
  const wanted = `it has to be ${describeSchema(schema)}`;
  switch (issue?.code) {
    case 'too_small':
    case 'too_big':
      if (typeof node.value === 'string')
        return { code: 'INVALID_VALUE', message: what, hint: `Write ${describeSchema(schema)}.` };
      return { code: 'OUT_OF_RANGE', message: `${what}; ${wanted}`, hint: rangeHint(key, node) };
    case 'invalid_value':
      return {
        code: 'INVALID_VALUE',
        message: `${what}; ${wanted}`,
        hint: wordHint(String(node.value), issue.values.map(String)),
      };
    case 'custom':
    case 'invalid_format':
      return {
        code: 'INVALID_VALUE',
        message: `${what}; ${wanted}`,
        hint: hints(issue.message === '' ? undefined : `It ${issue.message}.`),
      };
    default:
      return { code: 'WRONG_TYPE', message: `${what}; ${wanted}`, hint: typeHint(schema, node) };
  }
}

/** Also what begins alike: `warning` for `warn`, `drop` for `drop_oldest`. */
function wordHint(word: string, known: readonly string[]): string {
  const alike = known.filter(
    (one) => one.length > 2 && word.length > 2 && (one.startsWith(word) || word.startsWith(one)),
  );
  return (
    didYouMean(word, known) ??
    (alike.length === 1 ? `Did you mean ${quote(alike[0] ?? '')}?` : 'Write one of these words.')
  );
}

function rangeHint(key: string | number | undefined, node: YamlScalar): string {
  if (typeof key === 'number') return 'Choose a value inside the range, or leave the entry out.';
  if (key === 'queue_size' && node.value === 0) {
    return 'A queue of 0 could never hold a message. To keep the newest message only, write queue_size: 1.';
  }
  return 'Choose a value inside the range, or leave the key out for its default.';
}

/** Quotes too many, or quotes too few. */
function typeHint(schema: z.core.$ZodType, node: YamlScalar): string {
  const inner = unwrap(schema);
  if (typeof node.value === 'string') {
    const bare = node.plain ? '' : node.value.trim();
    const number = inner instanceof z.ZodNumber && bare !== '' && Number.isFinite(Number(bare));
    const bool = inner instanceof z.ZodBoolean && (bare === 'true' || bare === 'false');
    if (number || bool) return `Write ${bare} without quotes.`;
    if (inner instanceof z.ZodBoolean) return 'Write true or false.';
    const seconds =
      inner instanceof z.ZodNumber && notesOf(inner).words === SECONDS ? inSeconds(node.value) : undefined;
    if (seconds !== undefined) return `Write the number of seconds, without a unit: ${seconds}.`;
    return `Write ${describeSchema(schema)}.`;
  }
  if (inner instanceof z.ZodString && node.value !== null) return `Put it in quotes: ${quote(node.source)}.`;
  return `Write ${describeSchema(schema)}.`;
}

/** `1500ms` -> `1.5`; undefined when it is no time. */
function inSeconds(text: string): string | undefined {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s|secs?|seconds?|min|h)$/.exec(text) ?? [];
  const factor = unit === 'ms' ? 0.001 : unit === 'min' ? 60 : unit === 'h' ? 3600 : 1;
  return number === '' ? undefined : String(Number((Number(number) * factor).toPrecision(12)));
}

/** What a schema wants, in words: `a whole number from 1 to 65,536`. */
export function describeSchema(schema: z.core.$ZodType): string {
  const inner = unwrap(schema);
  const { words } = notesOf(inner);
  if (inner instanceof z.ZodNumber) return describeNumber(inner, words);
  if (words !== undefined) return words;
  if (inner instanceof z.ZodString) return 'text';
  if (inner instanceof z.ZodBoolean) return 'true or false';
  if (inner instanceof z.ZodEnum) return oneOf(inner.options.map(String));
  if (inner instanceof z.ZodArray) return 'a list';
  if (inner instanceof z.ZodObject || inner instanceof z.ZodRecord) return 'a map';
  if (inner instanceof z.ZodUnion) return [...new Set(inner.options.map(describeSchema))].join(', or ');
  return 'a value';
}

function describeNumber(schema: z.ZodNumber, words: string | undefined): string {
  const what = words ?? (schema.format === 'safeint' ? 'a whole number' : 'a number');
  const low = finite(schema.minValue);
  const high = finite(schema.maxValue);
  if (low !== undefined && high !== undefined) return `${what} from ${group(low)} to ${group(high)}`;
  if (low === undefined) return what;
  const exclusive = !z.safeParse(schema, low).success;
  return exclusive ? `${what} above ${group(low)}` : `${what}, ${group(low)} or more`;
}

function finite(bound: number | null): number | undefined {
  return bound === null || !Number.isFinite(bound) || Math.abs(bound) >= Number.MAX_SAFE_INTEGER ? undefined : bound;
}

function group(value: number): string {
  return value.toLocaleString('en-US');
}

function oneOf(words: readonly string[]): string {
  return words.length === 1 ? String(words[0]) : `${words.slice(0, -1).join(', ')} or ${String(words.at(-1))}`;
}

/** What stands in the file, in words: `the number 5`, `a list`, `the text "x"`. */
export function describeNode(node: YamlNode | null): string {
  if (node === null) return 'empty';
  if (node.kind === 'map') return 'a map';
  if (node.kind === 'list') return 'a list';
  if (node.kind === 'pair') return 'a pair of key and value';
  if (node.kind === 'alias') return 'an alias';
  const { value } = node;
  if (value === null) return 'empty';
  if (typeof value === 'string') return value === '' ? 'empty text' : quote(value);
  if (typeof value === 'number' || typeof value === 'bigint') return `the number ${node.source.slice(0, 40)}`;
  if (typeof value === 'boolean') return node.source;
  return 'a value with a tag';
}
