/**
 * Starts and stops one small dataflow again and again in one process, and prints what it cost that process (JSON, one line): open file descriptors,
 * mappings and resident memory after the first starts and after the last. Run by starts.mjs in test/long and by a test:
 *
 *   node --expose-gc --import tsx test/helpers/starts.ts COUNT
 *
 * Coordinator, daemon and broker are this process's, made anew each time; the nodes are C, which start fast, and map a pool with messages in it.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../lib/index.js';

export interface Usage {
  readonly descriptors: number;
  /** Of files and of shared memory. */
  readonly fileMappings: number;
  readonly allMappings: number;
  readonly residentBytes: number;
  /** JavaScript objects that are reachable. */
  readonly heapBytes: number;
}

/** What the program prints. `messages`: received in all starts together. */
export interface StartsFigures {
  readonly before: Usage;
  readonly after: Usage;
  readonly messages: number;
}

/** Compiled code, caches and pools of threads are there after these. */
const WARM_UP = 20;
export const MESSAGES = 5;

const source = `#include <dora/node.h>
#include <string.h>
int main(int argc, char **argv) {
  dora_node_t *node;
  dora_error_t error;
  static unsigned char bytes[100000];
  if (dora_node_connect(NULL, &node, &error) != DORA_OK) return 1;
  if (strstr(argv[argc - 1], "sender") != NULL) {
    for (int i = 0; i < ${MESSAGES}; i++)
      if (dora_node_send(node, dora_node_output(node, "out"), bytes, sizeof bytes, DORA_ENCODING_RAW, NULL, 0, -1, &error) != DORA_OK) return 2;
  } else {
    dora_event_t event;
    while (dora_node_next(node, -1, &event) == DORA_OK && event.type != DORA_EVENT_END) dora_event_release(node, &event);
  }
  dora_node_close(node);
  return 0;
}
`;

async function usage(): Promise<Usage> {
  // Twice: the first collection finds what the second frees. Ends of processes and sockets are told by turns of the loop.
  for (let i = 0; i < 2; i++) {
    (globalThis as unknown as { gc: () => void }).gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const mappings = readFileSync('/proc/self/maps', 'utf8').trimEnd().split('\n');
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    // A memfd shows as /memfd:NAME.
    fileMappings: mappings.filter((line) => line.includes(' /')).length,
    allMappings: mappings.length,
    residentBytes: process.memoryUsage.rss(),
    heapBytes: process.memoryUsage().heapUsed,
  };
}

async function main(count: number): Promise<StartsFigures> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const folder = mkdtempSync(path.join(os.tmpdir(), 'dora-starts-'));
  try {
    const program = path.join(folder, 'node');
    const library = path.join(root, 'build/Release');
    writeFileSync(`${program}.c`, source);
    const flags = ['-std=c11', '-O1', `-I${path.join(root, 'native/include')}`];
    execFileSync('cc', [...flags, '-o', program, `${program}.c`, `-L${library}`, '-ldora', `-Wl,-rpath,${library}`]);
    const flow = {
      nodes: [
        { id: 'sender', path: program, args: 'sender', outputs: ['out'] },
        { id: 'taker', path: program, args: 'taker', inputs: { in: { source: 'sender/out', queue_size: MESSAGES } } },
      ],
    };
    let messages = 0;
    const starts = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        const result = await run(flow, { folder });
        if (!result.ok) throw new Error(`start ${i}: ${JSON.stringify(result)}`);
        for (const node of result.counts) for (const input of node.inputs) messages += input.received;
      }
    };
    await starts(WARM_UP);
    messages = 0;
    const before = await usage();
    await starts(count);
    return { before, after: await usage(), messages };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.stdout.write(`${JSON.stringify(await main(Number(process.argv[2])))}\n`);
