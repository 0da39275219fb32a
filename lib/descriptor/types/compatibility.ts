/**
 * Whether an input may take what an output sends, and what to change when not.
 *
 * As in dora 1.x: the same type with parameters that do not contradict each other (one that is not given fits any); `Bytes`
 * takes everything; and pairs that follow each other, at most three in a row: the widenings of numbers and the
 * dataflow's `type_rules`. Two types of the same fields are two types.
 */

import { quote } from '../suggest.js';
import type { FieldType, PortType } from './definition.js';
import { BYTES_TYPE, widenings } from './standard.js';
import type { TypeLibrary } from './type-library.js';
import { makePortType, shortName, withoutVersion } from './type-name.js';

/** Pairs in a row at most: longer chains surprise. */
const MAX_STEPS = 3;

export interface TypeRule {
  readonly from: PortType;
  readonly to: PortType;
}

export class Compatibility {
  readonly #steps = new Map<string, TypeRule[]>();
  /** Where the rules lead from a type, the type itself left out. */
  readonly #reached = new Map<string, PortType[]>();

  constructor(rules: readonly TypeRule[]) {
    const builtIn = widenings.map(([from, to]) => ({
      from: makePortType(from, new Map()),
      to: makePortType(to, new Map()),
    }));
    for (const rule of [...builtIn, ...rules]) {
      const known = this.#steps.get(rule.from.base);
      if (known === undefined) this.#steps.set(rule.from.base, [rule]);
      else known.push(rule);
    }
  }

  /** Whether an input of type `to` takes what an output of type `from` sends. */
  accepts(from: PortType, to: PortType): boolean {
    return to.base === BYTES_TYPE || agree(from, to) || this.#reach(from).some((type) => agree(type, to));
  }

  #reach(from: PortType): PortType[] {
    const known = this.#reached.get(from.name);
    if (known !== undefined) return known;
    const reached = new Map<string, PortType>();
    let edge = [from];
    for (let step = 0; step < MAX_STEPS && edge.length > 0; step += 1) {
      const next = edge.flatMap((type) =>
        (this.#steps.get(type.base) ?? []).filter((rule) => agree(type, rule.from)).map((rule) => rule.to),
      );
      edge = next.filter((type) => {
        const isNew = !reached.has(type.name);
        reached.set(type.name, type);
        return isNew;
      });
    }
    const types = [...reached.values()];
    this.#reached.set(from.name, types);
    return types;
  }
}

/** The same type, and no parameter that both give differs. */
function agree(a: PortType, b: PortType): boolean {
  return a.base === b.base && differing(a, b).length === 0;
}

function differing(a: PortType, b: PortType): string[] {
  return Object.keys(a.params).filter((key) => Object.hasOwn(b.params, key) && a.params[key] !== b.params[key]);
}

/** What to change so that an input of type `to` takes `from`. `lines` is where the two are declared. */
export function mismatchHint(
  from: PortType,
  to: PortType,
  lines: { from: string; to: string },
  compatibility: Compatibility,
  library: TypeLibrary,
): string {
  const [key] = differing(from, to);
  if (from.base === to.base && key !== undefined) {
    const values = `${quote(from.params[key] ?? '')} on one side and ${quote(to.params[key] ?? '')} on the other`;
    return `The parameter ${quote(key)} is ${values}: make them equal, or leave it out on ${lines.to} to take any.`;
  }
  const rule = `type_rules: [{ from: ${quoted(from)}, to: ${quoted(to)} }]`;
  if (withoutVersion(from.base) === withoutVersion(to.base)) {
    return `These are two versions of one type: write the same on ${lines.from} and ${lines.to}, or, if the receiver reads both, ${rule}.`;
  }
  if (compatibility.accepts(to, from)) {
    return `${shortName(to.base)} could become ${shortName(from.base)}, not the other way: write ${from.name} on ${lines.to}, or convert in between.`;
  }
  const detail = compareFields(from, to, library);
  return `${detail}Change ${lines.from} or ${lines.to}, put a node in between that converts, or, if the receiver reads both, write ${rule}.`;
}

/** Brackets and commas need quotes inside a flow map. */
function quoted(type: PortType): string {
  return type.name.includes('[') ? `"${type.name}"` : type.name;
}

/** `It has no field "z". `; empty when fields say nothing. */
function compareFields(from: PortType, to: PortType, library: TypeLibrary): string {
  const sent = library.definition(from.base)?.fields ?? [];
  const wanted = library.definition(to.base)?.fields ?? [];
  if (sent.length === 0 || wanted.length === 0) return '';
  for (const field of wanted) {
    const found = sent.find(({ name }) => name === field.name);
    if (found === undefined) return `${shortName(from.base)} has no field ${quote(field.name)}. `;
    const [a, b] = [words(found.type), words(field.type)];
    if (a !== b)
      return `The field ${quote(field.name)} is ${a} in ${shortName(from.base)} and ${b} in ${shortName(to.base)}. `;
  }
  return `${shortName(from.base)} has all fields of ${shortName(to.base)}, but types are told apart by their names. `;
}

function words(type: FieldType): string {
  if (type.kind === 'list') return `List<${words(type.of)}>`;
  return type.kind === 'primitive' ? type.arrow : type.kind === 'type' ? type.name : 'unknown';
}
