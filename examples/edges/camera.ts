/**
 * A camera that does not exist: a window of 320 x 240 pixels that pans over photographs.
 *
 * Frame n is the same picture whenever it is asked for: the window crosses each photograph from left to right, and from its top
 * to its bottom and back, in 30 frames, then goes on to the next photograph, and after the last one to the first. Whole-number
 * arithmetic only, so that every frame has one checksum on every machine.
 */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';

export const width = 320;
export const height = 240;
export const framesPerPhoto = 30;
export const photoFiles = ['coffee.png', 'astronaut.png', 'rocket.jpg'] as const;

/** Rows of RGB pixels, three bytes each. */
export interface Photo {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

/** Decodes all photographs of a folder that the camera pans over. */
export function loadPhotos(folder: string): Promise<Photo[]> {
  return Promise.all(photoFiles.map((name) => loadPhoto(path.join(folder, name))));
}

async function loadPhoto(file: string): Promise<Photo> {
  const bytes = await readFile(file);
  // Both decoders answer with four bytes a pixel.
  const decoded = file.endsWith('.png') ? PNG.sync.read(bytes) : jpeg.decode(bytes, { useTArray: true });
  const rgb = new Uint8Array(decoded.width * decoded.height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb.set(decoded.data.subarray(from, from + 3), to);
  }
  return { width: decoded.width, height: decoded.height, rgb };
}

/** Writes frame n into `target`, which holds width * height * 3 bytes. */
export function capture(photos: readonly Photo[], frame: number, target: Uint8Array): void {
  const photo = photos[Math.floor(frame / framesPerPhoto) % photos.length];
  if (photo === undefined) throw new RangeError('there is no photograph to look at');
  const { left, top } = windowAt(photo, frame % framesPerPhoto);
  for (let row = 0; row < height; row += 1) {
    const start = ((top + row) * photo.width + left) * 3;
    target.set(photo.rgb.subarray(start, start + width * 3), row * width * 3);
  }
}

function windowAt(photo: Photo, step: number): { left: number; top: number } {
  const last = framesPerPhoto - 1;
  const downAndUp = Math.min(step, last - step) * 2;
  return {
    left: Math.floor(((photo.width - width) * step) / last),
    top: Math.floor(((photo.height - height) * downAndUp) / last),
  };
}
