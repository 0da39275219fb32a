/**
 * Rules that span keys whose feature does not exist yet: what they name exists, what excludes each other is not written
 * together. A value that is right by itself could not be run one day, and nobody would know today.
 *
 * Called by resolve-node.ts and resolve-operator.ts with the maps in which such keys may stand: the node and `custom`, or
 * the operator. The ROS bridges have resolve-ros.ts.
 */

import type { Place } from './diagnostic.js';
import type { DraftUnit, RawNode, RawOperator, ResolveContext } from './draft.js';
import { custom as customKeys, node as nodeKeys } from './keys/node.js';
import { merged } from './merge-custom.js';
import { didYouMean, listNames, quote } from './suggest.js';

type RawCustom = NonNullable<RawNode['custom']>;
type Holder = RawNode | RawCustom | RawOperator;

/** Keys that may stand at the node and inside `custom`; of `env` both count. */
const sharedKeys = Object.keys(customKeys.shape).filter(
  (name): name is keyof RawNode & keyof RawCustom => name in nodeKeys.shape && !['env', 'path'].includes(name),
);

/** Reports what a node says twice: at itself and inside `custom`. */
export function checkWrittenTwice(raw: RawNode, custom: RawCustom | undefined, context: ResolveContext): void {
  if (custom === undefined) return;
  for (const name of sharedKeys) merged(raw, custom, name, context);
}

/**
 * `send_stdout_as` and `send_logs_as` name outputs.
 * @param units who may have them: the program, an operator, or all operators of the node
 */
export function checkLogOutputs(holder: Holder, units: readonly DraftUnit[], context: ResolveContext): void {
  const { places, reporter } = context;
  for (const key of ['send_stdout_as', 'send_logs_as'] as const) {
    const id = holder[key];
    if (id === undefined) continue;
    const names = units.flatMap(({ operator, outputs }) =>
      outputs.flatMap((output) =>
        operator === undefined || units.length === 1 ? [output.id] : [output.id, `${operator}/${output.id}`],
      ),
    );
    if (names.includes(id)) continue;
    reporter.report(places.value(holder, key), {
      code: 'UNKNOWN_OUTPUT',
      message: `"${key}" names ${quote(id)}, which is no output here`,
      hint:
        didYouMean(id, names) ?? (names.length === 0 ? 'Add it to "outputs".' : `Outputs here: ${listNames(names)}.`),
    });
  }
}

/** `replicas` is a fixed number, `scale` one that follows the load, by one measure. */
export function checkReplicas(holders: readonly (RawNode | RawCustom)[], context: ResolveContext): void {
  const { places, reporter } = context;
  const [fixed, moving] = (['replicas', 'scale'] as const).map((key) =>
    holders.find((holder) => places.wrote(holder, key)),
  );
  if (fixed !== undefined && moving !== undefined) {
    reporter.report(places.key(moving, 'scale'), {
      code: 'MISPLACED_KEY',
      message: `"scale" has no meaning beside "replicas" (line ${String(places.key(fixed, 'replicas').range.line)})`,
      hint: 'Keep one of the two: a fixed number of replicas, or one that follows the load.',
    });
  }
  const scale = moving?.scale;
  if (scale === undefined) return;
  const [first, second] = (['target_queue', 'target_cpu'] as const).filter((key) => places.wrote(scale, key));
  if (second !== undefined) {
    reporter.report(places.key(scale, second), {
      code: 'MISPLACED_KEY',
      message: `"${second}" has no meaning beside "${String(first)}"`,
      hint: 'Keep one of the two.',
    });
  }
  const { min = 1, max } = scale;
  if (max === undefined || min <= max) return;
  reporter.report(places.value(scale, 'max'), {
    code: 'OUT_OF_RANGE',
    message: `"max" is ${String(max)} and less than "min", which is ${String(min)}`,
    hint: 'Write a "max" of that much or more, or leave it out for no limit.',
  });
}

/** `wake` names inputs of the operator. */
export function checkWake(raw: RawOperator, { inputs }: DraftUnit, context: ResolveContext): void {
  const { wake } = raw;
  const list = typeof wake === 'object' && 'on' in wake ? wake.on : wake;
  if (!isList(list)) return;
  const names = inputs.map(({ id }) => id);
  list.forEach((id, index) => {
    if (id === undefined || names.includes(id)) return;
    const place: Place = context.places.value(list, index);
    context.reporter.report(place, {
      code: 'UNKNOWN_INPUT',
      message: `"wake" names ${quote(id)}, which is no input here`,
      hint: didYouMean(id, names) ?? `Inputs here: ${listNames(names)}.`,
    });
  });
}

function isList<T>(value: T): value is T & readonly (string | undefined)[] {
  return Array.isArray(value);
}
