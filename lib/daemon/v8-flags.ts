/**
 * Arguments by which V8 suits the nodes of a dataflow.
 *
 * Nodes that pass on the same messages do the same work in step, so that V8 in each of them would compile the same function at the same message, and
 * tidy its memory at the same second. Where there are more nodes than cores, each of these moments is a message that takes milliseconds at every hop,
 * while those behind catch up with it and fill a queue: it drops what no single node was too slow for. So each gets thresholds of its own.
 */

import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';

/**
 * For a runtime node, whose JavaScript reads its operators and then waits. While thousands of lines are read V8 would grow the space for young
 * objects and optimise what is never run again, and keep the memory of both.
 */
export const SMALL_HEAP: readonly string[] = ['--max-semi-space-size=1', '--no-opt'];

/** Bytes of bytecode that a function runs through before V8 looks at it, V8's own default; code that computes runs through the most in milliseconds. */
const BUDGET = { flag: '--interrupt-budget', least: 66 * 1024, most: 16 * 66 * 1024 };
/** Milliseconds of low activity before V8 gives memory back; the least is V8's own default. */
const TIDYING = { flag: '--gc-memory-reducer-start-delay-ms', least: 8_000, most: 58_000 };
/** Multiples of it, without what is before the point, lie apart evenly however many there are. */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/**
 * For the JavaScript node at a place of the dataflow, from 0. None where each node can have a core.
 *
 * @param nodes how many the dataflow has on this machine
 */
export async function outOfStep(place: number, nodes: number): Promise<readonly string[]> {
  if (nodes <= availableParallelism()) return [];
  const known = await knownFlags();
  const share = (place * GOLDEN_RATIO) % 1;
  return [BUDGET, TIDYING]
    .filter(({ flag }) => known.has(flag))
    .map(({ flag, least, most }) => `${flag}=${Math.round(least + share * (most - least))}`);
}

let known: Promise<ReadonlySet<string>> | undefined;

/** The flags of this Node.js, which does not start with one that it does not know. */
function knownFlags(): Promise<ReadonlySet<string>> {
  known ??= promisify(execFile)(process.execPath, ['--v8-options']).then(
    ({ stdout }) => new Set(stdout.match(/^ +--[\w-]+/gm)?.map((flag) => flag.trim())),
    () => new Set<string>(),
  );
  return known;
}
