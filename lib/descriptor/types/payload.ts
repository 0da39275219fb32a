/**
 * What a type is in a program: the TypeScript type of what json() gives and send() takes in lib/node.
 *
 * Numbers are `number` (also those of 64 bits: JSON has no others), text is `string`, a struct is an interface, and a list
 * an array. Bytes are `Uint8Array`. A struct that holds bytes has no JSON form: its bytes are the payload, and its other
 * fields go along as metadata, which is how images travel. docs/types.md says all this to users.
 */

import type { FieldType, TypeDefinition } from './definition.js';
import { typeNames } from './type-library.js';

/** `unknown`: a struct without fields. `bytes`: `data` is the field that is the payload, absent when it is not one field. */
export type PayloadForm =
  | { kind: 'text'; type: 'number' | 'string' | 'boolean' | 'Uint8Array' | 'unknown' }
  | { kind: 'bytes'; data?: string; metadata: readonly string[] }
  | { kind: 'interface' };

type Definitions = ReadonlyMap<string, TypeDefinition>;

/** The form of a type in TypeScript. */
export function payloadForm(definition: TypeDefinition, definitions: Definitions): PayloadForm {
  if (definition.arrow !== 'Struct') return { kind: 'text', type: primitiveType(definition.arrow) };
  if (definition.fields.length === 0) return { kind: 'text', type: 'unknown' };
  const holders = bytesHolders(definitions);
  const bytes = definition.fields.filter(({ type }) => holdsBytes(type, holders));
  if (bytes.length === 0) return { kind: 'interface' };
  const [data, second] = bytes;
  const rest = definition.fields.filter((field) => field !== data).map(({ name }) => name);
  const isPlain = second === undefined && data?.type.kind === 'primitive';
  return isPlain ? { kind: 'bytes', data: data.name, metadata: rest } : { kind: 'bytes', metadata: [] };
}

export function primitiveType(
  arrow: Exclude<TypeDefinition['arrow'], 'Struct'>,
): 'number' | 'string' | 'boolean' | 'Uint8Array' {
  if (arrow === 'Utf8') return 'string';
  if (arrow === 'Boolean') return 'boolean';
  return arrow === 'LargeBinary' ? 'Uint8Array' : 'number';
}

function holdsBytes(type: FieldType, holders: ReadonlySet<string>): boolean {
  if (type.kind === 'primitive') return type.arrow === 'LargeBinary';
  if (type.kind === 'list') return holdsBytes(type.of, holders);
  return type.kind === 'type' && holders.has(type.name);
}

const knownHolders = new WeakMap<Definitions, ReadonlySet<string>>();

/** The types that hold bytes, at any depth. Found from the bytes upwards, once: types may hold each other in any number. */
function bytesHolders(definitions: Definitions): ReadonlySet<string> {
  const known = knownHolders.get(definitions);
  if (known !== undefined) return known;
  const usedBy = new Map<string, string[]>();
  const holders = new Set<string>();
  const open: string[] = [];
  for (const { name, arrow, fields } of definitions.values()) {
    if (arrow === 'LargeBinary' || fields.some(({ type }) => holdsBytes(type, holders))) open.push(name);
    for (const inner of fields.flatMap(({ type }) => typeNames(type))) {
      const users = usedBy.get(inner);
      if (users === undefined) usedBy.set(inner, [name]);
      else users.push(name);
    }
  }
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (holders.has(name)) continue;
    holders.add(name);
    for (const user of usedBy.get(name) ?? []) open.push(user);
  }
  knownHolders.set(definitions, holders);
  return holders;
}
