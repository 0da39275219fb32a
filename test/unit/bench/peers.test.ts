/**
 * A peer that cannot be had is left out with a reason, and one that takes long to compile is not compiled unasked.
 */
import test from 'ava';
import { makeReady } from '../../../bench/peers/peer.js';
import type { Peer } from '../../../bench/peers/peer.js';
import { Assembler } from '../../../bench/peers/node/ends.js';

function peer(effort: Peer['effort'], install: () => Promise<void>): Peer & { here: boolean } {
  return {
    title: 'peer',
    effort,
    here: false,
    isHere() {
      return this.here;
    },
    install,
  };
}

test('a peer that is here needs nothing', async (t) => {
  const there = peer('install', () => Promise.reject(new Error('not asked for')));
  there.here = true;
  t.is(await makeReady(there, false, t.log), undefined);
});

test('one that can be installed is', async (t) => {
  const one = peer('install', async () => {
    one.here = true;
  });
  t.is(await makeReady(one, false, t.log), undefined);
});

test('one that fails to install is left out with why: how the installer ended, and its last words', async (t) => {
  const one = peer('install', () => Promise.reject(new Error('npm ended with 1\nmuch text\nno network\n')));
  t.is(await makeReady(one, false, t.log), 'npm ended with 1: no network');
  const silent = peer('install', () => Promise.reject(new Error('there is no python3')));
  t.is(await makeReady(silent, false, t.log), 'there is no python3');
});

test('one that takes a compiler is built only when asked to', async (t) => {
  let builds = 0;
  const one = peer('compile', async () => {
    builds++;
    one.here = true;
  });
  t.regex((await makeReady(one, false, t.log)) ?? '', /--install/);
  t.is(builds, 0);
  t.is(await makeReady(one, true, t.log), undefined);
  t.is(builds, 1);
});

test('messages are put together out of any pieces', (t) => {
  const bytes = Uint8Array.from({ length: 12 }, (_, index) => index);
  for (const length of [1, 3, 5, 12]) {
    const assembler = new Assembler(4);
    const found: number[][] = [];
    for (let at = 0; at < bytes.length; at += length) {
      for (const message of assembler.add(bytes.subarray(at, at + length))) found.push([...message]);
    }
    t.deepEqual(
      found,
      [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 10, 11],
      ],
      `pieces of ${length}`,
    );
  }
});
