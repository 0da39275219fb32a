/**
 * Ways out of what the schema walk finds: a key that is unknown where it stands, a value of the wrong shape.
 *
 * For a key it offers one of nearly that name, one that other formats call so, or says to which map a key of that name
 * belongs; for a value, how it would be written. All hints, no checks.
 */

import { z } from 'zod';
import { deploy, input } from './keys/common.js';
import { dataflowFile } from './keys/dataflow.js';
import { custom, node } from './keys/node.js';
import { operator } from './keys/operator.js';
import { notesOf } from './keys/words.js';
import { describeSchema } from './scalar-check.js';
import { unwrap } from './schema-plan.js';
import { hints, listNames, nearest, quote } from './suggest.js';
import type { YamlNode, YamlScalar } from './yaml-tree.js';

const programs = ['cmd', 'command', 'program', 'executable', 'exec', 'script', 'entrypoint', 'run', 'source', 'file'];

/** What people write who come from elsewhere, by the key that they mean. */
const otherWords: Readonly<Record<string, readonly string[]>> = {
  path: programs,
  source: [...programs, 'src', 'from', 'topic'],
  'shared-library': ['library', 'lib', 'so', 'dll', 'path'],
  args: ['argv', 'arguments', 'parameters'],
  env: ['environment', 'variables', 'vars'],
  'working-directory': ['cwd', 'workdir', 'dir'],
  inputs: ['in', 'subscribe', 'subscriptions', 'subscribes'],
  outputs: ['out', 'publish', 'publications', 'publishes'],
  nodes: ['components', 'processes'],
  queue_size: ['queue', 'buffer', 'buffer_size', 'depth', 'capacity'],
  input_timeout: ['timeout'],
};

const operatorMap = operator as z.ZodObject;
const inputMap = input.options.find((option): option is (typeof input.options)[1] => 'shape' in option);
/** Maps whose keys are looked for elsewhere, in words. */
const maps: readonly (readonly [what: string, schema: z.ZodObject | undefined])[] = [
  ['the file', dataflowFile],
  ['a node', node],
  ['"custom"', custom],
  ['an operator', operatorMap],
  ['an input', inputMap],
  ['"deploy"', deploy],
];

/** The hint for a key that a map does not have. */
export function unknownKeyHint(schema: z.ZodObject, name: string): string | undefined {
  const known = Object.keys(schema.shape).filter((key) => !key.startsWith('_unstable'));
  const best = nearest(name, known) ?? synonym(schema, name);
  if (best !== undefined) return `Did you mean ${quote(best)}?`;
  return hints(belonging(schema, name), `Keys here: ${listNames(known, 12)}. Keys of your own start with x-.`);
}

function synonym(schema: z.ZodObject, name: string): string | undefined {
  const word = name.toLowerCase().replaceAll('-', '_');
  return Object.keys(otherWords).find((key) => {
    const property = (schema.shape as Readonly<Record<string, z.core.$ZodType>>)[key];
    return property !== undefined && notesOf(property).modern === undefined && otherWords[key]?.includes(word) === true;
  });
}

function belonging(schema: z.ZodObject, name: string): string | undefined {
  const plain = name.replaceAll('-', '_');
  const places = maps.filter(
    ([, other]) =>
      other !== undefined &&
      other !== schema &&
      Object.keys(other.shape).some((key) => key.replaceAll('-', '_') === plain),
  );
  // A word that is a key nearly everywhere says nothing about what was meant.
  if (places.length === 0 || places.length > 3) return undefined;
  return `${quote(name)} is a key of ${places.map(([what]) => what).join(' and of ')}.`;
}

/** What to write instead, as it would stand in the file where that can be told. */
export function shapeHint(schema: z.core.$ZodType, node: YamlNode | null, part: string | number | undefined): string {
  const inner = unwrap(schema);
  const branches = inner instanceof z.ZodUnion ? inner.options.map(unwrap) : [inner];
  const takes = (type: typeof z.ZodArray | typeof z.ZodRecord | typeof z.ZodObject | typeof z.ZodString): boolean =>
    branches.some((branch) => branch instanceof type);
  const key = typeof part === 'string' && /^[\w-]{1,60}$/.test(part) ? part : undefined;
  if (
    takes(z.ZodArray) &&
    node?.kind === 'scalar' &&
    key !== undefined &&
    isShort(node) &&
    !isContainer(elementOf(branches))
  )
    return `Write a list: ${key}: [${node.source}].`;
  if (takes(z.ZodArray) && node?.kind === 'map') return 'Each entry of a list begins with "- ".';
  if (takes(z.ZodString) && node?.kind === 'list' && key === 'build')
    return 'Write one command a line, below "build: |".';
  if (node?.kind === 'map' && !takes(z.ZodObject)) return 'Look at the indentation; text that holds ": " needs quotes.';
  return `Write ${describeSchema(schema)}.`;
}

function elementOf(branches: readonly z.core.$ZodType[]): z.core.$ZodType | undefined {
  return branches.find((branch) => branch instanceof z.ZodArray)?.element;
}

/** Whether it can be shown inside a sentence. */
function isShort({ source }: YamlScalar): boolean {
  return /^[\w./-]{1,40}$/.test(source);
}

/** What holds other values. */
function isContainer(schema: z.core.$ZodType | undefined): boolean {
  return schema instanceof z.ZodObject || schema instanceof z.ZodRecord || schema instanceof z.ZodArray;
}
