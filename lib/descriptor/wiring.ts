/**
 * Connects inputs to outputs inside one file: the text of each source becomes a node, an operator and an output that
 * exist, a timer, or inside a module a port. A node that is a module counts as a node with the outputs of its file.
 *
 * A short form `a/b` wins in this order: the node `a` with output `b`; the node `a` in which exactly one operator has
 * `b`; the one operator `a` (in any node) with `b`. More than one candidate of a kind is a mistake that names them all.
 */

import { unsupportedSeverity } from './draft.js';
import type { DraftInput, DraftNode, DraftUnit, ResolveContext } from './draft.js';
import { parseSource } from './input-source.js';
import type { OutputSource } from './model.js';
import { checkId } from './names.js';
import { Candidates, didYouMean, hints, listNames, nearest, quote } from './suggest.js';

/** One unit that may send. */
interface Sender {
  node: DraftNode;
  unit: DraftUnit;
}

interface OutputNames {
  names: readonly string[];
  candidates: Candidates;
}

/** What the sources of one file can name, indexed: a file may have a hundred thousand inputs. */
export class Wiring {
  readonly #nodes = new Map<string, DraftNode>();
  readonly #operators = new Map<string, Sender>();
  /** `node/output` and `node/operator/output`. */
  readonly #full = new Map<string, Sender>();
  /** `node/output` -> the node's operators with that output. */
  readonly #inNode = new Map<string, Sender[]>();
  /** `operator/output` -> the operators of that name with that output, in any node. */
  readonly #byOperator = new Map<string, Sender[]>();
  readonly #context: ResolveContext;
  /** For mistakes only, made when the first is told: every node and operator, and full names by that of the output. */
  #senders: Candidates | undefined;
  #byOutput: Map<string, string[]> | undefined;
  readonly #outputNames = new Map<DraftNode | DraftUnit, OutputNames>();
  #failed = false;
  /** Inputs of the module whose file this is; undefined in a dataflow. */
  readonly #modulePorts: ReadonlySet<string> | undefined;

  constructor(drafts: readonly DraftNode[], context: ResolveContext, modulePorts?: ReadonlySet<string>) {
    this.#context = context;
    this.#modulePorts = modulePorts;
    for (const node of drafts) {
      if (node.id !== '' && !this.#nodes.has(node.id)) this.#nodes.set(node.id, node);
      for (const unit of node.units) this.#addUnit({ node, unit });
    }
  }

  /** Reports ids of nodes that are refused or used twice. */
  checkIds(drafts: readonly DraftNode[]): void {
    const { reporter } = this.#context;
    for (const draft of drafts) {
      if (draft.id === '') continue;
      const problem = checkId('node', draft.id);
      if (problem !== undefined) reporter.report(draft.idPlace, { code: 'INVALID_NAME', ...problem });
      const first = this.#nodes.get(draft.id);
      if (first === undefined || first === draft) continue;
      reporter.report(draft.idPlace, {
        code: 'DUPLICATE_ID',
        message: `there are two nodes ${quote(draft.id)}; the first is on line ${first.idPlace.range.line}`,
        hint: 'Give each node an id of its own.',
      });
    }
  }

  /** Sets `source` of each input whose text names something that exists; reports the others, and says if there were any. */
  connect(drafts: readonly DraftNode[]): boolean {
    for (const draft of drafts) {
      for (const unit of draft.units) {
        for (const input of unit.inputs) this.#connectInput(input);
      }
    }
    return !this.#failed;
  }

  #addUnit(sender: Sender): void {
    const { node, unit } = sender;
    const { operator } = unit;
    if (operator !== undefined && !this.#operators.has(operator)) this.#operators.set(operator, sender);
    for (const { id } of unit.outputs) {
      const full = fullName(sender, id);
      if (!this.#full.has(full)) this.#full.set(full, sender);
      if (operator === undefined) continue;
      addTo(this.#inNode, `${node.id}/${id}`, sender);
      addTo(this.#byOperator, `${operator}/${id}`, sender);
    }
  }

  #connectInput(input: DraftInput): void {
    const { reporter, purpose } = this.#context;
    if (input.sourceText === undefined) {
      this.#failed = true;
      return;
    }
    const parsed = parseSource(input.sourceText);
    if ('code' in parsed) {
      this.#failed = true;
      if (reporter.isFull()) {
        reporter.omit();
        return;
      }
      const { code, message } = parsed;
      reporter.report(input.place, { code, message, hint: hints(this.#bareHint(input.sourceText), parsed.hint) });
      return;
    }
    switch (parsed.kind) {
      case 'timer':
        input.source = parsed;
        break;
      case 'logs':
        if (parsed.node !== undefined && !this.#nodes.has(parsed.node)) this.#reportNode([parsed.node], input);
        reporter.report(input.place, {
          code: 'NOT_SUPPORTED_YET',
          severity: unsupportedSeverity(purpose),
          message: 'log records are not sent as messages in this version',
          hint: 'Remove the input.',
        });
        break;
      case 'module':
        this.#connectPort(parsed.port, input);
        break;
      case 'output':
        this.#connectOutput(parsed.parts, input);
    }
  }

  #connectOutput(parts: readonly string[], input: DraftInput): void {
    const source = this.#find(parts, input);
    if (source !== undefined) {
      input.source = source;
      return;
    }
    this.#failed = true;
    const { reporter } = this.#context;
    if (reporter.isFull()) reporter.omit();
    else this.#reportUnknown(parts, input);
  }

  #connectPort(port: string, input: DraftInput): void {
    if (this.#modulePorts?.has(port) === true) {
      input.source = { kind: 'port', port };
      return;
    }
    this.#failed = true;
    this.#context.reporter.report(input.place, {
      code: 'UNKNOWN_SOURCE',
      message:
        this.#modulePorts === undefined
          ? '"_mod" stands for the inputs of a module, and this file is none'
          : `the module has no input ${quote(port)}`,
      hint:
        this.#modulePorts === undefined
          ? 'Write node/output.'
          : hints(didYouMean(port, this.#modulePorts), `Its inputs are ${listNames(this.#modulePorts)}.`),
    });
  }

  #find(parts: readonly string[], input: DraftInput): OutputSource | undefined {
    const written = parts.join('/');
    const [first = '', output = ''] = parts;
    const full = this.#full.get(written);
    if (full !== undefined) return toSource(full, parts.at(-1) ?? '');
    if (parts.length > 2) return undefined;
    const node = this.#nodes.get(first);
    if (node?.open === true) return { kind: 'output', node: node.node.id, output };
    const candidates = this.#inNode.get(written) ?? this.#byOperator.get(written) ?? [];
    const [only, other] = candidates;
    if (only === undefined) return undefined;
    if (other !== undefined) {
      const names = candidates.slice(0, 8).map((sender) => fullName(sender, output));
      this.#context.reporter.report(input.place, {
        code: 'AMBIGUOUS_SOURCE',
        message: `${quote(written)} could be ${names.join(' or ')}`,
        hint: 'Write the full name: node/operator/output.',
      });
    }
    return toSource(only, output);
  }

  /** Neither a node nor an operator of that name has the output: says which part is wrong. */
  #reportUnknown(parts: readonly string[], input: DraftInput): void {
    const [first = '', second = '', third] = parts;
    const node = this.#nodes.get(first);
    const operator = this.#operators.get(first);
    if (node !== undefined && third !== undefined) this.#reportOperator(node, second, third, input);
    else if (node !== undefined) this.#reportOutput(`the node ${quote(first)}`, { node }, second, input);
    else if (operator !== undefined && third === undefined) {
      this.#reportOutput(`the operator ${quote(first)}`, operator, second, input);
    } else this.#reportNode(parts, input);
  }

  #reportNode(parts: readonly string[], input: DraftInput): void {
    const [first = '', ...rest] = parts;
    this.#senders ??= new Candidates([...this.#nodes.keys(), ...this.#operators.keys()]);
    const better = this.#senders.nearest(first);
    const elsewhere = better === undefined ? this.#sendersOf(rest.at(-1) ?? '') : [];
    const severity = better === undefined ? this.#context.missingNodes : 'error';
    this.#context.reporter.report(input.place, {
      code: 'UNKNOWN_SOURCE',
      severity,
      message: `${quote(parts.join('/'))} names no node: there is no ${quote(first)}`,
      hint: hints(
        better === undefined ? undefined : `Did you mean ${[better, ...rest].join('/')}?`,
        elsewhere.length === 0 ? undefined : `Did you mean ${elsewhere.slice(0, 3).join(' or ')}?`,
        better === undefined && elsewhere.length === 0 ? `Nodes here: ${listNames(this.#nodes.keys())}.` : undefined,
        severity === 'warning' ? 'To run, the node has to be in the file.' : undefined,
      ),
    });
  }

  #reportOperator(node: DraftNode, operator: string, output: string, input: DraftInput): void {
    const unit = node.units.find((candidate) => candidate.operator === operator);
    if (unit !== undefined) {
      this.#reportOutput(`the operator ${quote(`${node.id}/${operator}`)}`, { node, unit }, output, input);
      return;
    }
    const names = node.units.flatMap((candidate) => (candidate.operator === undefined ? [] : [candidate.operator]));
    const better = nearest(operator, names);
    this.#context.reporter.report(input.place, {
      code: 'UNKNOWN_SOURCE',
      message: `the node ${quote(node.id)} has no operator ${quote(operator)}`,
      hint: hints(
        names.length === 0
          ? `It is no runtime node; its outputs are ${listNames(outputsOf(node))}.`
          : `Its operators are ${listNames(names)}.`,
        better === undefined ? undefined : `Did you mean ${node.id}/${better}/${output}?`,
      ),
    });
  }

  #reportOutput(what: string, sender: { node: DraftNode; unit?: DraftUnit }, output: string, input: DraftInput): void {
    const { node, unit } = sender;
    const { names, candidates } = this.#namesOf(node, unit);
    const prefix = unit?.operator === undefined ? node.id : `${node.id}/${unit.operator}`;
    const better = candidates.nearest(output) ?? names.find((name) => name.endsWith(`/${output}`));
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
    const slashed = text.replaceAll(/[.:\\>]+/g, '/');
    if (this.#full.has(slashed)) return `Did you mean ${slashed}?`;
    const node = this.#nodes.get(text);
    const found = node === undefined ? this.#sendersOf(text) : outputsOf(node).map((output) => `${text}/${output}`);
    return found.length === 0 ? undefined : `Did you mean ${found.slice(0, 3).join(' or ')}?`;
  }

  /** Full names of outputs with a name, which holds no "/". */
  #sendersOf(output: string): readonly string[] {
    if (this.#byOutput === undefined) {
      this.#byOutput = new Map();
      for (const name of this.#full.keys()) addTo(this.#byOutput, name.slice(name.lastIndexOf('/') + 1), name);
    }
    return this.#byOutput.get(output) ?? [];
  }

  /** Outputs of a node, or of one operator: many mistakes may be about the same. */
  #namesOf(node: DraftNode, unit: DraftUnit | undefined): OutputNames {
    let found = this.#outputNames.get(unit ?? node);
    if (found === undefined) {
      const names = unit === undefined ? outputsOf(node) : unit.outputs.map(({ id }) => id);
      found = { names, candidates: new Candidates(names) };
      this.#outputNames.set(unit ?? node, found);
    }
    return found;
  }
}

function addTo<T>(index: Map<string, T[]>, name: string, value: T): void {
  const known = index.get(name);
  if (known === undefined) index.set(name, [value]);
  else known.push(value);
}

function toSource({ node, unit }: Sender, output: string): OutputSource {
  const { operator } = unit;
  const { id } = node.node;
  return operator === undefined ? { kind: 'output', node: id, output } : { kind: 'output', node: id, operator, output };
}

function outputsOf(node: DraftNode): string[] {
  return node.units.flatMap((unit) =>
    unit.outputs.map(({ id }) => fullName({ node, unit }, id).slice(node.id.length + 1)),
  );
}

function fullName({ node, unit }: Sender, output: string): string {
  return unit.operator === undefined ? `${node.id}/${output}` : `${node.id}/${unit.operator}/${output}`;
}
