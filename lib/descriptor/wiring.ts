/**
 * Connects inputs to outputs: the text of each source becomes a node, an operator and an output that exist, or a timer.
 *
 * A short form `a/b` wins in this order: the node `a` with output `b`; the node `a` in which exactly one operator has
 * `b`; the one operator `a` (in any node) with `b`. More than one candidate of a kind is a mistake that names them all.
 */

import { unsupportedSeverity } from './draft.js';
import type { DraftInput, DraftNode, DraftUnit, ResolveContext } from './draft.js';
import { parseSource } from './input-source.js';
import type { OutputSource } from './model.js';
import { checkId } from './names.js';
import { hints, listNames, nearest, quote } from './suggest.js';

/** One place where an output may come from. */
interface Sender {
  node: DraftNode;
  unit: DraftUnit;
}

/** What the sources of one file can name. */
export class Wiring {
  readonly #nodes = new Map<string, DraftNode>();
  readonly #operators = new Map<string, Sender[]>();
  readonly #context: ResolveContext;
  /** Inputs of the module whose file this is; undefined in a dataflow. */
  readonly #modulePorts: ReadonlySet<string> | undefined;

  constructor(drafts: readonly DraftNode[], context: ResolveContext, modulePorts?: ReadonlySet<string>) {
    this.#context = context;
    this.#modulePorts = modulePorts;
    for (const draft of drafts) this.#register(draft);
  }

  /** Sets `source` of each input whose text names something that exists; reports the others. */
  connect(drafts: readonly DraftNode[]): void {
    for (const draft of drafts) {
      for (const unit of draft.units) {
        for (const input of unit.inputs) this.#connectInput(input);
      }
    }
  }

  #register(draft: DraftNode): void {
    const { reporter } = this.#context;
    if (draft.id !== '') {
      const problem = checkId('node', draft.id);
      if (problem !== undefined) reporter.report(draft.idPlace, { code: 'INVALID_NAME', ...problem });
      const first = this.#nodes.get(draft.id);
      if (first === undefined) this.#nodes.set(draft.id, draft);
      else {
        reporter.report(draft.idPlace, {
          code: 'DUPLICATE_ID',
          message: `there are two nodes ${quote(draft.id)}; the first is on line ${String(first.idPlace.range.line)}`,
          hint: 'Give each node an id of its own.',
        });
      }
    }
    for (const unit of draft.units) {
      if (unit.operator === undefined || unit.operator === '') continue;
      const known = this.#operators.get(unit.operator);
      if (known === undefined) this.#operators.set(unit.operator, [{ node: draft, unit }]);
      else known.push({ node: draft, unit });
    }
  }

  #connectInput(input: DraftInput): void {
    const { reporter, purpose } = this.#context;
    if (input.sourceText === undefined) return;
    const parsed = parseSource(input.sourceText);
    if ('code' in parsed) {
      const { code, message } = parsed;
      reporter.report(input.place, { code, message, hint: hints(this.#bareHint(input.sourceText), parsed.hint) });
      return;
    }
    switch (parsed.kind) {
      case 'timer':
        input.source = parsed;
        break;
      case 'logs':
        reporter.report(input.place, {
          code: 'NOT_SUPPORTED_YET',
          severity: unsupportedSeverity(purpose),
          message: 'log records are not sent as messages in this version',
          hint: 'Remove the input.',
        });
        break;
      case 'module':
        this.#checkModulePort(parsed.port, input);
        break;
      case 'output': {
        const source = this.#find(parsed.parts, input);
        if (source !== undefined) input.source = source;
      }
    }
  }

  #checkModulePort(port: string, input: DraftInput): void {
    if (this.#modulePorts?.has(port) === true) return;
    this.#context.reporter.report(input.place, {
      code: 'UNKNOWN_SOURCE',
      message:
        this.#modulePorts === undefined
          ? '"_mod" stands for the inputs of a module, and this file is none'
          : `the module has no input ${quote(port)}`,
      hint: this.#modulePorts === undefined ? 'Write node/output.' : `Its inputs are ${listNames(this.#modulePorts)}.`,
    });
  }

  #find(parts: readonly string[], input: DraftInput): OutputSource | undefined {
    const [first = '', second = '', third] = parts;
    const node = this.#nodes.get(first);
    if (third !== undefined) return this.#findFull(node, first, second, third, input);
    if (node?.open === true) return { kind: 'output', node: first, output: second };
    const programs = node?.units.filter((unit) => unit.operator === undefined && has(unit, second)) ?? [];
    if (programs.length > 0) return { kind: 'output', node: first, output: second };
    const inNode = senders(node).filter(({ unit }) => unit.operator !== undefined && has(unit, second));
    const byName = this.#operators.get(first)?.filter(({ unit }) => has(unit, second)) ?? [];
    const candidates = inNode.length > 0 ? inNode : byName;
    const [only, other] = candidates;
    if (only === undefined) {
      this.#reportUnknown(parts.join('/'), first, second, input);
      return undefined;
    }
    if (other !== undefined) {
      const names = candidates.map((sender) => fullName(sender, second));
      this.#context.reporter.report(input.place, {
        code: 'AMBIGUOUS_SOURCE',
        message: `${quote(parts.join('/'))} could be ${names.slice(0, 8).join(' or ')}`,
        hint: 'Write the full name: node/operator/output.',
      });
      return undefined;
    }
    return { kind: 'output', node: only.node.id, operator: only.unit.operator ?? '', output: second };
  }

  #findFull(
    node: DraftNode | undefined,
    first: string,
    operator: string,
    output: string,
    input: DraftInput,
  ): OutputSource | undefined {
    const { reporter } = this.#context;
    const written = `${first}/${operator}/${output}`;
    if (node === undefined) {
      this.#reportUnknown(written, first, output, input);
      return undefined;
    }
    const operators = node.units.filter((unit) => unit.operator !== undefined);
    const unit = operators.find((candidate) => candidate.operator === operator);
    if (unit !== undefined) {
      if (has(unit, output)) return { kind: 'output', node: first, operator, output };
      this.#reportOutput(`the operator ${quote(`${first}/${operator}`)}`, { node, unit }, output, input);
      return undefined;
    }
    const names = operators.map((candidate) => candidate.operator ?? '');
    const better = nearest(operator, names);
    reporter.report(input.place, {
      code: 'UNKNOWN_SOURCE',
      message: `the node ${quote(first)} has no operator ${quote(operator)}`,
      hint: hints(
        operators.length === 0
          ? `It is no runtime node; its outputs are ${listNames(outputsOf(node))}.`
          : `Its operators are ${listNames(names)}.`,
        better === undefined ? undefined : `Did you mean ${first}/${better}/${output}?`,
      ),
    });
    return undefined;
  }

  /** Neither a node nor an operator of that name has the output. */
  #reportUnknown(written: string, first: string, output: string, input: DraftInput): void {
    const node = this.#nodes.get(first);
    const operators = this.#operators.get(first) ?? [];
    if (node !== undefined) {
      this.#reportOutput(`the node ${quote(first)}`, { node }, output, input);
      return;
    }
    const [operator] = operators;
    if (operator !== undefined) {
      this.#reportOutput(`the operator ${quote(first)}`, operator, output, input);
      return;
    }
    const names = [...this.#nodes.keys(), ...this.#operators.keys()];
    const better = nearest(first, names);
    const elsewhere = better === undefined ? this.#sendersOf(output) : [];
    this.#context.reporter.report(input.place, {
      code: 'UNKNOWN_SOURCE',
      message: `${quote(written)} names no node: there is no ${quote(first)}`,
      hint: hints(
        better === undefined ? undefined : `Did you mean ${[better, ...written.split('/').slice(1)].join('/')}?`,
        elsewhere.length === 0 ? undefined : `Did you mean ${elsewhere.slice(0, 3).join(' or ')}?`,
        better === undefined && elsewhere.length === 0 ? `Nodes here: ${listNames(this.#nodes.keys())}.` : undefined,
      ),
    });
  }

  #reportOutput(what: string, sender: { node: DraftNode; unit?: DraftUnit }, output: string, input: DraftInput): void {
    const { node, unit } = sender;
    const names = unit === undefined ? outputsOf(node) : unit.outputs.map(({ id }) => id);
    const prefix = unit?.operator === undefined ? node.id : `${node.id}/${unit.operator}`;
    const better = nearest(output, names) ?? names.find((name) => name.endsWith(`/${output}`));
    this.#context.reporter.report(input.place, {
      code: 'UNKNOWN_SOURCE',
      message: `${what} has no output ${quote(output)}`,
      hint: hints(
        `It has ${names.length === 0 ? 'no outputs' : listNames(names)}.`,
        better === undefined ? undefined : `Did you mean ${prefix}/${better}?`,
      ),
    });
  }

  /** For a source without "/": what was probably meant. */
  #bareHint(text: string): string | undefined {
    if (text.includes('/')) return undefined;
    const node = this.#nodes.get(text);
    const found = node === undefined ? this.#sendersOf(text) : outputsOf(node).map((output) => `${text}/${output}`);
    return found.length === 0 ? undefined : `Did you mean ${found.slice(0, 3).join(' or ')}?`;
  }

  /** Full names of all outputs with a name. */
  #sendersOf(output: string): string[] {
    return [...this.#nodes.values()]
      .flatMap(senders)
      .filter(({ unit }) => has(unit, output))
      .map((sender) => fullName(sender, output));
  }
}

function senders(node: DraftNode | undefined): Sender[] {
  return node?.units.map((unit) => ({ node, unit })) ?? [];
}

function has(unit: DraftUnit, output: string): boolean {
  return unit.outputs.some(({ id }) => id === output);
}

function outputsOf(node: DraftNode): string[] {
  return node.units.flatMap((unit) =>
    unit.outputs.map(({ id }) => (unit.operator === undefined ? id : `${unit.operator}/${id}`)),
  );
}

function fullName({ node, unit }: Sender, output: string): string {
  return unit.operator === undefined ? `${node.id}/${output}` : `${node.id}/${unit.operator}/${output}`;
}
