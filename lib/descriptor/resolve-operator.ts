/**
 * Operators of a runtime node: exactly one source each, ids unique in the node, ports settled.
 *
 * The id of a single `operator` defaults to the node's, so that its output is reached as `node/output` and as
 * `node/operator/output` alike. Languages other than the C interface are read and refused with a reason.
 */

import { unsupportedSeverity } from './draft.js';
import type { DraftNode, RawOperator, ResolveContext } from './draft.js';
import { buildCommands } from './command-line.js';
import type { Place } from './diagnostic.js';
import { expand, resolveEnv, type Scope } from './environment.js';
import { checkLogOutputs, checkWake } from './key-rules.js';
import { operatorSources } from './keys/operator.js';
import type { OperatorLanguage } from './model.js';
import { checkId } from './names.js';
import { resolvePorts } from './resolve-ports.js';
import { listNames, quote } from './suggest.js';

/** Adds the operators of a runtime node to its draft. `single` is the key `operator`, whose id may be left out. */
export function addOperators(
  raws: readonly (RawOperator | undefined)[],
  at: { single: boolean; place: Place; scope: Scope },
  draft: DraftNode,
  context: ResolveContext,
): void {
  const ids = new Map<string, Place>();
  for (const raw of raws) {
    if (raw === undefined) continue;
    const id = operatorId(raw, at, ids, draft, context);
    const source = operatorSource(raw, id, context);
    const ports = resolvePorts({ ...raw, patternHolder: raw }, context);
    draft.units.push({ operator: id, ...ports });
    checkLogOutputs(raw, [ports], context);
    checkWake(raw, ports, context);
    if (source === undefined) continue;
    const place = context.places.value(raw, source.key);
    const library = expand(source.path, at.scope, place, context);
    refuseFile(library, source, place, context);
    const build = buildCommands(raw.build);
    draft.operators.push({
      id,
      ...(raw.name === undefined ? {} : { name: raw.name }),
      ...(raw.description === undefined ? {} : { description: raw.description }),
      language: source.language,
      library,
      build,
      env: resolveEnv(raw.env, at.scope, context.host, context),
      priority: raw.priority ?? 0,
    });
    draft.files.push({
      what: source.language === 'library' ? 'library' : 'module',
      path: library,
      place,
      buildable: build.length > 0 || draft.node.build.length > 0 || context.built,
    });
  }
}

function operatorId(
  raw: RawOperator,
  at: { single: boolean; place: Place },
  ids: Map<string, Place>,
  draft: DraftNode,
  context: ResolveContext,
): string {
  const { id } = raw;
  if (id === undefined) {
    if (at.single) return draft.id;
    if (!context.places.wrote(raw, 'id')) {
      context.reporter.report(context.places.of(raw), {
        code: 'MISSING_KEY',
        message: 'an operator in "operators" needs "id"',
        hint: 'Its outputs are reached as node/operator/output, so each needs a name of its own.',
      });
    }
    return '';
  }
  const place = context.places.value(raw, 'id');
  const problem = checkId('operator', id);
  if (problem !== undefined) context.reporter.report(place, { code: 'INVALID_NAME', ...problem });
  const first = ids.get(id);
  if (first !== undefined) {
    context.reporter.report(place, {
      code: 'DUPLICATE_ID',
      message: `there are two operators ${quote(id)} in this node; the first is on line ${first.range.line}`,
      hint: 'Give each operator an id of its own.',
    });
  }
  ids.set(id, place);
  return id;
}

interface OperatorSource {
  key: (typeof operatorSources)[number];
  path: string;
  language: OperatorLanguage;
}

function operatorSource(raw: RawOperator, id: string, context: ResolveContext): OperatorSource | undefined {
  const { places, reporter } = context;
  const [first, second] = operatorSources.filter((key) => places.wrote(raw, key));
  if (first === undefined) {
    reporter.report(places.of(raw), {
      code: 'NO_SOURCE',
      message: `${id === '' ? 'the operator' : `the operator ${quote(id)}`} does not say what to run`,
      hint: `Give one of ${listNames(operatorSources)}.`,
    });
    return undefined;
  }
  if (second !== undefined) {
    reporter.report(places.key(raw, second), {
      code: 'TWO_SOURCES',
      message: `the operator ${quote(id)} has both "${first}" (line ${String(places.key(raw, first).range.line)}) and "${second}"`,
      hint: 'Keep one of the two.',
    });
    return undefined;
  }
  const value = raw[first];
  const path = typeof value === 'object' ? value.source : value;
  if (path === undefined) return undefined;
  const language = first === 'shared-library' ? 'library' : first;
  if (language !== 'library') {
    reporter.report(places.key(raw, first), {
      code: 'NOT_SUPPORTED_YET',
      severity: unsupportedSeverity(context.purpose),
      message: `${languageNames[language]} operators do not run in this version`,
      hint: 'Operators are shared libraries with the C interface of dora/operator.h; other languages run as nodes ("path").',
    });
  }
  return { key: first, path, language };
}

/** Files that no operator can be. */
function refuseFile(file: string, { key }: OperatorSource, place: Place, { reporter }: ResolveContext): void {
  if (/^[A-Za-z][\w+.-]+:\/\//.test(file)) {
    reporter.report(place, {
      code: 'INVALID_URL',
      message: `an operator is a file on this machine, not ${quote(file)}`,
      hint: 'Download it by "build", and give its path.',
    });
  } else if (key === 'wasm' && !/\.wasm$/i.test(file)) {
    reporter.report(place, {
      code: 'INVALID_VALUE',
      message: `"wasm" is ${quote(file)}; it has to be the path of a WebAssembly module`,
      hint: 'Its name ends in .wasm.',
    });
  }
}

const languageNames = { python: 'Python', wasm: 'WebAssembly', typescript: 'TypeScript', javascript: 'JavaScript' };
