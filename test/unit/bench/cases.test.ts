/**
 * The rows that the benchmark offers: their names, that each is measured and each peer exists, and which a selection takes.
 */
import test from 'ava';
import { isComparison, peersOf } from '../../../bench/results.js';
import { allCases, allRows, select } from '../../../bench/rows/cases.js';
import { prefixes } from '../../../bench/rows/row.js';

const names = allRows.map(({ name }) => name);

test('names are kebab-case, start with what is measured, and are unique', (t) => {
  for (const name of names) {
    t.regex(name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    t.true(
      prefixes.some((prefix) => name.startsWith(prefix)),
      name,
    );
  }
  t.is(new Set(names).size, names.length);
});

test('every peer and every source of a comparison is a row that something measures', (t) => {
  const measured = new Set(allRows.filter(({ from }) => from === undefined).map(({ name }) => name));
  for (const row of allRows) {
    for (const name of [...peersOf(row), ...(row.from === undefined ? [] : [row.from])])
      t.true(measured.has(name), name);
  }
});

test('a goal that is a ratio has a peer', (t) => {
  for (const { name, goal, peer } of allRows) {
    if (goal !== undefined && ('ratioAtMost' in goal || 'ratioAtLeast' in goal)) t.truthy(peer, name);
  }
});

test('a selection takes the rows asked for and what they are compared with, and nothing else', (t) => {
  const { rows, cases } = select('latency-ts-ts-8b-recv-sync-asleep', false);
  t.deepEqual(
    rows.map(({ name }) => name),
    ['latency-eventfd', 'latency-ts-ts-8b-recv-sync-asleep'],
  );
  t.is(cases.length, 2);
  t.deepEqual(select('nothing-starts-so', false).cases, []);
});

test('what is compared with a peer says so in its name, and only that', (t) => {
  for (const { name, from } of allRows) t.is(isComparison(name), from !== undefined, name);
});

test('without a prefix everything is taken; quickly only what needs no peer to be installed', (t) => {
  t.is(select('', false).cases.length, allCases.length);
  const quick = select('', true);
  t.true(quick.cases.length > 10 && quick.cases.length < allCases.length);
  for (const { peer } of quick.cases) t.true(peer === undefined || peer.effort === 'none');
  // A peer that is asked for through a comparison does not come in by the back door.
  t.false(quick.rows.some(({ name }) => name === 'latency-dora-rust-8b'));
});
