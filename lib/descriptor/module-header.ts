/**
 * What a module looks like from outside: the ports of its file, who makes its outputs, and what a node that uses it has
 * to give.
 *
 * Problems of the module's file are reported there, those of the node that uses it in the node's file.
 */

import type { DraftNode, RawModule, RawNode, ResolveContext } from './draft.js';
import { expand, type Scope } from './environment.js';
import type { OutputSource } from './model.js';
import { checkId } from './names.js';
import type { SourceFile } from './source-file.js';
import { moduleFile } from './keys/dataflow.js';
import { didYouMean, hints, listNames, quote } from './suggest.js';

/** The ports of a module's file. */
export interface ModuleHeader {
  readonly name: string;
  readonly required: ReadonlySet<string>;
  readonly optional: ReadonlySet<string>;
  /** Both kinds of inputs. */
  readonly inputs: ReadonlySet<string>;
  readonly outputs: ReadonlySet<string>;
}

/** The header of a module's file; what is wrong with it is reported there. */
export function readHeader(file: SourceFile): ModuleHeader {
  const header = file.raw(moduleFile)?.module;
  const required = portNames(header, 'inputs', file);
  const optional = portNames(header, 'inputs_optional', file, required);
  const outputs = portNames(header, 'outputs', file);
  return { name: header?.name ?? '', required, optional, inputs: new Set([...required, ...optional]), outputs };
}

type RawHeader = NonNullable<RawModule['module']>;

function portNames(
  header: RawHeader | undefined,
  key: 'inputs' | 'inputs_optional' | 'outputs',
  { walk: { places, reporter } }: SourceFile,
  others: ReadonlySet<string> = new Set(),
): Set<string> {
  const names = header?.[key] ?? [];
  const kind = key === 'outputs' ? 'output' : 'input';
  const found = new Set<string>();
  names.forEach((name, index) => {
    if (name === undefined) return;
    const place = places.value(names, index);
    const problem = checkId(kind, name);
    if (problem !== undefined) reporter.report(place, { code: 'INVALID_NAME', ...problem });
    if (found.has(name) || others.has(name)) {
      reporter.report(place, {
        code: kind === 'output' ? 'DUPLICATE_OUTPUT' : 'DUPLICATE_INPUT',
        message: others.has(name)
          ? `the input ${quote(name)} is listed in "inputs" and in "inputs_optional"`
          : `the ${kind} ${quote(name)} is listed twice`,
        hint: 'Keep one of the two.',
      });
    }
    found.add(name);
  });
  return found;
}

/** Who makes each output of a module: exactly one of its nodes, or a module among them that has it as its output. */
export function findExports(
  header: ModuleHeader,
  children: readonly DraftNode[],
  file: SourceFile,
): Map<string, OutputSource> {
  const makers = new Map<string, { source: OutputSource; name: string }[]>();
  for (const child of children) {
    for (const { operator, outputs } of child.units) {
      for (const { id } of outputs) {
        if (!header.outputs.has(id)) continue;
        const source = {
          kind: 'output',
          node: child.node.id,
          ...(operator === undefined ? {} : { operator }),
          output: id,
        };
        const name = [child.id, ...(operator === undefined ? [] : [operator]), id].join('/');
        const maker = { source: source as OutputSource, name };
        const known = makers.get(id);
        if (known === undefined) makers.set(id, [maker]);
        else known.push(maker);
      }
    }
  }
  const exports = new Map<string, OutputSource>();
  const raw = file.raw(moduleFile);
  const written = raw?.module?.outputs ?? [];
  const anyOpen = raw?.nodes === undefined || children.some((child) => child.open);
  const seen = new Set<string>();
  written.forEach((output, index) => {
    if (output === undefined || seen.has(output)) return;
    seen.add(output);
    const [first, second] = makers.get(output) ?? [];
    if (first !== undefined) exports.set(output, first.source);
    // A node whose outputs are not known may make it.
    if (second === undefined && (first !== undefined || anyOpen || !file.isComplete)) return;
    if (file.reporter.isFull()) {
      file.reporter.omit();
      return;
    }
    const all = children.flatMap((child) => child.units.flatMap((unit) => unit.outputs.map(({ id }) => id)));
    file.reporter.report(file.walk.places.value(written, index), {
      code: 'MODULE_OUTPUT',
      message:
        second === undefined
          ? `no node of the module makes its output ${quote(output)}`
          : `several nodes of the module make its output ${quote(output)}: ${listNames((makers.get(output) ?? []).map(({ name }) => name))}`,
      hint:
        second === undefined
          ? hints(didYouMean(output, all), `Its nodes make ${listNames(new Set(all))}.`)
          : 'Exactly one may: give the outputs that stay inside other names.',
    });
  });
  return exports;
}

/** Compares what a node gives to a module with what the module takes. */
export function checkGiven(draft: DraftNode, header: ModuleHeader, file: SourceFile): void {
  const { raw, context, units } = draft;
  const inputs = raw.inputs;
  const given = new Set(units[0]?.inputs.map(({ id }) => id));
  const takes = `It takes ${listNames(header.inputs)}.`;
  for (const id of given) {
    if (header.inputs.has(id) || inputs === undefined || !file.isComplete) continue;
    context.reporter.report(context.places.key(inputs, id), {
      code: 'UNKNOWN_INPUT',
      message: `the module ${quote(header.name)} has no input ${quote(id)}`,
      hint: hints(didYouMean(id, header.inputs), takes),
    });
  }
  const missing = [...header.required].filter((id) => !given.has(id) && !wrote(raw, id, context));
  if (missing.length === 0) return;
  context.reporter.report(context.places.value(raw, 'module'), {
    code: 'MISSING_INPUT',
    message: `the module ${quote(header.name)} needs the input${missing.length === 1 ? '' : 's'} ${missing.slice(0, 8).map(quote).join(', ')}${missing.length > 8 ? ', …' : ''}`,
    hint: `Write inputs: { ${missing[0] ?? ''}: node/output }. An input that may be left out stands in "inputs_optional" of the module.`,
  });
}

function wrote(raw: RawNode, id: string, { places }: ResolveContext): boolean {
  return raw.inputs !== undefined && places.wrote(raw.inputs, id);
}

/** The parameters that a node gives to its module, variables replaced, and the variables that hold them. */
export function resolveParams(
  raw: RawNode,
  scope: Scope,
  context: ResolveContext,
): { params: ReadonlyMap<string, string>; fixed: Record<string, string> } {
  const params = new Map<string, string>();
  const fixed = new Map<string, string>();
  const spelled = new Map<string, string>();
  const written = raw.params;
  for (const [key, value] of written ?? []) {
    if (written === undefined) break;
    const place = context.places.key(written, key);
    if (!/^[A-Za-z0-9_]{1,128}$/.test(key)) {
      context.reporter.report(place, {
        code: 'INVALID_NAME',
        message: `${quote(key)} cannot be a parameter`,
        hint: 'Parameters are named by letters, digits and "_", for example max_speed.',
      });
      continue;
    }
    const variable = `PARAM_${key.toUpperCase()}`;
    const other = spelled.get(variable);
    if (other !== undefined) {
      context.reporter.report(place, {
        code: 'DUPLICATE_KEY',
        message: `the parameters ${quote(other)} and ${quote(key)} are both $${variable}`,
        hint: 'Keep one of the two; upper and lower case count as the same.',
      });
      continue;
    }
    spelled.set(variable, key);
    const text = expand(value, scope, context.places.value(written, key), context);
    params.set(key, text);
    fixed.set(variable, text);
  }
  return { params, fixed: Object.fromEntries(fixed) };
}
