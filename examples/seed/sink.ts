/**
 * The seed example's sink: prints the operator's messages and, at the end, whether they were what the node has sent: the first 100
 * numbers of xorshift64, in order. Numbers that a full queue has dropped on the way are counted. Exit code 1 when one is wrong.
 */

import { Node } from 'dora-ts';

interface SinkIo {
  inputs: { message: string };
  outputs: Record<string, never>;
}

const count = 100;
const pattern = /^operator received random value 0x([0-9a-f]{16}) after \d+ ticks$/;

await using node = await Node.connect<SinkIo>();
const expected = firstNumbers(count);
let received = 0;
let missing = 0;
let wrong = 0;
for await (const event of node) {
  if (event.type !== 'input') continue;
  const text = event.text();
  console.log(`sink received: ${text}`);
  received += 1;
  const skipped = expected.indexOf(pattern.exec(text)?.[1] ?? '');
  if (skipped < 0) wrong += 1;
  else missing += expected.splice(0, skipped + 1).length - 1;
}
missing += expected.length;
console.log(`sink: ${received} messages received, ${missing} missing, ${wrong} wrong`);
if (received === 0 || wrong > 0) process.exitCode = 1;

/** The numbers that node.c sends, as 16 hex digits each. */
function firstNumbers(length: number): string[] {
  let random = 1n;
  return Array.from({ length }, () => {
    random = BigInt.asUintN(64, random ^ (random << 13n));
    random ^= random >> 7n;
    random = BigInt.asUintN(64, random ^ (random << 17n));
    return random.toString(16).padStart(16, '0');
  });
}
