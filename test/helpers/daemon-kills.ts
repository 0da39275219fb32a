/**
 * Kills `dora run`, which is coordinator, daemon and broker in one process, at labelled and at random moments of its life, and looks for what is
 * left. Used by daemon-kills.mjs in test/long and by a test:
 *
 *   node --import tsx test/helpers/daemon-kills.ts COUNT SEED
 *
 * The dataflow: a C source, a JavaScript relay, a C sink that checks every message and writes down what it saw, and in some rounds a program that never
 * joins and ignores SIGTERM, or a build that is under way. A moment is an event of `dora run --json` and a pause after it, or a pause from the
 * start. After each kill: no process of the round is left, each node saw its messages whole and in order to the end, and nothing lies in the runtime
 * folder (where the kill was before anybody could know the folder: after the next broker). After the last: Shmem is back where it was. Prints what
 * it did as one line of JSON; the first violation ends it with an exception.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** What the program prints. */
export interface DaemonKillFigures {
  readonly kills: number;
  /** Kills by the moment: an event, or "start". */
  readonly moments: Readonly<Record<string, number>>;
  /** Rounds in which the sink had received something before the end. */
  readonly streaming: number;
  readonly messages: number;
  /** KiB of shared memory in /proc/meminfo before the first and after the last kill. */
  readonly shmemKib: readonly [number, number];
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const WIDTH = 3;
/** The guard waits 2 s for nodes to notice by themselves and 2 s more after SIGTERM. */
const GONE_MS = 30_000;
const MOMENTS = ['start', 'buildStarted', 'nodeStarted', 'nodeJoined', 'running', 'output', 'stopping', 'nodeExited'];
const TORN = 'torn';

const source = `#include <dora/node.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
enum { WORDS = 700 };
static uint64_t words_of(uint64_t n) { return 1 + n * 2654435761u % WORDS; }
int main(int argc, char **argv) {
  dora_node_t *node;
  dora_error_t error;
  dora_event_t event;
  uint64_t number = 0;
  int log = open(argv[argc - 1], O_WRONLY | O_CREAT | O_APPEND, 0600), source;
  if (log < 0 || dora_node_connect(NULL, &node, &error) != DORA_OK) return 1;
  source = strcmp(argv[argc - 2], "source") == 0;
  for (;;) {
    static uint64_t payload[WORDS];
    int32_t status = dora_node_next(node, source ? 0 : -1, &event);
    if (status == DORA_OK && event.type == DORA_EVENT_END) break;
    if (status == DORA_OK && event.type == DORA_EVENT_INPUT) {
      uint64_t i;
      number++;
      for (i = 0; i * 8 < event.size && memcmp(event.data + i * 8, &number, 8) == 0; i++) continue;
      if (event.size != words_of(number) * 8 || i * 8 != event.size) dprintf(log, "${TORN} at %llu\\n", (unsigned long long)number);
      if (number % 16 == 1) dprintf(log, "%llu\\n", (unsigned long long)number);
      if (number == 1) puts("streams"), fflush(stdout);
    }
    if (status == DORA_OK) dora_event_release(node, &event);
    if (source) {
      uint64_t i, next = number + 1;
      for (i = 0; i < words_of(next); i++) payload[i] = next;
      if (dora_node_send(node, dora_node_output(node, "out"), payload, words_of(next) * 8, DORA_ENCODING_RAW, NULL, 0, 20000000, &error) == DORA_OK) number = next;
      if (number % 16 == 0) usleep(500);
    }
  }
  dprintf(log, "end\\n");
  dora_node_close(node);
  return 0;
}
`;

const relay = `import { Node } from ${JSON.stringify(path.join(root, 'dist/index.js'))};
const node = await Node.connect();
for await (const event of node) {
  if (event.type === 'input') await node.send('out', event.data);
}
await node.close();
`;

const flow = (program: string, log: string, extra: string): string => `nodes:
  - {id: source, path: ${program}, args: source ${log}.source, outputs: [out]}
  - {id: relay, path: relay.mjs, inputs: {in: {source: source/out, queue_policy: backpressure, queue_size: 4}}, outputs: [out]}
  - {id: sink, path: ${program}, args: sink ${log}, inputs: {in: {source: relay/out, queue_policy: backpressure, queue_size: 4}}}
${extra}`;
const stubborn = '#!/bin/sh\ntrap "" TERM\nsleep 60 &\nwhile :; do sleep 0.2; done\n';

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shmemKib(): number {
  return Number(/Shmem: +(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
}

/** Processes that were started with this mark in their environment, zombies not counted; the guard has it as well. */
function marked(mark: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z')) continue;
      if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark)) continue;
      found.push(`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')}`);
    } catch {
      // It has ended in between.
    }
  }
  return found;
}

class Round {
  readonly #folder: string;
  readonly #runtime: string;
  readonly #mark: string;
  readonly #log: string;
  received = 0;
  moment = 'start';

  constructor(base: string, runtime: string, number: number) {
    this.#folder = base;
    this.#runtime = runtime;
    this.#mark = `DORA_TEST_MARK=${path.basename(base)}-${number}-`;
    this.#log = path.join(base, `seen-${number}`);
  }

  async run(number: number, random: () => number): Promise<void> {
    // The first round is one in which messages flow, however few there are.
    const moment = number === 0 ? 'output' : (MOMENTS[Math.floor(random() * MOMENTS.length)] ?? 'start');
    const afterMs = moment === 'start' ? random() * 1500 : random() < 0.5 ? 0 : random() * 120;
    let extra = random() < 0.15 ? '  - {id: stubborn, path: stubborn.sh}\n' : '';
    if (moment === 'buildStarted') extra += '  - {id: built, path: stubborn.sh, build: sleep 60}\n';
    const file = `flow-${number}.yml`;
    writeFileSync(path.join(this.#folder, file), flow('./node', this.#log, extra));
    // A stop is killed as well: its nodes are told to end by two at once.
    const stop = moment === 'stopping' || moment === 'nodeExited' ? ['--stop-after', '50ms'] : [];
    const [name, value] = this.#mark.split('=') as [string, string];
    const child = spawn(process.execPath, ['--', path.join(root, 'dist/cli/main.js'), 'run', file, '--json', ...stop], {
      cwd: this.#folder,
      env: {
        ...process.env,
        XDG_RUNTIME_DIR: this.#runtime,
        XDG_CACHE_HOME: path.join(this.#folder, 'cache'),
        [name]: value,
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = new Promise<void>((resolve) =>
      child.once('exit', () => {
        resolve();
      }),
    );
    let text = '';
    const happened = new Promise<void>((resolve) => {
      if (moment === 'start') resolve();
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.includes(`"event":"${moment}"`)) resolve();
      });
      void ended.then(resolve);
    });
    await Promise.race([happened, sleep(GONE_MS, undefined, { ref: false })]);
    if (moment !== 'start' && !text.includes(`"event":"${moment}"`))
      throw new Error(`"${moment}" does not come:\n${text}`);
    await sleep(afterMs);
    child.kill('SIGKILL');
    await ended;
    child.stdout.destroy();
    this.moment = moment;
    await this.#settle();
    this.#look();
  }

  async #settle(): Promise<void> {
    const end = Date.now() + GONE_MS;
    while (marked(this.#mark).length > 0) {
      if (Date.now() > end) throw new Error(`left after a kill at "${this.moment}": ${marked(this.#mark).join('; ')}`);
      await sleep(20);
    }
  }

  /** What the sink saw: numbers in order, nothing torn. */
  #look(): void {
    if (!existsSync(this.#log)) return;
    const lines = readFileSync(this.#log, 'utf8').trimEnd().split('\n');
    const wrong = lines.find((line) => line.startsWith(TORN));
    if (wrong !== undefined) throw new Error(`after a kill at "${this.moment}": ${wrong}`);
    this.received = Number(lines.filter((line) => /^\d+$/.test(line)).at(-1) ?? 0);
  }
}

async function main(count: number, seed: number): Promise<DaemonKillFigures> {
  const base = mkdtempSync(path.join(os.tmpdir(), 'dora-daemon-kills-'));
  const runtime = path.join(base, 'run');
  const random = randomOf(seed);
  const moments: Record<string, number> = {};
  let [messages, streaming] = [0, 0];
  try {
    mkdirSync(runtime, { mode: 0o700 });
    const library = path.join(root, 'build/Release');
    writeFileSync(path.join(base, 'node.c'), source);
    const flags = ['-std=gnu11', '-O1', `-I${path.join(root, 'native/include')}`];
    execFileSync('cc', [...flags, '-o', 'node', 'node.c', `-L${library}`, '-ldora', `-Wl,-rpath,${library}`], {
      cwd: base,
    });
    writeFileSync(path.join(base, 'relay.mjs'), relay);
    writeFileSync(path.join(base, 'stubborn.sh'), stubborn, { mode: 0o755 });
    const before = shmemKib();
    for (let done = 0; done < count;) {
      const rounds = Array.from(
        { length: Math.min(WIDTH, count - done) },
        (_, i) => new Round(base, runtime, done + i),
      );
      const draws = rounds.map(() => randomOf(Math.floor(random() * 2 ** 32)));
      await Promise.all(rounds.map((round, i) => round.run(done + i, draws[i] ?? random)));
      for (const round of rounds) {
        moments[round.moment] = (moments[round.moment] ?? 0) + 1;
        messages += round.received;
        streaming += round.received > 0 ? 1 : 0;
      }
      done += rounds.length;
    }
    // Folders of brokers that were killed before anybody knew of them go with the next broker.
    writeFileSync(path.join(base, 'last.yml'), 'nodes:\n  - {id: last, path: last.sh}\n');
    writeFileSync(path.join(base, 'last.sh'), '#!/bin/sh\n:\n', { mode: 0o755 });
    execFileSync(process.execPath, ['--', path.join(root, 'dist/cli/main.js'), 'run', 'last.yml'], {
      cwd: base,
      env: { ...process.env, XDG_RUNTIME_DIR: runtime, XDG_CACHE_HOME: path.join(base, 'cache') },
      stdio: 'ignore',
    });
    const left = readdirSync(runtime, { recursive: true });
    if (left.length > 0) throw new Error(`left in the runtime folder: ${left.join(', ')}`);
    return { kills: count, moments, streaming, messages, shmemKib: [before, shmemKib()] };
  } finally {
    // None, unless something was found.
    for (const still of marked(`DORA_TEST_MARK=${path.basename(base)}`))
      process.kill(Number.parseInt(still), 'SIGKILL');
    rmSync(base, { recursive: true, force: true });
  }
}

process.stdout.write(`${JSON.stringify(await main(Number(process.argv[2]), Number(process.argv[3])))}\n`);
