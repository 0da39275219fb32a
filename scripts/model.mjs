// Runs the models of the shared-memory protocol (native/model): the explicit-state checker over native/model/runs.json, and
// the memory-order model native/model/loom_ring.
//
//   node scripts/model.mjs            or --quick: the runs marked "quick"; half a minute; needs a C++ compiler only
//   node scripts/model.mjs --full     all runs and loom_ring; tens of minutes, up to 3 GB a run; needs cargo too
//   node scripts/model.mjs --record   with either: writes the figures found into runs.json, after a wanted change of the model
//
// A run with a seeded mistake passes when it ends in the violation that runs.json names. Every other run passes when it is
// complete, finds nothing, and visits as many states and transitions as recorded: a model that silently lost half of its
// steps would find nothing either. One line per run; the last line is `N passed, N failed`.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { finish, settle } from './lib/count.mjs';
import { ask, fail, findProgram, installCommand, jobs, root, run } from './lib/run.mjs';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
});
if (values.quick && values.full) fail('--quick and --full exclude each other');
const folder = path.join(root, 'native', 'model');
const list = path.join(folder, 'runs.json');
const largestRun = 3e9;

/** Calls `work` for each item, at most `width` at once; results in order. */
async function inParallel(items, width, work) {
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

/** Builds the checker in `target` and returns its path. */
async function build(target) {
  const compiler = [process.env.CXX, 'g++', 'c++', 'clang++'].find((name) => name && findProgram(name) !== undefined);
  if (compiler === undefined) {
    fail(
      `The models need a C++20 compiler; run: ${installCommand(['g++', 'gcc-c++', 'g++', 'gcc'])} (or set CXX to one that is there)`,
    );
  }
  const flags = ['-O2', '-std=c++20', '-Wall', '-Wextra', '-fno-exceptions', '-fno-rtti'];
  const sources = readdirSync(folder).filter((file) => file.endsWith('.cc'));
  const objects = sources.map((file) => path.join(target, `${file}.o`));
  const results = await inParallel(sources, Math.min(2, jobs), (file) =>
    run(compiler, [...flags, '-c', path.join(folder, file), '-o', path.join(target, `${file}.o`)], { quiet: true }),
  );
  const checker = path.join(target, 'check');
  const link = await run(compiler, [...objects, '-o', checker], { quiet: true });
  const broken = [...results, link].find((result) => result.code !== 0);
  if (broken !== undefined) {
    process.stderr.write(broken.output);
    fail('native/model could not be built; the compiler says why above');
  }
  return checker;
}

/** What is wrong with the outcome of a run, or undefined. */
function judge(entry, { code, output }) {
  if (entry.violation !== undefined) {
    if (code !== 1 || !output.startsWith('VIOLATION')) return 'the seeded mistake was not found';
    return output.includes(entry.violation) ? undefined : `expected the violation "${entry.violation}"`;
  }
  const figures = /^ok .*: (\d+) states, (\d+) transitions/.exec(output);
  if (code !== 0 || figures === null) return 'expected ok';
  const [states, transitions] = [Number(figures[1]), Number(figures[2])];
  if (values.record) Object.assign(entry, { states, transitions });
  if (states === entry.states && transitions === entry.transitions) return undefined;
  return `expected ${entry.states} states, ${entry.transitions} transitions; if the model was changed on purpose, run it with --record`;
}

async function check(checker, entry) {
  const result = await run(checker, entry.run.split(' '), { quiet: true });
  const problem = judge(entry, result);
  const ended = result.signal === null ? '' : ` (ended by ${result.signal})`;
  process.stdout.write(`${problem === undefined ? 'pass' : 'FAIL'}  ${result.output.trim()}${ended}\n`);
  if (problem !== undefined) process.stdout.write(`      ${entry.run}: ${problem}\n`);
  return problem === undefined ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function checkAll(runs) {
  const target = mkdtempSync(path.join(os.tmpdir(), 'dora-model-'));
  try {
    const checker = await build(target);
    const width = Math.max(1, Math.min(2, jobs, values.full ? Math.floor(os.freemem() / largestRun) : 2));
    return await inParallel(runs, width, (entry) => check(checker, entry));
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

async function checkOrders() {
  if (!values.full) {
    process.stdout.write('      loom_ring (memory orders, needs cargo) is run by --full\n');
    return { passed: 0, failed: 0 };
  }
  if (ask('cargo', ['--version']) === undefined) {
    process.stdout.write(
      'FAIL  loom_ring: cargo is missing; install Rust 1.78 or newer, e.g. from https://rustup.rs\n',
    );
    return { passed: 0, failed: 1 };
  }
  const result = await run('cargo', ['test', '--release', '--locked'], {
    cwd: path.join(folder, 'loom_ring'),
    capture: true,
  });
  const figures = [...result.output.matchAll(/^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm)];
  const sum = (group) => figures.reduce((total, match) => total + Number(match[group]), 0);
  return settle({ passed: sum(1), failed: sum(2) + sum(3) }, result.code);
}

const entries = JSON.parse(readFileSync(list, 'utf8'));
const counts = await checkAll(entries.filter((entry) => values.full || entry.quick));
counts.push(await checkOrders());
if (values.record) writeFileSync(list, `${JSON.stringify(entries, null, 2)}\n`);
finish(counts);
