/**
 * The two readers of YAML make the same of every text: what the fast one takes, library-yaml.ts takes without a word, and the trees are equal.
 * The damage is seeded; a failure prints the seed and the text that replay it (DORA_TEST_SEED).
 */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { readEventYaml } from '../../../lib/descriptor/event-yaml.js';
import { readLibraryYaml, reportUnknownTags } from '../../../lib/descriptor/library-yaml.js';
import { mutate, randomFrom } from '../../helpers/mutate.js';
import { parse } from './helpers.js';
import { readBy, shown, wholes, type Found } from './yaml-texts.js';

const folder = path.resolve('test/fixtures/descriptor');
const filesIn = (where: string): string[] =>
  readdirSync(where, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name) && !name.includes('node_modules'))
    .map((name) => readFileSync(path.join(where, name), 'utf8'));
const good = filesIn(path.join(folder, 'good'));
const files = [...filesIn(folder), ...filesIn('examples')];

const forms: Record<string, string> = {
  'lists of lists, null values, comments': '- - a\n  - b # c\n- x:\n  y: ~\n  # tail\n- [] \n',
  'brackets over lines at the root': '{\n  "a": [1, 0x1f, .5, 1e3, -.inf],\n  b, c: , # d\n  "e": {"f":"g"}\n}\n',
  'text in quotes and blocks': `a: "x\\n\\u00e4\\"" \nb: 'it''s'\nc: |\n  one\n\n    two\nd: |-\n  three\n\n\ne: >\n  a\n  b\n\n    c\n   d\n\n\n  e\nf: >-\n  g\nh: >+\n  i\n\n`,
  tags: 'a: !x b\nc: !y 5\nd: !z\n  - !a-b "e"\n  - !c {f: !g h}\ni: &j !k l\n',
  'text over lines': 'a: b\n  c\n\n  d\ne:\n  f: "g\n    h\n\n    i"\n',
  'brackets that close below their keys': 'a: [\n  b\n]\nc:\n  d: {\n    e: [\n      f,\n    ],\n  }\n',
  'anchors and aliases': 'a: &x [b, &y c]\nd: *x\n&z e: {f: *y, g: *x}\n<<: *z\n',
  'nothing but comments': '\n# c\n  \n',
  'a start of the document, lines of Windows': '# c\r\n---\r\na: b\r\nc:\r\n  - d\r\n',
};

for (const [title, text] of Object.entries(forms)) {
  test(`taken: ${title}`, (t) => {
    const found = quickly(text);
    t.truthy(found.tree);
    t.deepEqual(found, slowly(text));
  });
}

test('every good file is taken, and read alike', (t) => {
  for (const text of good) {
    const found = quickly(text);
    t.truthy(found.tree, text);
    t.deepEqual(found, slowly(text), text);
  }
});

test('files and whole forms are read alike', (t) => {
  for (const text of [...files, ...wholes]) t.is(difference(text), undefined, text);
});

const unusual = [
  'a: !!int b',
  'a: !<x> b',
  'a: !x',
  '!x a: b',
  'a: >2\n  b\n',
  '? a\n: b',
  'a: "b\nc"',
  'a: "b\\\n\n  c"',
  '- a\n  b',
  'a:\n  b: [\n  c\n  ]',
  'a: |\n  b\n ]',
  '- ',
  '%YAML 1.2\n---\na: b',
  'a:\tb',
  '...\na: b',
  'a',
  'a: *b',
  'a: &b c: d',
  '  ---\n- a',
];

test('what is unusual is left to the other reader', (t) => {
  for (const text of unusual) t.is(readEventYaml(text), undefined, text);
});

test('of 8,000 damaged texts none is read otherwise', (t) => {
  const seed = Number(process.env['DORA_TEST_SEED'] ?? 20);
  const random = randomFrom(seed);
  const texts = [...files, ...wholes];
  let taken = 0;
  for (let index = 0; index < 8_000; index += 1) {
    const lines = (texts[Math.floor(random() * texts.length)] ?? '').split('\n');
    const from = Math.floor(random() * lines.length);
    // Some lines of a text are in order more often than all of them.
    const part = random() < 0.5 ? lines : lines.slice(from, from + 1 + Math.floor(random() * 30));
    const text = mutate(part.join('\n'), random);
    const found = difference(text);
    if (found !== undefined) t.fail(`DORA_TEST_SEED=${seed}: ${JSON.stringify(text)}\n${found}`);
    if (readEventYaml(text) !== undefined) taken += 1;
  }
  t.true(taken > 800, `only ${taken} of the damaged texts were taken: this compares nothing`);
});

test('a file that is large by comments alone is answered like the small one', (t) => {
  const line = '\n# a line of the padding, which nobody reads, and which is here to make the file large';
  for (const text of [...files, ...wholes]) {
    const [small, large] = [parse(text + line), parse(text + line.repeat(1_000))];
    t.deepEqual(large.diagnostics, small.diagnostics, text);
    t.deepEqual(large.dataflow, small.dataflow, text);
  }
});

const slowly = (text: string): Found => readBy(text, readLibraryYaml);

function quickly(text: string): Found {
  return readBy(text, (source, reporter) => {
    const reading = readEventYaml(text);
    if (reading === undefined) return undefined;
    reportUnknownTags(reading.unknownTags, source, reporter);
    return { root: reading.root, size: reading.size };
  });
}

/** Undefined when the fast reader gives up, or makes what library-yaml.ts makes and says no more than that; else what is wrong. */
function difference(text: string): string | undefined {
  const [fast, slow] = [quickly(text), slowly(text)].map(
    ({ tree, messages }) => tree && [...messages, shown(text, tree)].join('\n'),
  );
  return fast === undefined || fast === slow ? undefined : `${fast}\n--- library-yaml.ts:\n${slow}`;
}
