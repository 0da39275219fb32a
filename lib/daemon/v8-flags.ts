/**
 * Flags by which V8 suits the nodes of a dataflow.
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

/** What V8 itself takes, and what is farthest from it. */
interface Threshold {
  readonly flag: string;
  readonly own: number;
  readonly farthest: number;
}

/** Bytes of bytecode that a function runs through before V8 looks at it; code that computes runs through the most in milliseconds. */
const BUDGET: Threshold = { flag: '--interrupt-budget', own: 66 * 1024, farthest: 16 * 66 * 1024 };
/** Milliseconds of low activity before V8 gives memory back. */
const TIDYING: Threshold = { flag: '--gc-memory-reducer-start-delay-ms', own: 8_000, farthest: 58_000 };
/** Percent of the space for young objects that is used before V8 collects them between two turns of the loop. */
const COLLECTING: Threshold = { flag: '--minor-gc-task-trigger', own: 80, farthest: 30 };
/** Multiples of it, without what is before the point, lie apart evenly however many there are. */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/**
 * For the JavaScript node at a place of the dataflow, from 0. None where each node can have a core. The node sets them when it joins: as arguments they
 * would stand in `process.execArgv`, and a program may hand that to a Worker, which takes none of V8's.
 *
 * @param nodes how many the dataflow has on this machine
 */
export async function outOfStep(place: number, nodes: number): Promise<readonly string[]> {
  if (nodes <= availableParallelism()) return [];
  const known = await knownFlags();
  const share = (place * GOLDEN_RATIO) % 1;
  return [BUDGET, TIDYING, COLLECTING]
    .filter(({ flag }) => known.has(flag))
    .map(({ flag, own, farthest }) => `${flag}=${Math.round(own + share * (farthest - own))}`);
}

let known: Promise<ReadonlySet<string>> | undefined;

/** The flags of this Node.js, which complains about one that it does not know. */
function knownFlags(): Promise<ReadonlySet<string>> {
  known ??= promisify(execFile)(process.execPath, ['--v8-options']).then(
    ({ stdout }) => new Set(stdout.match(/^ +--[\w-]+/gm)?.map((flag) => flag.trim())),
    () => new Set<string>(),
  );
  return known;
}
