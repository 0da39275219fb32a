/** Members that come and go: what is there, and which places are given. */

import test from 'ava';
import { Places } from '../../../lib/node/places.js';

test('members are there until they are removed, and a free place is given next', (t) => {
  const places = new Places<{ name: string }>();
  const [a, b, c] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
  t.is(places.add(a), 0);
  t.is(places.add(b), 1);
  places.remove(a, 0);
  t.deepEqual(places.all(), [b]);
  t.is(places.add(c), 0);
  t.deepEqual(places.all(), [c, b]);
  t.is(places.add(a), 2);
});

test('who was removed before, and lost its place to another, removes nobody', (t) => {
  const places = new Places<{ name: string }>();
  const [a, b, c] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
  places.remove(a, places.add(a));
  const place = places.add(b);
  places.remove(a, place);
  t.deepEqual(places.all(), [b]);
  places.remove(b, place);
  places.remove(b, place);
  t.is(places.add(a), 0);
  t.is(places.add(c), 1);
});
