// A coverage-guided fuzzer of the descriptor: mutated dataflow files, kept when they reach code that none reached before.
//
// Any bytes have to be answered by diagnostics inside the file or by a clean pass (test/helpers/survive.ts). lib/descriptor and
// the YAML library are instrumented by istanbul and bundled by esbuild; a worker (fuzz/worker.cjs) runs them, and this
// process watches it: a text that takes longer than 20 s is a failure, as is one that throws. What fails is made smaller,
// printed, and kept in the temporary folder. libFuzzer by way of jazzer.js finds the same kind of thing, but its native part
// needs a newer C library (2.38) than we support.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { build, transform } from 'esbuild';
import { createInstrumenter } from 'istanbul-lib-instrument';

export const title = 'the descriptor under a coverage-guided fuzzer';
export const defaultMinutes = 10;

/** Longer than any text may take, on a machine that is busy. */
const HANG_MS = 20_000;
const MAX_TEXT = 64 * 1024;

/** The reader of dataflow files and what has to hold for it, with counters in the code that is to be explored. */
async function bundle(root, outfile) {
  const instrumenter = createInstrumenter({ coverageVariable: 'reached', esModules: true, compact: true });
  const counted = {
    name: 'counted',
    setup(setup) {
      setup.onLoad(
        { filter: /(lib[/\\]descriptor|node_modules[/\\]yaml[/\\]dist)[/\\].*\.[jt]s$/ },
        async ({ path: file }) => {
          const source = readFileSync(file, 'utf8');
          const { code } = file.endsWith('.ts')
            ? await transform(source, { loader: 'ts', target: 'node20' })
            : { code: source };
          return { contents: instrumenter.instrumentSync(code, file), loader: 'js' };
        },
      );
    },
  };
  const entry = `export { survive } from './test/helpers/survive.ts'; export { mutate, pieces, randomFrom } from './test/helpers/mutate.ts';`;
  await build({
    stdin: { contents: entry, resolveDir: root, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    plugins: [counted],
    logLevel: 'warning',
  });
}

/** Dataflow files of the tests and examples. */
function seeds(root) {
  const folders = [
    'test/fixtures/descriptor/good',
    'test/fixtures/descriptor/bad',
    'test/fixtures/descriptor/words',
    'examples',
  ];
  return folders
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true }).map((name) => path.join(root, folder, name)),
    )
    .filter((file) => /\.ya?ml$/.test(file))
    .sort()
    .map((file) => readFileSync(file, 'utf8'));
}

/** Every key of the format and the words that its values may have. */
function words(root) {
  const schema = readFileSync(path.join(root, 'schema.json'), 'utf8');
  return [...new Set([...schema.matchAll(/"([a-z][a-z0-9_-]{2,30})"/g)].map((match) => match[1]))].sort();
}

export async function run({ seed, minutes: limit, root, log }) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'dora-fuzz-'));
  try {
    const target = path.join(folder, 'target.cjs');
    await bundle(root, target);
    // The length of the text at work, then the text.
    const current = new SharedArrayBuffer(4 + 4 * MAX_TEXT);
    const data = {
      target,
      seed,
      until: Date.now() + limit * 60_000,
      seeds: seeds(root),
      words: words(root),
      current,
      maxText: MAX_TEXT,
    };
    const failure = await watch(
      new Worker(path.join(root, 'test/long/fuzz/worker.cjs'), { workerData: data }),
      current,
      log,
    );
    if (failure === undefined) return { passed: 1, failed: 0 };
    const file = path.join(os.tmpdir(), `dora-fuzz-${seed}.yml`);
    writeFileSync(file, failure.text);
    log(`${failure.message}\n${JSON.stringify(failure.text)}\nkept as ${file}`);
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Resolves to what failed, or undefined when the time was over. */
function watch(worker, current, log) {
  return new Promise((resolve) => {
    let last = Date.now();
    const textAtWork = () => {
      const length = new Int32Array(current, 0, 1)[0];
      return new TextDecoder().decode(new Uint8Array(current, 4, length).slice());
    };
    const end = async (result) => {
      clearInterval(timer);
      await worker.terminate();
      resolve(result);
    };
    const timer = setInterval(() => {
      if (Date.now() - last > HANG_MS) void end({ message: `no answer within ${HANG_MS} ms`, text: textAtWork() });
    }, 1_000);
    worker.on('message', (message) => {
      last = Date.now();
      if (message.figures !== undefined) log(message.figures);
      if (message.failure !== undefined) void end(message.failure);
      if (message.done) void end(undefined);
    });
    worker.on('error', (error) => void end({ message: String(error?.stack ?? error), text: textAtWork() }));
  });
}
