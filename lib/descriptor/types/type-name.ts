/**
 * The text of a type's name <-> its parts: `std/media/v1/AudioFrame[sample_type=f32,channels=2]`.
 *
 * White space around the parts of the brackets does not count, and the order of parameters neither. Whether a type of
 * that name exists is the library's to say (type-library.ts); here is only what a name looks like.
 */

import { quote } from '../suggest.js';
import type { PortType } from './definition.js';

/** Why a text is no name of a type, and what to write. */
export interface TypeNameProblem {
  message: string;
  hint: string;
}

const example = 'A type is named like std/core/v1/Float32, or std/media/v1/Image[encoding=rgb8].';
const MAX_NAME = 256;

/** The parts of a name. */
export function parseTypeName(text: string): PortType | TypeNameProblem {
  const shown = quote(text);
  if (text.length > MAX_NAME)
    return { message: `a type's name of ${text.length} characters is too long`, hint: example };
  const match = /^([^[\]]*)(?:\[([^[\]]*)\])?$/.exec(text.trim());
  if (match === null) return { message: `the brackets of the type ${shown} do not fit together`, hint: example };
  const base = (match[1] ?? '').trim();
  if (!/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/.test(base)) {
    return { message: base === '' ? `the type ${shown} has no name` : `${shown} is no name of a type`, hint: example };
  }
  const params = new Map<string, string>();
  for (const part of match[2]?.split(',') ?? []) {
    const [, key, value] = /^\s*([A-Za-z0-9_.-]+)\s*=\s*([^\s=,](?:[^=,]*[^\s=,])?)\s*$/.exec(part) ?? [];
    if (key === undefined || value === undefined || key === '__proto__') {
      return {
        message:
          part.trim() === ''
            ? `a parameter of the type ${shown} is empty`
            : `${quote(part.trim())} is no parameter of a type`,
        hint: 'Write name=value between the brackets, more than one with commas, or leave the brackets out.',
      };
    }
    if (params.has(key)) {
      return { message: `the type ${shown} has the parameter ${quote(key)} twice`, hint: 'Keep one of the two.' };
    }
    params.set(key, value);
  }
  return makePortType(base, params);
}

/** A type of its parts; parameters in the order of their names. */
export function makePortType(base: string, params: ReadonlyMap<string, string>): PortType {
  const sorted = [...params].sort(([a], [b]) => (a < b ? -1 : 1));
  const list = sorted.map(([key, value]) => `${key}=${value}`).join(',');
  return { name: list === '' ? base : `${base}[${list}]`, base, params: Object.fromEntries(sorted) };
}

/** `Image` of `std/media/v1/Image`. */
export function shortName(base: string): string {
  return base.slice(base.lastIndexOf('/') + 1);
}

/** `std/media/Image` of `std/media/v1/Image`: what two versions of a type have in common. */
export function withoutVersion(base: string): string {
  return base.replace(/\/v\d+(?=\/[^/]+$)/, '');
}
