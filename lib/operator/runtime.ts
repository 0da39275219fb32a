/**
 * The runtime node's program: `node dist/operator/runtime.js`, started by the daemon with DORA_NODE_CONFIG and its operators on standard input.
 *
 * It starts the native runtime (native/operator), which loads the operators, joins the dataflow and runs them on threads of its own. This thread takes
 * no events: it sleeps until the runtime has ended, or a signal asks for the stop. Exit code 0 when every operator ended well; else 1 and, as the
 * last lines on stderr, `error CODE message` and a hint.
 */
import { DoraError } from '../errors.js';
import { loadNative } from '../native/load.js';
import { invalid, readRuntimeConfig, runtimeConfigLines } from './runtime-config.js';

function print(error: unknown): void {
  const failure =
    error instanceof DoraError
      ? error
      : new DoraError('INTERNAL', error instanceof Error ? error.message : String(error), {
          hint: 'Please report this.',
        });
  const hint = failure.hint === undefined ? '' : `\n  hint: ${failure.hint}`;
  process.stderr.write(`error ${failure.code} ${failure.message}${hint}\n`);
}

/** Resolves when every operator has ended; rejects with the reason when that was not in order. */
async function run(): Promise<void> {
  const lines = runtimeConfigLines();
  const runtime = loadNative().createRuntime();
  const threads = readRuntimeConfig(lines, (operator) => {
    runtime.addOperator(operator);
  });
  const twice = runtime.repeatedId();
  if (twice !== null) throw invalid(`it has two operators "${twice}"`);
  const stop = (): void => {
    runtime.stop();
  };
  // The daemon sends SIGTERM when the stop event did not help; a terminal's Ctrl-C is the daemon's business, but may reach us as well.
  process.on('SIGTERM', stop).on('SIGINT', stop);
  try {
    await new Promise<void>((resolve, reject) => {
      runtime.start({
        threads,
        onEnd: (error) => {
          if (error === null) resolve();
          else reject(new DoraError(error.code, error.message, { hint: error.hint }));
        },
      });
    });
  } finally {
    runtime.close();
    process.off('SIGTERM', stop).off('SIGINT', stop);
  }
}

try {
  await run();
} catch (error) {
  print(error);
  process.exitCode = 1;
}
