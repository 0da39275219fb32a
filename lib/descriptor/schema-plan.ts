/**
 * What the schema walk has to know of a zod schema, found out once: a walk asks it a hundred thousand times.
 *
 * A plan says which shape is wanted, which keys a map has in every spelling, and which branch of a union takes which kind
 * of value. What a single value may be stays zod's. Plans follow the definition, which is a finite tree.
 */

import { z } from 'zod';
import { notesOf } from './keys/words.js';

type Schema = z.core.$ZodType;

export type Plan = MapPlan | NamesPlan | ListPlan | UnionPlan | ScalarPlan | AnythingPlan;

/** A map of keys of the format. */
export interface MapPlan {
  readonly kind: 'map';
  readonly schema: z.ZodObject;
  /** Key, with `_` for each `-`, -> what is under it. */
  readonly keys: ReadonlyMap<string, KeyPlan>;
  readonly required: readonly KeyPlan[];
}

/** A map whose keys are names of the user. */
export interface NamesPlan {
  readonly kind: 'names';
  readonly schema: z.ZodRecord;
  readonly value: Plan;
}

export interface ListPlan {
  readonly kind: 'list';
  readonly schema: z.ZodArray;
  readonly entry: Plan;
}

/** Branches of one union differ in shape, so the first that fits is the one: no other could fit. */
export interface UnionPlan {
  readonly kind: 'union';
  readonly schema: z.ZodUnion;
  readonly map: Plan | undefined;
  readonly list: Plan | undefined;
  /** For values of each kind of `typeof`. */
  scalar(type: string): Plan | undefined;
}

export interface ScalarPlan {
  readonly kind: 'scalar';
  readonly schema: Schema;
  /** Numbers and booleans are taken as the text that stands in the file. */
  readonly asWritten: boolean;
}

/** A value that nobody looks at. */
export interface AnythingPlan {
  readonly kind: 'anything';
  readonly schema: Schema;
}

/** One key of a map. */
export interface KeyPlan {
  /** As the definition spells it. */
  readonly name: string;
  readonly schema: Schema;
  readonly value: Plan;
  /** The feature does not exist yet. */
  readonly isLater: boolean;
  /** The key is old: what to write today. */
  readonly modern: string | undefined;
}

/** The schema inside `optional()`. */
export function unwrap(schema: Schema): Schema {
  return schema instanceof z.ZodOptional ? unwrap(schema.unwrap()) : schema;
}

/** `-` and `_` spell the same key. */
export function normalise(name: string): string {
  return name.includes('-') ? name.replaceAll('-', '_') : name;
}

const plans = new WeakMap<Schema, Plan>();

/** The plan of a schema, the same each time. */
export function planOf(schema: Schema): Plan {
  let plan = plans.get(schema);
  if (plan === undefined) {
    plan = makePlan(unwrap(schema));
    plans.set(schema, plan);
  }
  return plan;
}

/** What null stands for: an empty list or map where one is wanted, undefined elsewhere. */
export function emptyOf(plan: Plan): object | undefined {
  switch (plan.kind) {
    case 'list':
      return [];
    case 'names':
      return new Map();
    case 'map':
      return {};
    case 'union':
      return plan.schema.options.some((option) => option instanceof z.ZodRecord) ? new Map() : undefined;
    case 'scalar':
    case 'anything':
      return undefined;
  }
}

function makePlan(schema: Schema): Plan {
  if (schema instanceof z.ZodUnion) return makeUnion(schema);
  if (schema instanceof z.ZodUnknown) return { kind: 'anything', schema };
  if (schema instanceof z.ZodObject) return makeMap(schema);
  if (schema instanceof z.ZodRecord) return { kind: 'names', schema, value: planOf(schema.valueType) };
  if (schema instanceof z.ZodArray) return { kind: 'list', schema, entry: planOf(schema.element) };
  return { kind: 'scalar', schema, asWritten: notesOf(schema).asWritten === true };
}

function makeMap(schema: z.ZodObject): MapPlan {
  const all = Object.entries<Schema>(schema.shape).map(([name, property]) => {
    const { later = false, modern } = notesOf(property);
    return { name, schema: property, value: planOf(property), isLater: later, modern };
  });
  return {
    kind: 'map',
    schema,
    keys: new Map(all.map((key) => [normalise(key.name), key])),
    required: all.filter((key) => !(key.schema instanceof z.ZodOptional)),
  };
}

function makeUnion(schema: z.ZodUnion): UnionPlan {
  const branches = schema.options.map(unwrap);
  const plan = (branch: Schema | undefined): Plan | undefined => (branch === undefined ? undefined : planOf(branch));
  const isMap = (branch: Schema): boolean => branch instanceof z.ZodObject || branch instanceof z.ZodRecord;
  const isList = (branch: Schema): boolean => branch instanceof z.ZodArray;
  const scalars = branches.filter((branch) => !isMap(branch) && !isList(branch));
  const takes = (branch: Schema, type: string): boolean =>
    notesOf(branch).asWritten === true ||
    (type === 'number' && branch instanceof z.ZodNumber) ||
    (type === 'boolean' && branch instanceof z.ZodBoolean) ||
    (type === 'string' && (branch instanceof z.ZodString || branch instanceof z.ZodEnum)) ||
    branch instanceof z.ZodUnion;
  const byType = new Map<string, Plan | undefined>();
  return {
    kind: 'union',
    schema,
    map: plan(branches.find(isMap)),
    list: plan(branches.find(isList)),
    scalar: (type) => {
      if (!byType.has(type)) byType.set(type, plan(scalars.find((branch) => takes(branch, type))));
      return byType.get(type);
    },
  };
}
