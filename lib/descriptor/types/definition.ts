/**
 * What a type of a port is: a name, and the definition that it stands for. Plain data, part of the model.
 *
 * Names are those of dora 1.x: `std/media/v1/Image`, with parameters `std/media/v1/AudioFrame[sample_type=f32]`. A
 * definition says how the type is laid out in Arrow's words, for that is what both libraries of types (the standard one
 * and the user's files) are written in. Nothing here is looked at while a dataflow runs.
 */

/** Arrow's types without parts. */
export const arrowPrimitives = [
  'Float32',
  'Float64',
  'Int8',
  'Int16',
  'Int32',
  'Int64',
  'UInt8',
  'UInt16',
  'UInt32',
  'UInt64',
  'Utf8',
  'LargeBinary',
  'Boolean',
] as const;

export type ArrowPrimitive = (typeof arrowPrimitives)[number];

/** The type of a port, as it was declared or taken over from the other end. */
export interface PortType {
  /** With parameters, in one spelling: `std/media/v1/AudioFrame[channels=2,sample_type=f32]`. */
  readonly name: string;
  /** Without parameters; names one of `Dataflow.types`. */
  readonly base: string;
  readonly params: Readonly<Record<string, string>>;
}

export interface TypeDefinition {
  /** `std/math/v1/Pose`. */
  readonly name: string;
  /** For people. */
  readonly description?: string;
  /** `Struct` has fields (none: of unknown shape); the others have none. */
  readonly arrow: ArrowPrimitive | 'Struct';
  readonly params: readonly TypeParameter[];
  readonly fields: readonly TypeField[];
  /** Metadata that every message of the type carries. */
  readonly metadata: readonly TypeMetadata[];
}

export interface TypeParameter {
  readonly name: string;
  /** For people. */
  readonly description?: string;
  /** What a message is taken to be when the parameter is not given; for people, since one that is not given fits any. */
  readonly default?: string;
  /** Absent: any word. */
  readonly values?: readonly string[];
  /** `integer`: a whole number above 0. */
  readonly kind: 'word' | 'integer';
}

export interface TypeField {
  readonly name: string;
  /** For people. */
  readonly description?: string;
  readonly type: FieldType;
  /** The definition says that the value may be missing. */
  readonly nullable: boolean;
}

export interface TypeMetadata {
  readonly key: string;
  /** For people. */
  readonly description?: string;
}

/** `type` names one of `Dataflow.types`; `unknown` is one that no library has, which was reported. */
export type FieldType =
  | { readonly kind: 'primitive'; readonly arrow: ArrowPrimitive }
  | { readonly kind: 'list'; readonly of: FieldType }
  | { readonly kind: 'type'; readonly name: string }
  | { readonly kind: 'unknown' };
