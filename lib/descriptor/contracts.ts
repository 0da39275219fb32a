/**
 * What the ports of a unit promise: types, framing, metadata, the part they play in a pattern. Ids are checked here, where
 * the unit's ports are known; types by types/check-types.ts, when all nodes are connected.
 *
 * Called by resolve-ports.ts. What a promise means while the dataflow runs: nothing. No message is looked at.
 */

import type { ResolveContext } from './draft.js';
import type { Place } from './diagnostic.js';
import { didYouMean, listNames, quote } from './suggest.js';

export type Pattern = 'service-server' | 'service-client' | 'action-server' | 'action-client';

/** The keys by which answers find their questions, as in dora 1.x. */
export const patternMetadata: Readonly<Record<Pattern, readonly string[]>> = {
  'service-server': ['request_id'],
  'service-client': ['request_id'],
  'action-server': ['goal_id', 'goal_status'],
  'action-client': ['goal_id'],
};

/** A type's name as it was written. */
export interface TypeUse {
  readonly text: string;
  readonly place: Place;
}

/** The promises of one unit, by the ids of its ports. */
export interface DraftContracts {
  readonly inputTypes: ReadonlyMap<string, TypeUse>;
  readonly outputTypes: ReadonlyMap<string, TypeUse>;
  /** Keys that each message of an output carries; those that `pattern` implies not included. */
  readonly outputMetadata: ReadonlyMap<string, readonly string[]>;
  readonly pattern?: { readonly name: Pattern; readonly place: Place };
}

/** The walked keys. `patternHolder` is the map in which `pattern` stands. */
export interface RawContracts {
  readonly input_types?: ReadonlyMap<string, string> | undefined;
  readonly output_types?: ReadonlyMap<string, string> | undefined;
  readonly output_framing?: ReadonlyMap<string, string> | undefined;
  readonly output_metadata?: ReadonlyMap<string, readonly (string | undefined)[]> | undefined;
  readonly pattern?: Pattern | undefined;
  readonly patternHolder?: object;
}

/** Ids of a unit's ports; undefined: they are declared elsewhere, and any is right. */
export interface PortIds {
  inputs: ReadonlySet<string> | undefined;
  outputs: ReadonlySet<string> | undefined;
}

/** Undefined when the file says nothing. */
export function resolveContracts(
  raw: RawContracts,
  ids: () => PortIds,
  context: ResolveContext,
): DraftContracts | undefined {
  const { input_types, output_types, output_framing, output_metadata, pattern, patternHolder } = raw;
  const written = input_types ?? output_types ?? output_framing ?? output_metadata ?? pattern;
  if (written === undefined) return undefined;
  const { inputs, outputs } = ids();
  checkIds('input_types', 'input', input_types, inputs, context);
  checkIds('output_types', 'output', output_types, outputs, context);
  checkIds('output_framing', 'output', output_framing, outputs, context);
  checkIds('output_metadata', 'output', output_metadata, outputs, context);
  return {
    inputTypes: typeUses(input_types, context),
    outputTypes: typeUses(output_types, context),
    outputMetadata: metadataKeys(output_metadata, context),
    ...(pattern === undefined || patternHolder === undefined
      ? {}
      : { pattern: { name: pattern, place: context.places.value(patternHolder, 'pattern') } }),
  };
}

function typeUses(types: ReadonlyMap<string, string> | undefined, context: ResolveContext): Map<string, TypeUse> {
  if (types === undefined) return new Map();
  return new Map([...types].map(([id, text]) => [id, { text, place: context.places.value(types, id) }]));
}

function checkIds(
  key: string,
  what: 'input' | 'output',
  named: ReadonlyMap<string, unknown> | undefined,
  ids: ReadonlySet<string> | undefined,
  context: ResolveContext,
): void {
  for (const id of named?.keys() ?? []) {
    if (named === undefined || ids === undefined || ids.has(id)) continue;
    context.reporter.report(context.places.key(named, id), {
      code: what === 'input' ? 'UNKNOWN_INPUT' : 'UNKNOWN_OUTPUT',
      message: `"${key}" names ${quote(id)}, which is no ${what} here`,
      hint: didYouMean(id, ids) ?? `${what === 'input' ? 'Inputs' : 'Outputs'} here: ${listNames(ids)}.`,
    });
  }
}

/** Metadata of a message takes keys of 1 to 255 bytes (lib/message/metadata.ts). */
const MAX_KEY_BYTES = 255;

function metadataKeys(
  metadata: RawContracts['output_metadata'],
  context: ResolveContext,
): Map<string, readonly string[]> {
  const result = new Map<string, readonly string[]>();
  for (const [id, keys] of metadata ?? []) {
    const found = new Set<string>();
    keys.forEach((key, index) => {
      if (key === undefined) return;
      const problem = found.has(key) ? 'is listed twice' : keyProblem(key);
      if (problem === undefined) {
        found.add(key);
        return;
      }
      context.reporter.report(context.places.value(keys, index), {
        code: 'INVALID_VALUE',
        message: `the metadata key ${quote(key)} ${problem}`,
        hint: 'Write each key once; keys are words such as request_id.',
      });
    });
    result.set(id, [...found]);
  }
  return result;
}

function keyProblem(key: string): string | undefined {
  if (key === '__proto__') return 'cannot be a key';
  const bytes = Buffer.byteLength(key);
  return bytes > MAX_KEY_BYTES ? `takes ${bytes} bytes; at most ${String(MAX_KEY_BYTES)} are possible` : undefined;
}
