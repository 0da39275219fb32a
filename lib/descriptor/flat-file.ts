/**
 * A dataflow with all its modules put in, as one YAML file: what `dora expand` prints.
 *
 * It passes the same check and runs the same as the file that it was made of, in the same folder. Comments, anchors and
 * keys of the user (`x-…`) are not kept. A module's build stands before that of the module's first node, as a command that
 * runs in the module's folder and environment. Called by load.ts.
 */

import path from 'node:path';
import { stringify } from 'yaml';
import type { DraftNode, RawDataflow } from './draft.js';
import { escapedEntry, flatNode, toFlat, type Flat, type FlatRoot } from './flat-node.js';
import type { DataflowModule } from './model.js';
import { isRefusedVariable } from './names.js';
import { MAX_FILE_BYTES } from './source-text.js';

/** The parts of a checked dataflow. */
export interface FlatParts {
  raw: RawDataflow;
  drafts: readonly DraftNode[];
  /** How messages call the file. */
  shown: string;
  root: FlatRoot;
}

/** Undefined when the text would be larger than a file may be. */
export function toFlatYaml({ raw, drafts, shown, root }: FlatParts): string | undefined {
  const flat: Flat = toFlat({
    ...raw,
    deploy: raw.deploy ?? raw._unstable_deploy,
    debug: raw.debug ?? raw._unstable_debug,
  });
  for (const old of ['_unstable_deploy', '_unstable_debug', 'communication', 'nodes', 'env']) flat.delete(old);
  // What the caller may set and a file may not, such as LD_PRELOAD, would have no effect in it.
  const given = Object.entries(root.env).filter(([name]) => !isRefusedVariable(name));
  const env = new Map(given.map(escapedEntry));
  if (env.size > 0) flat.set('env', env);
  const nodes = new FlatNodes(root).all(drafts);
  if (nodes === undefined) return undefined;
  flat.set('nodes', nodes);
  const head = `# Made of ${JSON.stringify(path.basename(shown))} by "dora expand"; belongs into the same folder.`;
  const text = `${head}\n${stringify(flat, { aliasDuplicateObjects: false, lineWidth: 0 })}`;
  return Buffer.byteLength(text) > MAX_FILE_BYTES ? undefined : text;
}

/** A command of a module, with what it runs in. */
interface ModuleCommand {
  line: string;
  folder: string;
  env: DataflowModule['env'];
}

/** The nodes in their order, and the commands of modules on their way to the next node. */
class FlatNodes {
  readonly #root: FlatRoot;
  readonly #nodes: Flat[] = [];
  #last: DraftNode | undefined;
  #waiting: ModuleCommand[] = [];
  #size = 0;

  constructor(root: FlatRoot) {
    this.#root = root;
  }

  /** Undefined when they are too large: an environment is printed once a node. */
  all(drafts: readonly DraftNode[]): readonly Flat[] | undefined {
    if (!this.#add(drafts)) return undefined;
    const last = this.#nodes.at(-1);
    // Builds of modules without nodes, after all nodes.
    if (last !== undefined && this.#waiting.length > 0) {
      const own = last.get('build');
      last.set('build', [...(typeof own === 'string' ? [own] : []), ...this.#commands(this.#last)].join('\n'));
    }
    return this.#nodes;
  }

  #add(drafts: readonly DraftNode[]): boolean {
    return drafts.every((draft) => {
      if (draft.module !== undefined) {
        const { builds, env } = draft.module.model;
        this.#waiting.push(...builds.flatMap(({ lines, folder }) => lines.map((line) => ({ line, folder, env }))));
        return this.#add(draft.module.children);
      }
      const flat = flatNode(draft, this.#root, this.#commands(draft));
      this.#nodes.push(flat);
      this.#last = draft;
      this.#size += sizeOf(flat);
      return this.#size <= MAX_FILE_BYTES;
    });
  }

  #commands(draft: DraftNode | undefined): string[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return draft === undefined ? [] : waiting.map((command) => inItsPlace(command, draft));
  }
}

/** The command in its own folder and environment. Each line of a build has a shell of its own, so nothing is put back. */
function inItsPlace({ line, folder, env }: ModuleCommand, { node }: DraftNode): string {
  const names = [...new Set([...Object.keys(env), ...Object.keys(node.env)])];
  const steps = names.flatMap((name) => {
    const value = env[name];
    // A shell knows no other names, and a command has one line.
    if (value === node.env[name] || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || /[\r\n]/.test(value ?? '')) return [];
    return [value === undefined ? `unset ${name}` : `export ${name}=${shellWord(value)}`];
  });
  const { workingDirectory, fetch } = node;
  // Where a clone will lie is not known yet.
  const target = fetch?.kind === 'git' ? folder : `./${path.relative(workingDirectory, folder)}`;
  if (folder !== workingDirectory) steps.unshift(`cd ${shellWord(target)} || exit`);
  return [...steps, line].join('; ');
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Characters that will be printed, about. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof Map) return [...value].reduce((sum, [key, one]) => sum + sizeOf(key) + sizeOf(one), 0);
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + sizeOf(one), 0);
  return 4;
}
