/**
 * The metadata codec, against test/fixtures/metadata/golden.txt (which the C++ codec is held to as well), at its limits, and against
 * damaged bytes.
 */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { DoraError } from '../../../lib/errors.js';
import {
  MAX_METADATA_BYTES,
  MetadataWriter,
  decodeMetadata,
  encodeMetadata,
  float64,
} from '../../../lib/message/metadata.js';
import type { MetaValue, Metadata } from '../../../lib/message/metadata.js';

interface Golden {
  cases: { name: string; sent: Record<string, MetaValue>; received: Record<string, MetaValue>; blob: Buffer }[];
  bad: { name: string; blob: Buffer }[];
}

/** `{"float64": 1}`, `{"bigint": "5"}` and `{"bytes": "00ff"}` of the fixture as values. */
function revive(json: unknown, received: boolean): MetaValue {
  if (Array.isArray(json)) return json.map((item) => revive(item, received)) as (number | string)[];
  if (typeof json !== 'object' || json === null) return json as MetaValue;
  const tagged = json as { float64?: number; bigint?: string; bytes?: string };
  if (tagged.float64 !== undefined) return received ? tagged.float64 : float64(tagged.float64);
  if (tagged.bigint !== undefined) return BigInt(tagged.bigint);
  return new Uint8Array(Buffer.from(tagged.bytes ?? '', 'hex'));
}

function readGolden(): Golden {
  const golden: Golden = { cases: [], bad: [] };
  const text = readFileSync(new URL('../../fixtures/metadata/golden.txt', import.meta.url), 'utf8');
  for (const line of text.split('\n')) {
    const [verb, first, second, third, ...rest] = line.split(' ');
    const current = golden.cases.at(-1);
    if (verb === 'case') {
      const empty = (): Record<string, MetaValue> => Object.create(null) as Record<string, MetaValue>;
      golden.cases.push({ name: line.slice(5), sent: empty(), received: empty(), blob: Buffer.alloc(0) });
    } else if (verb === 'put') {
      const json: unknown = JSON.parse([...rest].join(' '));
      current!.sent[first!] = revive(json, false);
      current!.received[first!] = revive(json, true);
      if (second === undefined || third === undefined) throw new Error(line);
    } else if (verb === 'blob') current!.blob = Buffer.from(first!, 'hex');
    else if (verb === 'bad') golden.bad.push({ name: line, blob: Buffer.from(first!, 'hex') });
  }
  return golden;
}

const golden = readGolden();

test('maps become the golden bytes and come back', (t) => {
  t.true(golden.cases.length >= 9);
  for (const { name, sent, received, blob } of golden.cases) {
    t.is(Buffer.from(encodeMetadata(sent)).toString('hex'), blob.toString('hex'), name);
    t.deepEqual(decodeMetadata(blob), received, name);
  }
});

test('malformed bytes are METADATA_INVALID', (t) => {
  t.true(golden.bad.length >= 19);
  for (const { name, blob } of golden.bad) {
    t.throws(() => decodeMetadata(blob), { instanceOf: DoraError, code: 'METADATA_INVALID' }, name);
  }
});

test('damaged bytes give a map or METADATA_INVALID, nothing else', (t) => {
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    const source = golden.cases[random(golden.cases.length)]!.blob;
    const bytes = Uint8Array.from(source);
    for (let n = 1 + random(4); n > 0; n--) bytes[random(bytes.length)] = random(256);
    try {
      decodeMetadata(bytes.subarray(0, random(8) === 0 ? random(bytes.length) : bytes.length));
    } catch (error) {
      if (!(error instanceof DoraError) || error.code !== 'METADATA_INVALID') throw error;
      refused++;
    }
  }
  t.true(refused > 1000);
});

test('an empty map is no bytes', (t) => {
  t.is(encodeMetadata({}).length, 0);
  t.deepEqual(Object.keys(decodeMetadata(new Uint8Array(0))), []);
});

test('the last of equal keys wins', (t) => {
  const bytes = Buffer.from('01000200' + '01010000010000006b00' + '01010000010000006b01', 'hex');
  t.is(decodeMetadata(bytes)['k'], true);
});

test('what was received has no inherited keys', (t) => {
  const metadata: Metadata = decodeMetadata(encodeMetadata({ frame: 1 }));
  t.false('toString' in metadata);
  t.false('constructor' in metadata);
});

test('bad utf8 is read with replacement characters', (t) => {
  t.is(decodeMetadata(Buffer.from('01000100' + '04010000020000006b' + 'ff41', 'hex'))['k'], '\ufffdA');
});

test('bytes are copied in both directions', (t) => {
  const sent = new Uint8Array([1, 2]);
  const blob = encodeMetadata({ raw: sent });
  const received = decodeMetadata(blob)['raw'] as Uint8Array;
  blob.fill(0);
  t.deepEqual([...received], [1, 2]);
  t.is(received.buffer.byteLength, 2);
});

test('numbers: whole ones are int64, others and -0 float64', (t) => {
  const type = (value: MetaValue): number => encodeMetadata({ k: value })[4]!;
  t.deepEqual([0, -1, 2 ** 53 - 1, 5n].map(type), [2, 2, 2, 2]);
  t.deepEqual([0.5, -0, NaN, Infinity, 2 ** 53, float64(1)].map(type), [3, 3, 3, 3, 3, 3]);
  t.is(decodeMetadata(encodeMetadata({ k: -0 }))['k'], -0);
  t.is(type([1, 0.5]), 8);
  t.is(type([1, 2n]), 7);
});

test('misuse is a TypeError or RangeError that names the key', (t) => {
  const wrong =
    (value: unknown): (() => Uint8Array) =>
    () =>
      encodeMetadata({ speed: value as MetaValue });
  for (const value of [
    undefined,
    null,
    {},
    new Date(),
    Symbol('x'),
    () => 1,
    [[1]],
    [null],
    [1, 'a'],
    [true, 1],
    [1n, 0.5],
  ]) {
    t.throws(wrong(value), { instanceOf: TypeError, message: /"speed"/ });
  }
  t.throws(wrong(2n ** 63n), { instanceOf: RangeError, message: /"speed"/ });
  t.throws(wrong([-(2n ** 63n) - 1n]), { instanceOf: RangeError, message: /"speed"/ });
  t.throws(() => encodeMetadata({ '': 1 }), { instanceOf: RangeError });
  t.throws(() => encodeMetadata({ ['ö'.repeat(128)]: 1 }), { instanceOf: RangeError });
  t.notThrows(() => encodeMetadata({ ['ö'.repeat(127)]: 1 }));
  t.throws(() => float64('1' as unknown as number), { instanceOf: TypeError });
});

test('64 KiB fit, one byte more is TOO_LARGE', (t) => {
  const most = MAX_METADATA_BYTES - 4 - 8 - 1;
  t.is(encodeMetadata({ k: new Uint8Array(most) }).length, MAX_METADATA_BYTES);
  for (const value of [new Uint8Array(most + 1), 'x'.repeat(most + 1), Array<number>(MAX_METADATA_BYTES / 8).fill(1)]) {
    t.throws(() => encodeMetadata({ k: value }), { instanceOf: DoraError, code: 'TOO_LARGE' });
  }
  t.throws(() => encodeMetadata({ k: new Uint8Array(most), l: true }), { code: 'TOO_LARGE' });
});

test('a writer is used again after a failure', (t) => {
  const target = new Uint8Array(64);
  const writer = new MetadataWriter(target);
  t.throws(() => writer.write({ k: 'x'.repeat(64) }), { code: 'TOO_LARGE' });
  const size = writer.write({ k: true });
  t.deepEqual({ ...decodeMetadata(target.slice(0, size)) }, { k: true });
});
