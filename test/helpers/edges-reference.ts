/**
 * What examples/edges must make of its photographs, computed a second way: Sobel as two convolutions in float64 over the whole
 * image, with nothing of sobel.c. Run by itself it writes what the example has checked in: the checksums and the two pictures.
 *
 *   npx tsx test/helpers/edges-reference.ts
 */

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { PNG } from 'pngjs';
import { capture, framesPerPhoto, height, loadPhotos, width } from '../../examples/edges/camera.js';

const folder = fileURLToPath(new URL('../../examples/edges', import.meta.url));
const photos = await loadPhotos(path.join(folder, 'photos'));
export const frameCount = photos.length * framesPerPhoto;

/** The frames that the README shows: one of each photograph. */
export const shownFrames = [7, 31, 75] as const;

const horizontal = [-1, 0, 1, -2, 0, 2, -1, 0, 1];
const vertical = [-1, -2, -1, 0, 0, 0, 1, 2, 1];
/** Where the nine weights of a kernel lie around a pixel. */
const neighbours = [-1, 0, 1].flatMap((row) => [-1, 0, 1].map((column) => row * width + column));

export function referenceFrame(frame: number): { rgb: Uint8Array; edges: Uint8Array } {
  const rgb = new Uint8Array(width * height * 3);
  capture(photos, frame, rgb);
  const brightness = new Float64Array(width * height);
  for (let pixel = 0; pixel < brightness.length; pixel += 1) {
    const [red, green, blue] = [rgb[pixel * 3]!, rgb[pixel * 3 + 1]!, rgb[pixel * 3 + 2]!];
    brightness[pixel] = Math.floor((77 * red + 150 * green + 29 * blue) / 256);
  }
  const edges = new Uint8Array(width * height);
  for (let y = 1; y < height - 1; y += 1) {
    for (let x = 1; x < width - 1; x += 1) {
      const pixel = y * width + x;
      const [gx, gy] = [convolve(brightness, pixel, horizontal), convolve(brightness, pixel, vertical)];
      // Not Math.hypot(), whose last digit is the implementation's choice.
      edges[pixel] = Math.min(255, Math.floor(Math.sqrt(gx * gx + gy * gy)));
    }
  }
  return { rgb, edges };
}

function convolve(image: Float64Array, pixel: number, kernel: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < kernel.length; at += 1) sum += kernel[at]! * image[pixel + neighbours[at]!]!;
  return sum;
}

/** The text of expected/checksums.txt. */
export function referenceChecksums(): string {
  return Array.from({ length: frameCount }, (_, frame) => {
    const sum = createHash('sha256').update(referenceFrame(frame).edges).digest('hex');
    return `${sum}  frame-${String(frame).padStart(3, '0')}\n`;
  }).join('');
}

/** The README's pictures: three frames side by side, as the camera takes them and as the sink gets them. */
export function referencePictures(): { input: PNG; output: PNG } {
  const input = new PNG({ width: width * shownFrames.length, height });
  const output = new PNG({ width: width * shownFrames.length, height });
  shownFrames.forEach((frame, column) => {
    const { rgb, edges } = referenceFrame(frame);
    edges.forEach((grey, pixel) => {
      const at = (Math.floor(pixel / width) * input.width + column * width + (pixel % width)) * 4;
      input.data.set([...rgb.subarray(pixel * 3, pixel * 3 + 3), 255], at);
      output.data.set([grey, grey, grey, 255], at);
    });
  });
  return { input, output };
}

/** A file of the example, by its path there. */
export function readExampleFile(name: string): Buffer {
  return readFileSync(path.join(folder, name));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { input, output } = referencePictures();
  writeFileSync(path.join(folder, 'expected/checksums.txt'), referenceChecksums());
  writeFileSync(path.join(folder, 'pictures/input.png'), PNG.sync.write(input, { colorType: 2 }));
  writeFileSync(path.join(folder, 'pictures/output.png'), PNG.sync.write(output, { colorType: 0 }));
}
