/**
 * A file that is read in parts is read as library-yaml.ts reads it whole: the same tree when there is nothing to say; mistakes when, and only when,
 * that one finds mistakes. The damage is seeded; a failure prints the seed and the text that replay it (DORA_TEST_SEED).
 */
import test from 'ava';
import { readLibraryYaml } from '../../../lib/descriptor/library-yaml.js';
import { readPartedYaml } from '../../../lib/descriptor/parted-yaml.js';
import { mutate, randomFrom } from '../../helpers/mutate.js';
import { parse } from './helpers.js';
import { readBy, shown, wholes } from './yaml-texts.js';

/** Each entry is a part, or two are, which are divided. */
const sizes = [
  { part: 1, small: 1 },
  { part: 120, small: 30 },
];

interface Shown {
  tree: string | undefined;
  messages: string[];
}

function read(text: string, by: Parameters<typeof readBy>[1]): Shown {
  const { tree, messages } = readBy(text, by);
  return { tree: tree && shown(text, tree), messages };
}

const whole = (text: string): Shown => read(text, readLibraryYaml);
const parted = (text: string, index = 0): Shown =>
  read(text, (source, reporter) => readPartedYaml(source, reporter, sizes[index]));

const head = 'x-a: &a { path: x }\nenv: { A: 1 }\n# above\nnodes: # the nodes\n';
const entry = (id: string, rest = ''): string => `  - id: ${id}\n    path: x # y\n${rest}`;
const tail = '# below\nx-t: &t\n  - a\n  - b\n';

const cases: Record<string, string> = {
  'nothing but nodes': `nodes:\n${entry('a')}${entry('b')}`,
  'head, tail and comments between': `${head}${entry('a')}\n# between\n${entry('b')}   # loose\n\n${tail}`,
  'entries without indentation': 'nodes:\n- id: a\n  inputs:\n  - x\n- id: b\n-\n  id: c\nx: y\n',
  'aliases of the head and of other entries': `${head}${entry('a', '    <<: *a\n    env: &e { B: 2 }\n')}${entry('b', '    env: *e\n')}`,
  'a name that is given twice': `nodes:\n${entry('a', '    env: &e { B: 2 }\n    x: *e\n')}${entry('b', '    env: &e { C: 2 }\n')}${entry('c', '    env: *e\n')}`,
  'a tag': `${head}${entry('a')}${entry('b', '    name: !x y\n')}${entry('c')}${tail}`,
  'text that is folded, lists over lines': `${head}${entry('a', '    build: >\n      a\n      b\n')}${entry('b', '    outputs: [\n      a,\n      b]\n')}${entry('c')}`,
  'a start of the document, lines of Windows': `---\r\n${(head + entry('a') + entry('b') + tail).replaceAll('\n', '\r\n')}`,
  'forms that are unusual, in one entry of several': `${head}${entry('a')}${entry('b', '    ? name\n    : x\n')}${entry('c', '    env: &e !x { A: 1 }\n')}${entry('d', '    env: *e\n    args: [a: b]\n')}${tail}`,
  'an alias above its anchor, in an entry that is unusual': `x: &e 1\nnodes:\n${entry('a', '    env: *e\n    ? x\n    : &e 2\n')}${entry('b', '    env: *e\n')}`,
  'brackets that close below their keys': `${head}${entry('a', '    outputs: [\n      a\n    ]\n')}${entry('b', '    outputs: [ # b\n      a # c\n    ] # d\n')}${tail}`,
  'anchors that are not there': `nodes:\n${entry('a', '    env: *e\n')}${entry('b', '    env: &e { A: *g }\n')}${entry('c', '    env: *e\n    name: *f\n')}`,
  'one mistake': `${head}${entry('a')}${entry('b', '    outputs: [a\n')}${entry('c')}${tail}`,
  'three mistakes': `${head}${entry('a', '    outputs [a]\n')}${entry('b', '    name: a: b\n')}${entry('c', '   x: y\n')}${entry('d')}${tail}`,
  'a mistake above': `x-a: { a\n${head.slice(6)}${entry('a')}`.replace('&a ', ''),
  'a line of a node without its indentation': `${head}${entry('a')}${entry('b', 'outputs: [b]\n')}${entry('c')}${entry('d')}${tail}`,
  'such a line within a node': `${head}${entry('a')}${entry('b', 'inputs:\n      x: a/b\n    outputs: [b]\n')}${entry('c')}${entry('d')}${tail}`,
  'an entry without its indentation': `${head}${entry('a')}${entry('b').replaceAll(/^ {2}/gm, '')}${entry('c')}${entry('d')}${tail}`,
  'a mistake below': `${head}${entry('a')}${tail}x: a: b\n`,
};

for (const [title, text] of Object.entries(cases)) {
  test(`read in parts as whole: ${title}`, (t) => {
    for (const index of [0, 1]) {
      const found = parted(text, index);
      t.truthy(found.tree, 'it was left to those who read it whole');
      const { messages } = whole(text);
      // What follows from a bracket that is never closed ends with the part.
      t.is(found.messages[0], messages[0]);
      t.deepEqual(found.messages, title === 'one mistake' ? messages.slice(0, 1) : messages);
      if (found.messages.every((message) => !message.includes('error'))) t.is(found.tree, whole(text).tree);
    }
  });
}

const wholly: Record<string, string> = {
  'no line "nodes:"': '{ nodes: [] }\n',
  'a list that is no list': 'nodes:\n  a: b\n',
  'a second document': `nodes:\n${entry('a')}---\nnodes:\n${entry('b')}`,
  'a text with a line that looks like an entry': `nodes:\n${entry('a', '    name: "x\n  - id: y\n  "\n')}${entry('b')}`,
};

for (const [title, text] of Object.entries(wholly)) {
  test(`read whole: ${title}`, (t) => {
    t.deepEqual(parted(text), { tree: undefined, messages: [] });
  });
}

test('of 6,000 damaged texts none is read otherwise in parts', (t) => {
  const seed = Number(process.env['DORA_TEST_SEED'] ?? 21);
  const random = randomFrom(seed);
  const texts = [...Object.values(cases), ...Object.values(wholly), ...wholes];
  const count = { taken: 0, wrong: 0 };
  for (let index = 0; index < 6_000; index += 1) {
    const text = mutate(texts[Math.floor(random() * texts.length)] ?? '', random);
    const found = parted(text, index % 2);
    if (found.tree === undefined) continue;
    count.taken += 1;
    const expected = whole(text);
    const isWrong = expected.messages.some((message) => message.includes('error'));
    if (isWrong) count.wrong += 1;
    const fine = isWrong
      ? found.messages.some((message) => message.includes('error'))
      : found.tree === expected.tree && found.messages.join() === expected.messages.join();
    if (!fine)
      t.fail(`DORA_TEST_SEED=${seed}: ${JSON.stringify(text)}\n${JSON.stringify(found)}\n${JSON.stringify(expected)}`);
  }
  t.true(count.taken - count.wrong > 600 && count.wrong > 600, `this compares too little: ${JSON.stringify(count)}`);
});

test('a large file with many mistakes is read up to some hundreds of them', (t) => {
  const text = `nodes:\n${Array.from({ length: 20_000 }, (_, i) => (i % 10 === 9 ? entry(`n${i}`, '    outputs [a]\n') : entry(`n${i}`))).join('')}`;
  const found = parse(text).diagnostics;
  t.is(found.filter(({ code }) => code === 'YAML_SYNTAX').length, 200);
  t.regex(found.at(-1)?.message ?? '', /^\d+ more errors are not shown, and the rest of the file is not read$/);
  t.is(found[0]?.line, 3 + 9 * 2 + 1);
});

test('a file with a thousand tags is read to its end: a warning is no mistake', (t) => {
  const tagged = (from: number, to: number): string =>
    Array.from({ length: 20_000 }, (_, i) =>
      entry(`n${i}`, i >= from && i < to && i % 2 === 0 ? '    name: !x y\n' : ''),
    ).join('');
  // In the first part, and spread over many.
  for (const [from, to] of [
    [0, 2_000],
    [2_000, 20_000],
  ] as const) {
    const { dataflow } = parse(`nodes:\n${tagged(from, to)}`);
    t.is(dataflow?.nodes.length, 20_000);
  }
});
