/**
 * `$NAME` in values of a dataflow file, and the `env` maps.
 *
 * `$NAME` and `${NAME}` stand for a variable, `${NAME:-text}` for the text when it is not set, `$$` for a dollar; any
 * other dollar stays. Root values see the host's variables; a node's values see the root's and the host's; a node's
 * path, arguments and folder see all three. A variable that is not set is a mistake, never empty text.
 * Inside a module `${_param.key}` stands for a parameter, and the variable `PARAM_KEY` holds it too.
 */

import type { TextBudget } from './budget.js';
import type { Place, Reporter, Severity } from './diagnostic.js';
import { checkVariableName, isRefusedVariable } from './names.js';
import type { Loose, Places } from './loose.js';
import { didYouMean, hints, quote } from './suggest.js';

/** Variables by name; undefined is not set. */
export type Variables = Readonly<Record<string, string | undefined>>;

export type RawEnvValue = string | { readonly __dora_env?: string | undefined };
export type RawEnv = Loose<Record<string, RawEnvValue> | Record<string, RawEnvValue>[]>;

/** Where a name is looked up, in order. */
export type Scope = readonly Variables[];

/** What the functions of this file need beside their values. */
export interface ExpandContext {
  reporter: Reporter;
  places: Places;
  /** How much text variables may add. */
  budget: TextBudget;
  /** How bad a variable that is not set is: an error for `run`, a warning for `check` (it may run elsewhere). */
  unset: Severity;
  /**
   * Parameters of the module in whose file the text stands. `unknown`: the module is checked by itself, so any may be
   * given. Undefined outside a module.
   */
  params?: ReadonlyMap<string, string> | 'unknown' | undefined;
}

/** `$$`, `$NAME`, `${NAME}`, `${NAME:-text}`; a name is a variable's or `_param.key`. */
export const references =
  /\$(?:\$|([A-Za-z_][A-Za-z0-9_]*)|\{(_param\.[A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})/g;

const PARAM = '_param.';

/** Replaces variables in a text; one that is not set is reported, unless it is in `unset`, and left as it stands. */
export function expand(
  value: string,
  scope: Scope,
  place: Place,
  context: ExpandContext,
  unset = new Set<string>(),
): string {
  if (!value.includes('$')) return value;
  return replaceBounded(value, references, place, context, (whole, [bare, braced, fallback]) => {
    const name = bare ?? braced;
    if (name === undefined) return '$';
    const found = lookUp(scope, name, context);
    const replacement = found !== undefined && (found !== '' || fallback === undefined) ? found : fallback;
    if (replacement === undefined) {
      if (!unset.has(name)) reportUnset(name, scope, place, context);
      unset.add(name);
    }
    return replacement ?? whole;
  });
}

/** The same for several texts of one place. */
export function expandAll(values: readonly string[], scope: Scope, place: Place, context: ExpandContext): string[] {
  const unset = new Set<string>();
  return values.map((value) => expand(value, scope, place, context, unset));
}

/** `${_param.key}`, `${_param.key:-text}`, also inside a shell's `${NAME:-…}`. */
const paramReferences = /\$\{(_param\.[A-Za-z0-9_]+)(?::-([^}]*))?\}/g;

/** Replaces the parameters of the module only: for text in which variables are somebody else's, a shell's. */
export function expandParams(value: string, place: Place, context: ExpandContext): string {
  const unset = new Set<string>();
  return replaceBounded(value, paramReferences, place, context, (whole, [name = '', fallback]) => {
    const found = lookUp([], name, context) ?? fallback;
    if (found === undefined) {
      if (!unset.has(name)) reportUnset(name, [], place, context);
      unset.add(name);
    }
    return found ?? whole;
  });
}

/**
 * Replaces what `pattern` finds; a text that would become too long is reported, and stays as it is. `replace` gets what is
 * written, and the pattern's groups.
 */
function replaceBounded(
  value: string,
  pattern: RegExp,
  place: Place,
  { budget, reporter }: ExpandContext,
  replace: (whole: string, groups: readonly (string | undefined)[]) => string,
): string {
  const limit = Math.max(budget.longest, value.length);
  let length = value.length;
  const text = value.replace(pattern, (whole: string, ...groups: (string | undefined)[]) => {
    if (length > limit) return '';
    const replacement = replace(whole, groups);
    length += replacement.length - whole.length;
    return length > limit ? '' : replacement;
  });
  if (length > limit) {
    budget.report(place, reporter);
    return value;
  }
  budget.spend(text.length - value.length);
  return text;
}

/** One `env` -> names and values, variables replaced. */
export function resolveEnv(
  env: RawEnv | undefined,
  scope: Scope,
  host: Variables,
  context: ExpandContext,
): Record<string, string> {
  const result = new Map<string, string>();
  for (const map of env === undefined ? [] : isMapOfValues(env) ? [env] : env) {
    if (map === undefined) continue;
    for (const [name, value] of map) {
      const place = context.places.key(map, name);
      if (result.has(name)) {
        context.reporter.report(place, {
          code: 'DUPLICATE_KEY',
          message: `the variable ${quote(name)} is set twice`,
          hint: 'Keep one of the two.',
        });
      }
      if (!checkName(name, place, context)) continue;
      const text = resolveValue(value, scope, host, context.places.value(map, name), context);
      if (text !== undefined) result.set(name, text);
    }
  }
  // fromEntries defines properties and never runs a setter, whatever the names are.
  return Object.fromEntries(result);
}

function resolveValue(
  value: RawEnvValue,
  scope: Scope,
  host: Variables,
  place: Place,
  context: ExpandContext,
): string | undefined {
  if (typeof value === 'string') return expand(value, scope, place, context);
  const name = value.__dora_env;
  if (name === undefined) return undefined;
  const found = lookUp([host], name, context);
  if (found === undefined) reportUnset(name, [host], place, context);
  return found;
}

function checkName(name: string, place: Place, context: ExpandContext): boolean {
  const problem = checkVariableName(name);
  if (problem !== undefined) {
    context.reporter.report(place, { code: 'INVALID_NAME', ...problem });
    return false;
  }
  if (!isRefusedVariable(name)) return true;
  context.reporter.report(place, {
    code: 'REFUSED_VARIABLE',
    severity: 'warning',
    message: `a dataflow file may not set ${name}; the line has no effect`,
    hint: 'It changes what is loaded into a node or how it joins. Set it in the shell that starts dora if you need it.',
  });
  return false;
}

function reportUnset(name: string, scope: Scope, place: Place, context: ExpandContext): void {
  const { params } = context;
  if (name.startsWith(PARAM)) {
    reportUnknownParam(name.slice(PARAM.length), place, context);
    return;
  }
  if (params === 'unknown' && name.startsWith('PARAM_')) return;
  if (context.reporter.isFull(context.unset)) {
    context.reporter.omit(context.unset);
    return;
  }
  context.reporter.report(place, {
    code: 'UNDEFINED_VARIABLE',
    severity: context.unset,
    message: `the variable ${quote(name)} is not set`,
    hint: hints(
      didYouMean(name, scope.flatMap(Object.keys)),
      `Set it, give a default by \${${name.slice(0, 40)}:-text}, or write $$ for a dollar.`,
    ),
  });
}

function reportUnknownParam(name: string, place: Place, { params, reporter }: ExpandContext): void {
  if (params === 'unknown') return;
  reporter.report(place, {
    code: 'UNDEFINED_VARIABLE',
    message:
      params === undefined
        ? `"_param" stands for the parameters of a module, and this file is none`
        : `the parameter ${quote(name)} is not given`,
    hint:
      params === undefined
        ? 'Use a variable: $NAME.'
        : hints(
            didYouMean(name, params.keys()),
            `Give it by "params" of the node that names the module, or write a default: \${_param.${name.slice(0, 40)}:-text}.`,
          ),
  });
}

function lookUp(scope: Scope, name: string, { params }: ExpandContext): string | undefined {
  if (name.startsWith(PARAM)) return typeof params === 'object' ? params.get(name.slice(PARAM.length)) : undefined;
  for (const variables of scope) {
    if (Object.hasOwn(variables, name) && variables[name] !== undefined) return variables[name];
  }
  return undefined;
}

function isMapOfValues(env: RawEnv): env is ReadonlyMap<string, RawEnvValue> {
  return env instanceof Map;
}
