/**
 * Typed ports: settles the type of each port, and compares the two ends of each edge.
 *
 * Runs once, after the wiring, over flat nodes (modules expanded). An input without a type of its own has that of its
 * source; where either end has none there is nothing to compare. What is wrong is a warning, an error with
 * `strict_types`. Types are set in the drafts; what the model needs of the library comes back.
 */

import type { Diagnostic, Place, Problem, Reporter, Severity } from '../diagnostic.js';
import type { TypeUse } from '../contracts.js';
import type { DraftInput, DraftNode, DraftOutput, DraftUnit, RawDataflow } from '../draft.js';
import { didYouMean, listNames, quote } from '../suggest.js';
import type { Places } from '../loose.js';
import { Compatibility, mismatchHint, type TypeRule } from './compatibility.js';
import type { PortType, TypeDefinition, TypeParameter } from './definition.js';
import { TIMER_TYPE } from './standard.js';
import { readTypeFiles } from './type-files.js';
import { TypeLibrary } from './type-library.js';
import { makePortType, parseTypeName } from './type-name.js';

export interface TypeCheckOptions {
  /** Where the folder `types` lies, absolute, and as the user named it. */
  folder: string;
  shownFolder: string;
  /** Type problems are errors. */
  strict: boolean;
  /** The file is no dataflow: whose `types` folder will serve it is not known, so only standard types can be unknown. */
  partial: boolean;
}

export interface CheckedTypes {
  /** Every type that a port names, and those that their fields name. */
  types: readonly TypeDefinition[];
  /** What is wrong with the user's files of types. */
  diagnostics: readonly Diagnostic[];
}

type RawRules = NonNullable<RawDataflow['type_rules']>;

/** Rules are compared with each type that is sent; more than this is not written by hand. */
const MAX_RULES = 1000;
const noTypes: ReadonlyMap<string, PortType> = new Map();
const timerType = makePortType(TIMER_TYPE, new Map());

/** An output that may be read, with what is needed to speak of it. */
interface Sender {
  draft: DraftNode;
  unit: DraftUnit;
  output: DraftOutput;
}

/** An input with a type of its own. */
interface Receiver {
  draft: DraftNode;
  unit: DraftUnit;
  input: DraftInput;
  own: PortType;
  use: TypeUse;
}

/** Where the file of a place is to be told, and places of that file. */
interface FileVoice {
  readonly reporter: Reporter;
  readonly places: Places;
}

export class TypeCheck {
  readonly #library = new TypeLibrary();
  readonly #severity: Severity;
  #compatibility = new Compatibility([]);

  constructor(readonly options: TypeCheckOptions) {
    this.#severity = options.strict ? 'error' : 'warning';
  }

  /**
   * @param drafts all programs, connected
   * @param rules the dataflow's `type_rules`, from the file of `root`
   */
  run(drafts: readonly DraftNode[], rules: RawRules | undefined, root: FileVoice): CheckedTypes {
    const units = drafts.flatMap((draft) => draft.units.map((unit) => ({ draft, unit })));
    const uses: TypeUse[] = [];
    for (const {
      unit: { contracts },
    } of units) {
      for (const use of contracts?.inputTypes.values() ?? []) uses.push(use);
      for (const use of contracts?.outputTypes.values() ?? []) uses.push(use);
    }
    const texts = [...uses.map(({ text }) => text), ...(rules ?? []).flatMap((rule) => [rule?.from, rule?.to])];
    const diagnostics = this.#readOwn(texts.filter((text) => text !== undefined));
    this.#compatibility = new Compatibility(this.#rules(rules, root));
    const senders = new Map<string, Sender>();
    // Where no port has a type, timers alone send something that is known.
    if (uses.length > 0) for (const { draft, unit } of units) this.#settleOutputs(draft, unit, senders);
    for (const { draft, unit } of units) this.#settleInputs(draft, unit, senders);
    const used = new Set<string>();
    for (const { unit } of units) {
      for (const { type } of unit.inputs) if (type !== undefined) used.add(type.base);
      for (const { type } of unit.outputs) if (type !== undefined) used.add(type.base);
    }
    return { types: this.#library.closure(used), diagnostics };
  }

  /** Reads the user's types when a name outside `std/` is there; such a name has a "/". */
  #readOwn(texts: readonly string[]): Diagnostic[] {
    const names = texts.map((text) => text.trim().replace(/\s*\[.*/s, ''));
    const own = new Set(names.filter((name) => name.includes('/') && !name.startsWith('std/')));
    if (own.size === 0) return [];
    const { folder, shownFolder: shown } = this.options;
    return readTypeFiles({ folder, shown, used: own, severity: this.#severity }, this.#library);
  }

  #rules(raw: RawRules | undefined, { reporter, places }: FileVoice): TypeRule[] {
    if (raw === undefined) return [];
    if (raw.length > MAX_RULES) {
      reporter.report(places.of(raw), {
        code: 'OUT_OF_RANGE',
        message: `there are ${raw.length} type rules; at most ${String(MAX_RULES)} are possible`,
        hint: 'Make one type of those that are used for the same thing.',
      });
    }
    return raw.slice(0, MAX_RULES).flatMap((rule) => {
      if (rule?.from === undefined || rule.to === undefined) return [];
      const from = this.#resolve({ text: rule.from, place: places.value(rule, 'from') }, reporter);
      const to = this.#resolve({ text: rule.to, place: places.value(rule, 'to') }, reporter);
      return from === undefined || to === undefined ? [] : [{ from, to }];
    });
  }

  #settleOutputs(draft: DraftNode, unit: DraftUnit, senders: Map<string, Sender>): void {
    const resolved = this.#resolveAll(unit.contracts?.outputTypes, draft);
    for (const output of unit.outputs) {
      const type = resolved.get(output.id);
      if (type !== undefined) output.type = type;
      const name = `${unitName(draft.node.id, unit)}/${output.id}`;
      if (!senders.has(name)) senders.set(name, { draft, unit, output });
    }
  }

  #settleInputs(draft: DraftNode, unit: DraftUnit, senders: ReadonlyMap<string, Sender>): void {
    const resolved = this.#resolveAll(unit.contracts?.inputTypes, draft);
    for (const input of unit.inputs) {
      const sender = senders.size === 0 ? undefined : senderOf(input, senders);
      const sent = input.source?.kind === 'timer' ? timerType : sender?.output.type;
      const use = unit.contracts?.inputTypes.get(input.id);
      const own = resolved.get(input.id);
      const type = use === undefined ? sent : own;
      if (type !== undefined) input.type = type;
      if (own === undefined || sent === undefined || use === undefined) continue;
      if (!this.#compatibility.accepts(sent, own)) this.#reportMismatch({ draft, unit, input, own, use }, sent, sender);
    }
  }

  #reportMismatch(receiver: Receiver, sent: PortType, sender: Sender | undefined): void {
    const { draft, unit, input, own, use } = receiver;
    const { reporter, prefix } = draft.context;
    // In one file ids are said as they stand there, so that a module that is used twice is wrong once.
    const nameOf = (other: DraftNode, part: DraftUnit): string =>
      unitName(sender?.draft.context.prefix === prefix ? other.id : other.node.id, part);
    const to = lineOf(use.place, reporter, reporter);
    const takes = `the input ${quote(input.id)} of ${quote(nameOf(draft, unit))} takes ${own.name} (${to})`;
    const report = (message: string, hint: string): void => {
      this.#report(use.place, { code: 'TYPE_MISMATCH', message, hint }, reporter);
    };
    if (sender === undefined) {
      const hint = `Ticks have no other type: write ${sent.name} on ${to}, or remove the type.`;
      report(`timers send ${sent.name}, and ${takes}`, hint);
      return;
    }
    const declared = sender.unit.contracts?.outputTypes.get(sender.output.id)?.place ?? sender.output.place;
    const from = lineOf(declared, sender.draft.context.reporter, reporter);
    const output = quote(`${nameOf(sender.draft, sender.unit)}/${sender.output.id}`);
    const hint = mismatchHint(sent, own, { from, to }, this.#compatibility, this.#library);
    report(`${output} sends ${sent.name} (${from}), and ${takes}`, hint);
  }

  #resolveAll(uses: ReadonlyMap<string, TypeUse> | undefined, { context }: DraftNode): ReadonlyMap<string, PortType> {
    if (uses === undefined || uses.size === 0) return noTypes;
    const resolved = new Map<string, PortType>();
    for (const [id, use] of uses) {
      const type = this.#resolve(use, context.reporter);
      if (type !== undefined) resolved.set(id, type);
    }
    return resolved;
  }

  /** The type that a text names; what is wrong with it is reported, and parameters that do not exist are left out. */
  #resolve({ text, place }: TypeUse, reporter: Reporter): PortType | undefined {
    const report = (problem: Problem): void => {
      this.#report(place, problem, reporter);
    };
    const parsed = parseTypeName(text);
    if ('message' in parsed) {
      report({ code: 'INVALID_TYPE', ...parsed });
      return undefined;
    }
    const entry = this.#library.get(parsed.base);
    if (entry === undefined) {
      if (this.options.partial && !parsed.base.startsWith('std/')) return undefined;
      report({
        code: 'UNKNOWN_TYPE',
        message: `there is no type ${quote(parsed.base)}`,
        hint: this.#library.hintAt(parsed.base),
      });
      return undefined;
    }
    const known = Object.entries(parsed.params).filter(([name, value]) => {
      const problem = parameterProblem(parsed.base, name, value, entry.params);
      if (problem !== undefined) report(problem);
      return problem === undefined;
    });
    return makePortType(parsed.base, new Map(known));
  }

  #report(place: Place, problem: Problem, reporter: Reporter): void {
    reporter.report(place, { severity: this.#severity, ...problem });
  }
}

function parameterProblem(
  base: string,
  name: string,
  value: string,
  params: readonly TypeParameter[],
): Problem | undefined {
  const param = params.find((candidate) => candidate.name === name);
  if (param === undefined) {
    const names = params.map((candidate) => candidate.name);
    return {
      code: 'UNKNOWN_TYPE_PARAMETER',
      message: `the type ${base} has no parameter ${quote(name)}`,
      hint: names.length === 0 ? `Write ${base}.` : (didYouMean(name, names) ?? `It has ${listNames(names)}.`),
    };
  }
  const wanted =
    param.values !== undefined && !param.values.includes(value)
      ? `one of ${listNames(param.values, 20)}`
      : param.kind === 'integer' && !/^[1-9]\d{0,14}$/.test(value)
        ? 'a whole number above 0'
        : undefined;
  if (wanted === undefined) return undefined;
  return {
    code: 'INVALID_TYPE',
    message: `the parameter ${quote(name)} of ${base} is ${quote(value)}; it has to be ${wanted}`,
    hint: didYouMean(value, param.values ?? []) ?? 'Leave the parameter out to fit any.',
  };
}

function senderOf(input: DraftInput, senders: ReadonlyMap<string, Sender>): Sender | undefined {
  if (input.source?.kind !== 'output') return undefined;
  const { node, operator, output } = input.source;
  return senders.get(`${unitName(node, { operator })}/${output}`);
}

function unitName(node: string, { operator }: { operator?: string | undefined }): string {
  return operator === undefined ? node : `${node}/${operator}`;
}

/** `line 5`, or `arm.yml:5` where it is not the file in which the message stands. */
function lineOf(place: Place, file: Reporter, message: Reporter): string {
  const line = String(place.range.line);
  return file === message ? `line ${line}` : `${file.file}:${line}`;
}
