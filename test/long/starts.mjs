// 1,000 starts and stops of a dataflow in one process: its file descriptors and mappings are back where they were, its memory has not grown with them.
//
// The work is done by test/helpers/starts.ts, which a test runs with few starts; seed and minutes do not matter here.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

export const title = '1,000 starts and stops of a dataflow';

const STARTS = 1000;
/** A heap's own ups and downs. 1,000 leaked pools of half a megabyte, or 1,000 leaked records of 32 KiB, are above it. */
const MOST_GROWTH = 32 * 1024 * 1024;
/** Anonymous mappings are V8's and malloc's, and come and go; one leaked by each start is above it. */
const MOST_MAPPINGS = 500;

/** Code that is compiled late takes about two; a leak of 4 KiB a start is above it. */
const MOST_HEAP_GROWTH = 4 * 1024 * 1024;

export async function run({ root, log }) {
  const program = path.join(root, 'test', 'helpers', 'starts.ts');
  const start = performance.now();
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', '--import', 'tsx', program, String(STARTS)],
    { cwd: root, maxBuffer: 2 ** 24 },
  );
  const { before, after, messages } = JSON.parse(stdout);
  const grown = after.residentBytes - before.residentBytes;
  const seconds = (performance.now() - start) / 1000;
  log(`${STARTS} starts in ${seconds.toFixed(0)} s, ${messages} messages`);
  for (const name of ['descriptors', 'fileMappings', 'allMappings', 'residentBytes', 'heapBytes']) {
    log(`${name} ${before[name]} -> ${after[name]}`);
  }
  const failed = [
    messages !== STARTS * 5,
    after.descriptors !== before.descriptors,
    after.fileMappings !== before.fileMappings,
    after.allMappings > before.allMappings + MOST_MAPPINGS,
    grown > MOST_GROWTH,
    after.heapBytes > before.heapBytes + MOST_HEAP_GROWTH,
  ].filter(Boolean).length;
  return { passed: 6 - failed, failed };
}
