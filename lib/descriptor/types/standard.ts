/**
 * The standard library of types. Names, parameters and fields are those of dora 1.x, so that files can be shared; the
 * descriptions are ours. docs/types.md lists all of it, and a test compares.
 *
 * Fields are written as they are in a user's file of types: an Arrow type, `List<…>`, or the name of another type. A
 * type is never changed once released: what would change its fields gets a package of the next version.
 */

import type { ArrowPrimitive, TypeParameter } from './definition.js';
import type { TypeEntry } from './type-library.js';

interface Written {
  arrow: ArrowPrimitive | 'Struct';
  description: string;
  fields?: Readonly<Record<string, string>>;
  params?: readonly TypeParameter[];
}

const plain = (arrow: ArrowPrimitive, description: string, params: readonly TypeParameter[] = []): Written => ({
  arrow,
  description,
  params,
});

const struct = (
  description: string,
  fields: Readonly<Record<string, string>>,
  params: readonly TypeParameter[] = [],
): Written => ({ arrow: 'Struct', description, fields, params });

const xyz = { x: 'Float64', y: 'Float64', z: 'Float64' };

const packages: Readonly<Record<string, Readonly<Record<string, Written>>>> = {
  'std/core/v1': {
    Float32: plain('Float32', 'Numbers of 32 bits.'),
    Float64: plain('Float64', 'Numbers of 64 bits.'),
    Int8: plain('Int8', 'Whole numbers of 8 bits.'),
    Int16: plain('Int16', 'Whole numbers of 16 bits.'),
    Int32: plain('Int32', 'Whole numbers of 32 bits.'),
    Int64: plain('Int64', 'Whole numbers of 64 bits.'),
    UInt8: plain('UInt8', 'Whole numbers of 8 bits, 0 or more.'),
    UInt16: plain('UInt16', 'Whole numbers of 16 bits, 0 or more.'),
    UInt32: plain('UInt32', 'Whole numbers of 32 bits, 0 or more.'),
    UInt64: plain('UInt64', 'Whole numbers of 64 bits, 0 or more. The type of timers.'),
    String: plain('Utf8', 'Text.'),
    Bytes: plain('LargeBinary', 'Bytes. An input of this type takes every type.'),
    Bool: plain('Boolean', 'True or false.'),
  },
  'std/math/v1': {
    Vector3: struct('A vector in space.', xyz),
    Quaternion: struct('A rotation.', { ...xyz, w: 'Float64' }),
    Pose: struct('Where a thing is and how it is turned.', { position: 'Vector3', orientation: 'Quaternion' }),
    Transform: struct('From one frame of reference to another.', { translation: 'Vector3', rotation: 'Quaternion' }),
  },
  'std/control/v1': {
    Twist: struct('Linear and angular velocity.', { linear: 'Vector3', angular: 'Vector3' }),
    JointState: struct('Joints by name: positions, velocities, efforts, in the same order.', {
      names: 'List<Utf8>',
      positions: 'List<Float64>',
      velocities: 'List<Float64>',
      efforts: 'List<Float64>',
    }),
    Odometry: struct('Pose and velocity in a frame of reference.', {
      pose: 'Pose',
      twist: 'Twist',
      frame_id: 'Utf8',
    }),
  },
  'std/media/v1': {
    Image: struct(
      'An image, not compressed.',
      { width: 'UInt32', height: 'UInt32', encoding: 'Utf8', data: 'LargeBinary' },
      [{ name: 'encoding', kind: 'word', description: 'Layout of a pixel, such as rgb8, bgr8 or mono16.' }],
    ),
    CompressedImage: plain('LargeBinary', 'An image, compressed.', [
      { name: 'format', kind: 'word', description: 'Such as jpeg or png.' },
    ]),
    PointCloud: struct('Points in space.', { points: 'LargeBinary', width: 'UInt32', height: 'UInt32' }, [
      { name: 'point_type', kind: 'word', description: 'Layout of a point, such as xyz or xyzrgb.' },
    ]),
    AudioFrame: struct('A piece of sound.', { sample_rate: 'UInt32', channels: 'UInt32', data: 'LargeBinary' }, [
      {
        name: 'sample_type',
        kind: 'word',
        default: 'f32',
        values: ['f32', 'f64', 'i8', 'i16', 'i24', 'i32', 'i64', 'u8', 'u16', 'u24', 'u32', 'u64'],
        description: 'Type of a sample.',
      },
      { name: 'channels', kind: 'integer', description: 'How many.' },
    ]),
  },
  'std/vision/v1': {
    BoundingBox: struct('A rectangle in an image with what was seen in it.', {
      x: 'Float32',
      y: 'Float32',
      width: 'Float32',
      height: 'Float32',
      confidence: 'Float32',
      label: 'Utf8',
    }),
    Detection: struct('What was seen in an image.', { boxes: 'List<BoundingBox>' }),
    Segmentation: struct('A class for each pixel of an image.', {
      width: 'UInt32',
      height: 'UInt32',
      num_classes: 'UInt32',
      mask: 'LargeBinary',
      class_names: 'List<Utf8>',
    }),
  },
};

/** Pairs that are compatible because nothing is lost: the receiver widens. Steps follow each other, as rules do. */
export const widenings: readonly (readonly [from: string, to: string])[] = [
  ['UInt8', 'UInt16'],
  ['UInt8', 'UInt32'],
  ['UInt16', 'UInt32'],
  ['UInt32', 'UInt64'],
  ['Int8', 'Int16'],
  ['Int8', 'Int32'],
  ['Int16', 'Int32'],
  ['Int32', 'Int64'],
  ['Float32', 'Float64'],
].map(([from, to]) => [`std/core/v1/${String(from)}`, `std/core/v1/${String(to)}`] as const);

/** What every timer sends. */
export const TIMER_TYPE = 'std/core/v1/UInt64';
/** Takes every type. */
export const BYTES_TYPE = 'std/core/v1/Bytes';

/** Every type of the standard library, by package, in the order above. */
export function standardTypes(): TypeEntry[] {
  return Object.entries(packages).flatMap(([prefix, types]) =>
    Object.entries(types).map(([name, { arrow, description, fields = {}, params = [] }]) => ({
      name: `${prefix}/${name}`,
      arrow,
      description,
      params,
      fields: Object.entries(fields).map(([field, type]) => ({ name: field, type, nullable: false })),
      metadata: [],
    })),
  );
}
