/**
 * A dataflow as TypeScript types: what `dora types` writes. One interface `<NodeId>Io` for each program and each operator,
 * with the ids of its ports and what they carry, for `Node.connect<PlannerIo>()`.
 *
 * The text depends on the dataflow alone: the same file gives the same text. It imports nothing. Everything that comes from
 * the file is hostile: ids become words of TypeScript, descriptions become comments that cannot be ended from inside.
 */

import path from 'node:path';
import { formatPeriod } from './mermaid.js';
import { sourceOutputId, type Dataflow, type DataflowInput, type DataflowNode, type DataflowOutput } from './model.js';
import type { FieldType, TypeDefinition } from './types/definition.js';
import { payloadForm, primitiveType } from './types/payload.js';
import { shortName } from './types/type-name.js';

/** The first words of every file that toTypeScript() made; `dora types` overwrites no other. */
export const GENERATED_MARK = '// Written by `dora types`';

/** A program or an operator. */
interface Unit {
  what: string;
  name: string;
  description: string | undefined;
  inputs: readonly DataflowInput[];
  outputs: readonly DataflowOutput[];
}

/** The text of a module with one interface a unit, with a line end after the last line. */
export function toTypeScript(dataflow: Dataflow): string {
  const taken = new Set(globals);
  const units = dataflow.nodes.flatMap((node) => unitsOf(node, taken));
  const types = new TypeNames(dataflow.types, taken);
  const bodies = units.map((unit) => unitText(unit, types));
  return [
    `${GENERATED_MARK} from ${clean(path.basename(dataflow.file))}; changes are lost when it is written again.`,
    '/* eslint-disable */',
    ...bodies,
    ...types.texts(),
    // A module even when there is no node.
    ...(bodies.length === 0 ? ['export {};'] : []),
    '',
  ].join('\n');
}

/** Names of the language that the text itself uses. */
const globals = ['Uint8Array', 'Array', 'Object', 'String', 'Number', 'Boolean'];

function unitsOf(node: DataflowNode, taken: Set<string>): Unit[] {
  if (node.operators === undefined) {
    const { inputs, outputs } = node;
    const name = ioName([node.id], taken);
    return [{ what: `The node \`${node.id}\``, name, description: describe(node), inputs, outputs }];
  }
  return node.operators.map((operator) => ({
    what: `The operator \`${operator.id}\` of \`${node.id}\``,
    name: ioName(operator.id === node.id ? [node.id] : [node.id, operator.id], taken),
    description: describe(operator),
    inputs: operator.inputs,
    outputs: operator.outputs,
  }));
}

function describe({ name, description }: { name?: string; description?: string }): string | undefined {
  const parts = [name, description].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(': ');
}

/** `FrontCameraIo` of `front-camera`; where two ids give one name, the later one in the file gets a number. */
function ioName(ids: readonly string[], taken: Set<string>): string {
  const words = ids.map(pascalCase).join('');
  return takeName(/^[A-Za-z]/.test(words) ? words : `Node${words}`, 'Io', taken);
}

function takeName(stem: string, suffix: string, taken: Set<string>): string {
  let name = `${stem}${suffix}`;
  for (let number = 2; taken.has(name); number += 1) name = `${stem}${String(number)}${suffix}`;
  taken.add(name);
  return name;
}

function pascalCase(id: string): string {
  return id
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

function unitText(unit: Unit, types: TypeNames): string {
  const inputs = unit.inputs.map((input) => portText(input.id, inputType(input, types), inputComment(input, types)));
  const outputs = unit.outputs.map((output) =>
    portText(output.id, types.ofPort(output.type), outputComment(output, types)),
  );
  return [
    '',
    ...comment('', [`${unit.what}.`, ...(unit.description === undefined ? [] : [sentence(unit.description)])]),
    `export interface ${unit.name} {`,
    ...block('inputs', inputs),
    ...block('outputs', outputs),
    '}',
  ].join('\n');
}

function block(name: string, ports: readonly string[]): string[] {
  return ports.length === 0 ? [`  ${name}: {};`] : [`  ${name}: {`, ...ports, '  };'];
}

function portText(id: string, type: string, lines: readonly string[]): string {
  return [...comment('    ', lines), `    ${propertyName(id)}: ${type};`].join('\n');
}

/** A tick has no payload, whatever type it is declared to be. */
function inputType(input: DataflowInput, types: TypeNames): string {
  return input.source.kind === 'timer' ? 'Uint8Array' : types.ofPort(input.type);
}

function inputComment(input: DataflowInput, types: TypeNames): string[] {
  const { source } = input;
  if (source.kind === 'timer') {
    const type = input.type === undefined ? '' : ` (${input.type.name})`;
    return [`Every ${formatPeriod(source.periodNs)}${type}. The data of a tick is empty; \`sequence\` is its number.`];
  }
  return [`From \`${source.node}/${sourceOutputId(source)}\`${typeWords(input, types)}`];
}

function outputComment(output: DataflowOutput, types: TypeNames): string[] {
  const words = typeWords(output, types).replace(/^: /, '');
  const promised = output.metadata ?? [];
  return [
    ...(output.type === undefined ? [] : [words]),
    ...(promised.length === 0 ? [] : [`Metadata of each message: ${promised.map(code).join(', ')}.`]),
  ];
}

/** `: std/math/v1/Pose. Where a thing is.`; `.` for a port without type. */
function typeWords({ type }: DataflowInput | DataflowOutput, types: TypeNames): string {
  if (type === undefined) return '.';
  const definition = types.definitions.get(type.base);
  // The names of the plainest types say all.
  const isPlain = type.base.startsWith('std/core/') || definition?.description === undefined;
  const description = isPlain ? '' : ` ${sentence(definition.description)}`;
  return `: ${type.name}.${description}${definition === undefined ? '' : types.note(definition)}`;
}

/** The names of the dataflow's types in the text, and the declarations of those that are used. */
class TypeNames {
  readonly definitions: ReadonlyMap<string, TypeDefinition>;
  readonly #names = new Map<string, string>();
  readonly #used = new Set<string>();
  /** How many types have a short name. */
  readonly #homonyms = new Map<string, number>();
  readonly #taken: Set<string>;

  constructor(types: readonly TypeDefinition[], taken: Set<string>) {
    this.definitions = new Map(types.map((definition) => [definition.name, definition]));
    this.#taken = taken;
    for (const { name } of types) {
      const stem = pascalCase(shortName(name));
      this.#homonyms.set(stem, (this.#homonyms.get(stem) ?? 0) + 1);
    }
    // Named in the order of the list, whichever port comes first.
    for (const definition of types) {
      if (isDeclared(definition, this.definitions)) this.#names.set(definition.name, this.#name(definition.name));
    }
  }

  ofPort(type: { base: string } | undefined): string {
    return type === undefined ? 'unknown' : this.#of({ kind: 'type', name: type.base });
  }

  /** How a payload of the type is read, where its name does not say it. */
  note(definition: TypeDefinition): string {
    const form = payloadForm(definition, this.definitions);
    if (form.kind === 'text' && form.type === 'string') return ' Read by `text()`.';
    if (form.kind !== 'bytes') return '';
    const rest = form.metadata.length === 0 ? '' : `; ${form.metadata.map(code).join(', ')} go along as metadata`;
    return form.data === undefined
      ? ' It holds bytes and has no JSON form.'
      : ` The bytes are ${code(form.data)}${rest}.`;
  }

  /** Declarations of all types that were asked for, and of those that they name. */
  texts(): string[] {
    const written = new Map<string, string>();
    // The set grows while it is walked: a declaration asks for what its fields name.
    for (const name of this.#used) {
      const definition = this.definitions.get(name);
      if (definition !== undefined) written.set(name, this.#declaration(definition));
    }
    return [...written].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  }

  #of(type: FieldType): string {
    switch (type.kind) {
      case 'primitive':
        return primitiveType(type.arrow);
      case 'list': {
        const item = this.#of(type.of);
        return `${item}[]`;
      }
      case 'unknown':
        return 'unknown';
      case 'type': {
        const definition = this.definitions.get(type.name);
        const name = this.#names.get(type.name);
        if (definition === undefined) return 'unknown';
        if (name === undefined) {
          const form = payloadForm(definition, this.definitions);
          return form.kind === 'text' ? form.type : 'Uint8Array';
        }
        this.#used.add(type.name);
        return name;
      }
    }
  }

  #name(full: string): string {
    const short = pascalCase(shortName(full));
    const stem = this.#homonyms.get(short) === 1 ? short : pascalCase(full);
    return takeName(/^[A-Za-z]/.test(stem) ? stem : `Type${stem}`, '', this.#taken);
  }

  #declaration(definition: TypeDefinition): string {
    const name = this.#names.get(definition.name) ?? 'unknown';
    const head = [definition.name, ...(definition.description === undefined ? [] : [definition.description])];
    const form = payloadForm(definition, this.definitions);
    const lines = ['', ...comment('', [head.map(sentence).join(' ')])];
    if (form.kind !== 'interface') {
      return [...lines, `export type ${name} = ${form.kind === 'text' ? form.type : 'Uint8Array'};`].join('\n');
    }
    const fields = definition.fields.flatMap((field) => [
      ...comment('  ', field.description === undefined ? [] : [sentence(field.description)]),
      `  ${propertyName(field.name)}: ${this.#of(field.type)}${field.nullable ? ' | null' : ''};`,
    ]);
    return [...lines, `export interface ${name} {`, ...fields, '}'].join('\n');
  }
}

/** Interfaces, and the user's own names for anything else. */
function isDeclared(definition: TypeDefinition, definitions: ReadonlyMap<string, TypeDefinition>): boolean {
  return !definition.name.startsWith('std/') || payloadForm(definition, definitions).kind === 'interface';
}

function propertyName(name: string): string {
  if (/^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name)) return name;
  return /^[\w.-]+$/.test(name) ? `'${name}'` : JSON.stringify(name);
}

function comment(indent: string, lines: readonly string[]): string[] {
  const [only, second] = lines;
  if (only === undefined) return [];
  if (second === undefined) return [`${indent}/** ${clean(only)} */`];
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${clean(line)}`), `${indent} */`];
}

/** Text of the file inside a comment: on one line, unable to end it, and the same after it was written and read. */
function clean(text: string): string {
  return text
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/[\s\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+/g, ' ')
    .replaceAll('*/', '*\\/')
    .trim();
}

function sentence(text: string): string {
  const trimmed = clean(text);
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

function code(text: string): string {
  return `\`${text}\``;
}
