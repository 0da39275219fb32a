/**
 * The example's source: at every tick one frame of the camera, written straight into the shared memory that its subscriber reads.
 * It goes on until the dataflow stops. With a subscriber that makes it wait (queue_policy: backpressure) it takes its time and
 * loses no frame: the frame's number is its own count, not that of the tick.
 */

import { fileURLToPath } from 'node:url';
import { Node } from 'dora-ts';
import { capture, height, loadPhotos, width } from './camera.js';

interface CameraIo {
  inputs: { tick: unknown };
  outputs: { image: Uint8Array };
}

// Decoded before the node joins: the dataflow starts when all its nodes are ready.
const photos = await loadPhotos(fileURLToPath(new URL('photos', import.meta.url)));
await using node = await Node.connect<CameraIo>();

let frame = 0;
for await (const event of node) {
  if (event.type !== 'input') continue;
  using image = node.loan('image', width * height * 3);
  capture(photos, frame, image.data);
  await image.send({ frame, width, height, encoding: 'rgb8' });
  frame += 1;
}
