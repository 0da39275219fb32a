/**
 * Which words may name what. Ids go into file names, sockets, messages and `node/output`, so they are plain: letters,
 * digits, `_`, `-`, and `.` except in the ids of operators. In the id of a node a `.` separates the name of a module from
 * that of a node in it; such ids may be written out, as `dora expand` does.
 */

import { quote } from './suggest.js';

/** What an id names. */
export type IdKind = 'node' | 'operator' | 'input' | 'output' | 'machine';

/** Why a name is refused, and what to write instead. */
export interface NameProblem {
  message: string;
  hint: string;
}

/** Characters of an id. */
export const MAX_ID = 128;
const reservedNodes = new Map([
  ['dora', 'It stands for built-in sources such as dora/timer/millis/100.'],
  ['_mod', 'It stands for the inputs of a module.'],
]);

/** Undefined when the id is fine. */
export function checkId(kind: IdKind, id: string): NameProblem | undefined {
  const dots = kind === 'input' || kind === 'output' || kind === 'machine';
  const reserved = kind === 'node' ? reservedNodes.get(id) : undefined;
  if (reserved !== undefined) {
    return {
      message: `${quote(id)} is reserved`,
      hint: `${reserved} Choose another id, for example ${quote(`${id.replace('_', '')}-node`)}.`,
    };
  }
  if (id === '__proto__' || id.startsWith('.')) {
    return { message: `${quote(id)} cannot be an id`, hint: 'Choose another name.' };
  }
  if (id.length > MAX_ID) {
    return {
      message: `this id is ${id.length} characters long`,
      hint: `At most ${String(MAX_ID)} are allowed.`,
    };
  }
  if (/^[A-Za-z0-9_-]+$/.test(id)) return undefined;
  if (kind === 'node' && /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(id)) return undefined;
  if (!dots && /^[A-Za-z0-9_.-]+$/.test(id)) {
    return {
      message: `the id ${quote(id)} holds a "."`,
      hint: `In a node's id a "." separates the name of a module from its node's. For example ${quote(id.replaceAll('.', '-'))}.`,
    };
  }
  if (dots && /^[A-Za-z0-9_.-]+$/.test(id)) return undefined;
  const wrong = /[^A-Za-z0-9_.-]/u.exec(id)?.[0] ?? '';
  const better = id.replaceAll(/[^A-Za-z0-9_-]+/g, '-').replaceAll(/^-+|-+$/g, '');
  return {
    message: id === '' ? 'an id cannot be empty' : `the id ${quote(id)} holds ${quote(wrong)}`,
    hint: `Ids consist of letters (a-z), digits, "_" and "-".${better === '' ? '' : ` For example ${quote(better)}.`}`,
  };
}

/** Variables that would change what is loaded into a node or how it joins; `*` ends a prefix. */
const refusedVariables = [
  'LD_PRELOAD',
  'LD_AUDIT',
  'LD_LIBRARY_PATH',
  'DYLD_*',
  'DORA_NODE_CONFIG',
  'DORA_RUNTIME_CONFIG',
  'DORA_RUN_PARENT_PID',
  'DORA_AUTH_TOKEN',
  'DORA_ALLOW_SHELL_NODES',
  'DORA_ZENOH_*',
  'ZENOH_CONFIG',
];

/** Whether a dataflow file may not set this variable. */
export function isRefusedVariable(name: string): boolean {
  return refusedVariables.some((refused) =>
    refused.endsWith('*') ? name.startsWith(refused.slice(0, -1)) : name === refused,
  );
}

/** Undefined when the name can be a variable's. */
export function checkVariableName(name: string): NameProblem | undefined {
  const hint = 'Variables are named by letters, digits and "_", for example IMAGE_WIDTH.';
  if (name === '') return { message: 'a variable has no name', hint };
  const wrong = /[=\s\u0000]/u.exec(name)?.[0];
  if (wrong !== undefined) return { message: `the variable ${quote(name)} holds ${quote(wrong)}`, hint };
  if (name === '__proto__') return { message: `${quote(name)} cannot be a variable`, hint };
  return undefined;
}
