/**
 * From a plan's node to the command line that starts it: finds its file, compiles TypeScript, picks the interpreter.
 *
 * Runs after the builds, on the machine where the node will run. Never a shell: arguments reach the program as they
 * are. `.ts` is compiled, `.js` and `.mjs` are run by this Node.js, `.py` by python3, everything else by itself; a
 * runtime node is our own program that reads its operators from its standard input: thousands fit into no variable.
 */

import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { isScript, resolveLibrary, resolveProgram, type Found } from '../descriptor/index.js';
import { DoraError } from '../errors.js';
import type { PlanNode } from '../message/plan.js';
import { runtimeConfigText } from '../operator/runtime-config.js';
import { compileTypeScript, isTypeScript } from './compile.js';
import { launcherFor, type Launcher } from './launcher.js';
import { builtFile } from './own-package.js';
import { SMALL_HEAP, outOfStep } from './v8-flags.js';

/** For DORA_RUNTIME_CONFIG; lib/operator/runtime-config.ts reads it. */
const FROM_STANDARD_INPUT = '-';

/** A command line without the variables that the broker adds. */
export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What its standard input has; undefined: nothing. */
  readonly input?: string;
  /** Becomes the program when it has set cores and priority; absent: the program is started itself. */
  readonly launcher?: Launcher;
}

/** A node that cannot be started, and why. */
export interface LaunchProblem {
  readonly node: string;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** Some programs are not there or do not compile; `details` has one entry a node. */
export class LaunchError extends DoraError {
  readonly details: readonly LaunchProblem[];

  constructor(problems: readonly LaunchProblem[]) {
    const [first] = problems;
    super(first?.code ?? 'INTERNAL', problems.map((problem) => problem.message).join('\n'), { hint: first?.hint });
    this.details = problems;
  }
}

export interface LaunchContext {
  readonly folder: string;
  readonly release: boolean;
}

/**
 * The command lines of all nodes that have a program; dynamic ones have none.
 * @throws LaunchError with every problem at once
 */
export async function prepareLaunches(
  nodes: readonly PlanNode[],
  context: LaunchContext,
): Promise<Map<string, Launch>> {
  const problems: LaunchProblem[] = [];
  const launches = new Map<string, Launch>();
  const prepared = nodes.map(async (node, place): Promise<void> => {
    try {
      const launch = await prepareLaunch(node, context, await outOfStep(place, nodes.length));
      const launcher = launcherFor(node);
      if (launch !== undefined) launches.set(node.id, { ...launch, ...(launcher === undefined ? {} : { launcher }) });
    } catch (error) {
      if (!(error instanceof DoraError)) throw error;
      problems.push({ node: node.id, ...error.toJSON() });
    }
  });
  await Promise.all(prepared);
  if (problems.length > 0) throw new LaunchError(problems);
  return launches;
}

async function prepareLaunch(
  node: PlanNode,
  context: LaunchContext,
  v8Flags: readonly string[],
): Promise<Launch | undefined> {
  const env: Record<string, string | undefined> = {
    ...process.env,
    ...(context.release ? { DORA_RELEASE: '1' } : {}),
    ...(v8Flags.length > 0 ? { DORA_V8_FLAGS: v8Flags.join(' ') } : {}),
    ...node.env,
  };
  const place = { folder: node.folder ?? context.folder, workingDirectory: node.workingDirectory, path: env['PATH'] };
  const base = { cwd: node.workingDirectory, env };
  if (node.operators !== undefined) {
    const operators = node.operators.map((operator) => ({
      ...operator,
      library: take(
        resolveLibrary(operator.library, place),
        `the library "${operator.library}"`,
        `${node.id}/${operator.id}`,
      ),
    }));
    const config = runtimeConfigText(operators, 1);
    const file = builtFile('operator/runtime.js');
    return {
      ...base,
      file: process.execPath,
      args: ['--enable-source-maps', ...SMALL_HEAP, file],
      env: { ...env, DORA_RUNTIME_CONFIG: FROM_STANDARD_INPUT },
      input: config,
    };
  }
  if (node.program === undefined) return undefined;
  const { command, args } = node.program;
  const file = take(resolveProgram(command, place), `the program "${command}"`, node.id);
  // Without "--" Node.js 20 takes --env-file for itself, also behind the program.
  if (isTypeScript(file)) {
    const compiled = await compileTypeScript(file);
    return { ...base, file: process.execPath, args: ['--enable-source-maps', '--', compiled, ...args] };
  }
  if (/\.[cm]?js$/.test(file)) return { ...base, file: process.execPath, args: ['--', file, ...args] };
  if (file.endsWith('.py')) {
    // Python holds back what it prints into a pipe; a log that comes minutes late, or never, helps nobody.
    const python = take(
      resolveProgram('python3', { ...place, folder: '/', workingDirectory: '/' }),
      'python3',
      node.id,
    );
    return { ...base, file: python, args: [file, ...args], env: { PYTHONUNBUFFERED: '1', ...env } };
  }
  if (!isScript(file) && !isExecutable(file)) {
    throw new DoraError('NOT_EXECUTABLE', `node "${node.id}": ${file} may not be executed`, {
      hint: `Run: chmod +x ${file}`,
    });
  }
  return { ...base, file, args };
}

function take(found: Found, what: string, owner: string): string {
  if ('file' in found) return found.file;
  const folders = [...new Set(found.tried.map((file) => path.dirname(file)))];
  throw new DoraError('PROGRAM_NOT_FOUND', `node "${owner}": ${what} is not there`, {
    hint: `Looked in ${folders.slice(0, 6).join(', ')}${folders.length > 6 ? ', …' : ''}. Does a "build:" command make it?`,
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
