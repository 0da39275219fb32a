/**
 * Keys that may stand at the node or inside `custom`, where the first draft of the format has them.
 *
 * One value of the two is taken, and a mistake is reported when both are written. Everybody who reads such a key of a
 * node reads it through here.
 */

import type { RawNode, ResolveContext } from './draft.js';

type RawCustom = NonNullable<RawNode['custom']>;

/** The value of a key that may stand at the node or inside `custom`. */
export function merged<K extends keyof RawNode & keyof RawCustom>(
  raw: RawNode,
  custom: RawCustom | undefined,
  name: K,
  context: ResolveContext,
): RawNode[K] | RawCustom[K] {
  if (custom === undefined || !context.places.wrote(custom, name)) return raw[name];
  if (context.places.wrote(raw, name)) {
    context.reporter.report(context.places.key(custom, name), {
      code: 'DUPLICATE_KEY',
      message: `"${name}" stands at the node (line ${String(context.places.key(raw, name).range.line)}) and inside "custom"`,
      hint: 'Keep one of the two.',
    });
  }
  return custom[name];
}
