/** Bytes to lines: line ends of every kind, cut characters, lines without end. */

import test from 'ava';
import { LineSplitter, MAX_LINE_BYTES } from '../../../lib/daemon/line-splitter.js';
import { LastLines } from '../../../lib/daemon/last-lines.js';

function split(...chunks: (string | Buffer)[]): string[] {
  const splitter = new LineSplitter();
  return [...chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk))), ...splitter.end()];
}

test('every kind of line end ends a line, and empty lines stay', (t) => {
  t.deepEqual(split('a\nb\r\nc\rd\n\ne'), ['a', 'b', 'c', 'd', '', 'e']);
  t.deepEqual(split('\r\n\n'), ['', '']);
});

test('a carriage return at the end of a chunk and its line feed in the next are one line end', (t) => {
  t.deepEqual(split('a\r', '\nb\r', 'c\r', '\r', '\nd'), ['a', 'b', 'c', '', 'd']);
});

test('a progress bar that begins with a carriage return makes no empty lines', (t) => {
  t.deepEqual(split('\r10%', '\r20%', '\r', '30%\n'), ['10%', '20%', '30%']);
});

test('every way to cut the same bytes gives the same lines', (t) => {
  const bytes = Buffer.from('ä\r\nß\rc\n\r\n日本\n\rx');
  const whole = split(bytes);
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const parts = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
      t.deepEqual(split(...parts), whole, `cut at ${first} and ${second}`);
    }
  }
});

test('bytes that are no UTF-8 become replacement characters and spoil nothing else', (t) => {
  t.deepEqual(split(Buffer.from([0x61, 0xff, 0xfe, 0x0a, 0x62, 0x0a])), ['a\ufffd\ufffd', 'b']);
});

test('a line beyond the limit is cut, says by how much, and is not kept', (t) => {
  const long = Buffer.alloc(MAX_LINE_BYTES, 'x');
  const [line, next] = split(long, long, 'y\nnext\n');
  t.is(line, `${'x'.repeat(MAX_LINE_BYTES)} … [line too long: ${MAX_LINE_BYTES + 1} more bytes not shown]`);
  t.is(next, 'next');
});

test('the last lines are the newest fifty, shortened', (t) => {
  const last = new LastLines();
  for (let n = 0; n < 1000; n++) last.add([`line ${n}`]);
  last.add(['z'.repeat(10_000)]);
  t.is(last.toArray().length, 50);
  t.is(last.toArray()[0], 'line 951');
  t.is(last.toArray().at(-1)?.length, 2002);
});
