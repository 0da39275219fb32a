/**
 * `pattern` and `output_metadata`: which metadata keys each output promises, and whether a service or action can work.
 *
 * A pattern implies its keys for each output of its unit that `output_metadata` does not name. What can be seen without
 * running: that a server or client has something to answer and to ask by, and that, where every sender says what it sends
 * along, at least one sends the key by which answers find their questions. Warnings only. Runs after the wiring and types.
 */

import { patternMetadata } from './contracts.js';
import type { DraftNode, DraftOutput, DraftUnit } from './draft.js';
import { quote } from './suggest.js';
import type { TypeDefinition } from './types/definition.js';

/** Sets `metadata` of outputs, and reports patterns that cannot work. */
export function checkPatterns(drafts: readonly DraftNode[], types: readonly TypeDefinition[]): void {
  const byType = new Map(types.map(({ name, metadata }) => [name, metadata.map(({ key }) => key)]));
  const units = unitsOf(drafts);
  const patterned = units.filter(({ unit }) => unit.contracts?.pattern !== undefined);
  const outputs = new Map<string, DraftOutput>();
  for (const { draft, unit } of units) {
    for (const output of unit.outputs) {
      const keys = promisedKeys(unit, output, byType);
      if (keys.length > 0) output.metadata = keys;
      if (patterned.length > 0) outputs.set(outputName(draft.node.id, unit.operator, output.id), output);
    }
  }
  for (const { draft, unit } of patterned) checkPattern(draft, unit, outputs);
}

function unitsOf(drafts: readonly DraftNode[]): { draft: DraftNode; unit: DraftUnit }[] {
  return drafts.flatMap((draft) => draft.units.map((unit) => ({ draft, unit })));
}

function promisedKeys(
  { contracts }: DraftUnit,
  output: DraftOutput,
  byType: ReadonlyMap<string, readonly string[]>,
): string[] {
  if (contracts === undefined && output.type === undefined) return [];
  const { pattern } = contracts ?? {};
  const implied = pattern === undefined ? [] : patternMetadata[pattern.name];
  const declared = contracts?.outputMetadata.get(output.id) ?? implied;
  return [...new Set([...declared, ...(byType.get(output.type?.base ?? '') ?? [])])];
}

function checkPattern(draft: DraftNode, unit: DraftUnit, outputs: ReadonlyMap<string, DraftOutput>): void {
  const pattern = unit.contracts?.pattern;
  if (pattern === undefined) return;
  const name = quote(unit.operator === undefined ? draft.id : `${draft.id}/${unit.operator}`);
  const isServer = pattern.name.endsWith('-server');
  const report = (message: string, hint: string): void => {
    draft.context.reporter.report(pattern.place, { code: 'PATTERN_INCOMPLETE', severity: 'warning', message, hint });
  };
  if (unit.outputs.length === 0 && !draft.open) {
    report(
      `${name} is a ${pattern.name} and has no output`,
      isServer
        ? 'Add an output for its answers, or remove "pattern".'
        : 'Add an output for its requests, or remove "pattern".',
    );
    return;
  }
  const inputs = unit.inputs.filter(({ source }) => source?.kind !== 'timer');
  if (inputs.length === 0) {
    report(
      `${name} is a ${pattern.name} and has no input but timers`,
      isServer
        ? 'Add an input for requests, or remove "pattern".'
        : 'Add an input for the answers, or remove "pattern".',
    );
    return;
  }
  const [key = ''] = patternMetadata[pattern.name];
  const senders = inputs.map(({ source }) =>
    source?.kind === 'output' ? outputs.get(outputName(source.node, source.operator, source.output)) : undefined,
  );
  // A sender that promises nothing may send everything.
  if (senders.some((output) => output?.metadata === undefined || output.metadata.includes(key))) return;
  report(
    `${name} is a ${pattern.name}, and none of its inputs carries the metadata key "${key}"`,
    `Connect it to the other side, or add "${key}" to "output_metadata" of the node that sends.`,
  );
}

function outputName(node: string, operator: string | undefined, output: string): string {
  return operator === undefined ? `${node}/${output}` : `${node}/${operator}/${output}`;
}
