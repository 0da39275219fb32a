/**
 * Inputs and outputs of one node or operator: names checked, sources still text, defaults left to finish.ts.
 *
 * Called for a program's own ports (also those inside `custom`) and for each operator's. The wiring connects them when
 * all nodes are known.
 */

import { resolveContracts, type RawContracts } from './contracts.js';
import type { DraftInput, DraftOutput, DraftUnit, RawInput, ResolveContext } from './draft.js';
import { checkId } from './names.js';
import { didYouMean, listNames, quote } from './suggest.js';

/** The walked ports of a node, of `custom` or of an operator. `open`: outputs are declared elsewhere. */
export interface RawPorts extends RawContracts {
  readonly open?: boolean;
  readonly inputs?: ReadonlyMap<string, RawInput> | undefined;
  readonly outputs?: readonly (string | undefined)[] | undefined;
  readonly output_retain?: ReadonlyMap<string, number> | undefined;
}

export function resolvePorts(ports: RawPorts, context: ResolveContext): DraftUnit {
  const inputs = resolveInputs(ports, context);
  const outputs = resolveOutputs(ports, context);
  const ids = () => ({
    inputs: new Set(inputs.map(({ id }) => id)),
    outputs: ports.open === true ? undefined : new Set(outputs.map(({ id }) => id)),
  });
  const contracts = resolveContracts(ports, ids, context);
  return contracts === undefined ? { inputs, outputs } : { inputs, outputs, contracts };
}

function resolveInputs({ inputs }: RawPorts, context: ResolveContext): DraftInput[] {
  const found: DraftInput[] = [];
  inputs?.forEach((raw, id) => {
    const problem = checkId('input', id);
    if (problem !== undefined)
      context.reporter.report(context.places.key(inputs, id), { code: 'INVALID_NAME', ...problem });
    if (typeof raw === 'string') {
      found.push({ id, sourceText: raw, place: context.places.value(inputs, id) });
      return;
    }
    found.push({
      id,
      sourceText: raw.source,
      place: context.places.value(raw, 'source'),
      queueSize: raw.queue_size,
      queuePolicy: raw.queue_policy,
      priority: raw.priority,
      timeoutNs: raw.input_timeout === undefined ? undefined : nanoseconds(raw.input_timeout),
    });
  });
  return found;
}

/** A time below what the clock can tell apart is its smallest step; one beyond its range is never reached anyway. */
function nanoseconds(seconds: number): bigint {
  const ns = Math.max(1, Math.round(seconds * 1e9));
  return ns < 2 ** 63 ? BigInt(ns) : 2n ** 63n - 1n;
}

function resolveOutputs(ports: RawPorts, context: ResolveContext): DraftOutput[] {
  const { outputs = [], output_retain: retain } = ports;
  const { places, reporter } = context;
  const found = new Map<string, DraftOutput>();
  outputs.forEach((id, index) => {
    if (id === undefined) return;
    const problem = checkId('output', id);
    if (problem !== undefined) reporter.report(places.value(outputs, index), { code: 'INVALID_NAME', ...problem });
    const first = found.get(id);
    if (first === undefined) {
      found.set(id, { id, place: places.value(outputs, index), retain: retain?.get(id) ?? 0 });
      return;
    }
    if (reporter.omitsNext()) return;
    reporter.report(places.value(outputs, index), {
      code: 'DUPLICATE_OUTPUT',
      message: `the output ${quote(id)} is listed twice; the first is on line ${first.place.range.line}`,
      hint: 'Keep one of the two.',
    });
  });
  for (const id of retain?.keys() ?? []) {
    if (found.has(id) || retain === undefined) continue;
    if (reporter.omitsNext()) continue;
    reporter.report(places.key(retain, id), {
      code: 'UNKNOWN_OUTPUT',
      message: `"output_retain" names ${quote(id)}, which is no output here`,
      hint: didYouMean(id, found.keys()) ?? `Outputs here: ${listNames(found.keys())}.`,
    });
  }
  return [...found.values()];
}
