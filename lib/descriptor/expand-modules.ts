/**
 * Walked files -> the drafts of a whole dataflow: the nodes of one file resolved and connected among themselves, and
 * under each node that is a module the same for its file.
 *
 * A module's file is read once and resolved once for each node that names it, for environment, parameters and ids
 * differ. That multiplies, and modules name modules, so what all of them may come to is bounded. A module with mistakes
 * is resolved once only: its mistakes would be the same, and there is no dataflow anyway.
 */

import { DescriptorBudget, TextBudget } from './budget.js';
import type { Severity } from './diagnostic.js';
import type { DraftNode, Purpose, RawNode, ResolveContext } from './draft.js';
import { buildCommands } from './command-line.js';
import type { Variables } from './environment.js';
import { checkCores } from './resolve-scheduling.js';
import { checkFiles, type FilePolicy } from './files.js';
import { warnUnreadOutputs } from './graph-check.js';
import { moduleFile } from './keys/dataflow.js';
import type { Chain, ModuleFiles } from './module-files.js';
import { checkGiven, findExports, readHeader, resolveParams, type ModuleHeader } from './module-header.js';
import { resolveNode } from './resolve-node.js';
import type { SourceFile } from './source-file.js';
import { Wiring } from './wiring.js';

/** What holds for all files of a dataflow. */
export interface ExpandOptions {
  purpose: Purpose;
  unset: Severity;
  files: FilePolicy;
  missingNodes: Severity;
  host: Variables;
  allowShell: boolean;
}

/** What the nodes of one file have from those around it. */
export interface Surroundings {
  shared: Readonly<Record<string, string>>;
  fixed: Readonly<Record<string, string>>;
  prefix: string;
  built: boolean;
  around?: DraftNode;
  params?: ReadonlyMap<string, string> | 'unknown' | undefined;
}

export class ModuleExpansion {
  readonly #modules: ModuleFiles;
  readonly #options: ExpandOptions;
  readonly #budget = new DescriptorBudget();
  readonly #texts = new TextBudget();
  readonly #headers = new Map<SourceFile, ModuleHeader>();

  constructor(modules: ModuleFiles, options: ExpandOptions) {
    this.#modules = modules;
    this.#options = options;
  }

  /** What a node of a file is resolved with. */
  context(file: SourceFile, around: Surroundings): ResolveContext {
    const { purpose, unset, missingNodes, host, allowShell } = this.#options;
    const { reporter, places } = file.walk;
    const shared = { unset, missingNodes, purpose, host, allowShell, budget: this.#texts };
    return { reporter, places, folder: file.folder, ...shared, ...around };
  }

  /** The header of a module's file, read once. */
  header(file: SourceFile): ModuleHeader {
    const header = this.#headers.get(file) ?? readHeader(file);
    this.#headers.set(file, header);
    return header;
  }

  /** The nodes of one file, connected, with what their modules hold. `header` is that of a module's file. */
  nodes(
    raws: readonly (RawNode | undefined)[],
    chain: Chain,
    context: ResolveContext,
    header?: ModuleHeader,
  ): DraftNode[] {
    const { file } = chain;
    const drafts = this.resolve(raws, chain, context);
    const wiring = new Wiring(drafts, context, header?.inputs);
    wiring.checkIds(drafts);
    // With half of the nodes unread, every other source would be unknown.
    if (!file.isComplete) return drafts;
    const connected = wiring.connect(drafts);
    // An output whose reader is misspelt is not unread.
    if (connected) warnUnreadOutputs(drafts, header?.outputs ?? new Set(), context.reporter);
    return drafts;
  }

  /** The same without connecting them. */
  resolve(raws: readonly (RawNode | undefined)[], chain: Chain, context: ResolveContext): DraftNode[] {
    const drafts = raws.filter((raw) => raw !== undefined).map((raw) => resolveNode(raw, context));
    const othersBuild = drafts.some(({ node, files }) => node.build.length > 0 || files.some((wish) => wish.buildable));
    for (const draft of drafts) {
      checkFiles(draft, context.folder, this.#options.files, othersBuild, this.#options.host, context.reporter);
      if (this.#options.files !== 'ignore') checkCores(draft);
      if (draft.isModule) this.#addModule(draft, chain);
    }
    return drafts;
  }

  #addModule(draft: DraftNode, chain: Chain): void {
    const { raw, context, node } = draft;
    // Until it is known better.
    draft.open = true;
    if (raw.module === undefined) return;
    const place = context.places.value(raw, 'module');
    const inner = this.#modules.open(raw.module, chain, place);
    if (inner === undefined) return;
    const { file } = inner;
    if (file.kind === 'unknown') return;
    const walked = file.raw(moduleFile);
    const header = this.header(file);
    checkGiven(draft, header, file);
    const { params, fixed } = resolveParams(raw, [node.env, context.host], context);
    if (walked === undefined || file.hasFailed) return;
    if (!this.#budget.spend(walked.nodes?.length ?? 0, file.walk.size)) {
      this.#budget.report(place, context.reporter);
      return;
    }
    const builds = [
      { lines: node.build, folder: context.folder },
      { lines: buildCommands(walked.build), folder: file.folder },
    ].filter(({ lines }) => lines.length > 0);
    const around = {
      shared: { ...node.env, ...fixed },
      fixed,
      params,
      around: draft,
      prefix: `${node.id}.`,
      built: context.built || builds.length > 0,
    };
    const children = this.nodes(walked.nodes ?? [], inner, this.context(file, around), header);
    const exports = findExports(header, children, file);
    file.hasFailed = file.reporter.hasErrors;
    const model = { id: node.id, name: header.name, file: file.name.file, builds, env: around.shared };
    draft.module = { children, exports, model };
    if (!file.isComplete) return;
    draft.open = false;
    for (const unit of draft.units) unit.outputs = [...header.outputs].map((id) => ({ id, place, retain: 0 }));
  }
}
