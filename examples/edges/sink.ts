/**
 * The example's sink: checks every frame of edges against the checksum it must have, writes it as a PNG, and after --frames of them
 * stops the dataflow and prints what it saw. Its exit code is 1 when a frame is wrong or missing, or when the counts do not add up.
 *
 *   --frames N      how many frames to take (default 90)
 *   --work-ms N     sleep so long over each frame (default 0): a sink that is too slow
 *   --lossy         frames may be dropped on the way; then received + dropped must be what the camera has sent
 *   --out FOLDER    where the PNGs go (default out); what is in it is removed first
 */

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Node } from 'dora-ts';
import { PNG } from 'pngjs';
import { FrameCheck, type Frame } from './frame-check.js';

interface SinkIo {
  inputs: { edges: Uint8Array };
  outputs: Record<string, never>;
}

const { values: options } = parseArgs({
  options: {
    frames: { type: 'string', default: '90' },
    'work-ms': { type: 'string', default: '0' },
    lossy: { type: 'boolean', default: false },
    out: { type: 'string', default: 'out' },
  },
});
const wanted = Number(options.frames);
const workMs = Number(options['work-ms']);

const checksums = await readFile(fileURLToPath(new URL('expected/checksums.txt', import.meta.url)), 'utf8');
const check = new FrameCheck(checksums, { lossy: options.lossy });
await rm(options.out, { recursive: true, force: true });
await mkdir(options.out, { recursive: true });

await using node = await Node.connect<SinkIo>();
let stoppedByUser = false;
for await (const event of node) {
  const done = check.received >= wanted;
  if (event.type === 'stop' && event.reason === 'user' && !done) stoppedByUser = true;
  if (event.type !== 'input' || done) continue;
  const image = check.take(event, node.clock.nowNs());
  await writeFile(path.join(options.out, `frame-${String(image.frame).padStart(3, '0')}.png`), encodeGrey(image));
  if (workMs > 0) await node.clock.sleep(workMs);
  if (check.received === wanted) node.requestStop();
}

if (!stoppedByUser && check.received < wanted) check.problems.push(`${check.received} of ${wanted} frames came`);
console.log(check.report());
if (check.problems.length > 0) process.exitCode = 1;

function encodeGrey(image: Frame): Buffer {
  const png = new PNG({ width: image.width, height: image.height });
  png.data = Buffer.from(image.pixels);
  return PNG.sync.write(png, { colorType: 0, inputColorType: 0, inputHasAlpha: false });
}
