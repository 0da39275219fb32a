/**
 * The two readers of YAML make the same of every text: what the fast one takes, library-yaml.ts takes without a word, and the trees are equal.
 * The damage is seeded; a failure prints the seed and the text that replay it (DORA_TEST_SEED).
 */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { readEventYaml } from '../../../lib/descriptor/event-yaml.js';
import { mutate, randomFrom } from '../../helpers/mutate.js';
import { parse } from './helpers.js';
import { shown, slowly, wholes } from './yaml-texts.js';

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
  'anchors and aliases': 'a: &x [b, &y c]\nd: *x\n&z e: {f: *y, g: *x}\n<<: *z\n',
  'nothing but comments': '\n# c\n  \n',
  'a start of the document, lines of Windows': '# c\r\n---\r\na: b\r\nc:\r\n  - d\r\n',
};

for (const [title, text] of Object.entries(forms)) {
  test(`taken: ${title}`, (t) => {
    const tree = readEventYaml(text);
    t.truthy(tree);
    t.deepEqual({ tree, mistakes: 0 }, slowly(text));
  });
}

test('every good file is taken, and read alike', (t) => {
  for (const text of good) {
    const tree = readEventYaml(text);
    t.truthy(tree, text);
    t.deepEqual({ tree, mistakes: 0 }, slowly(text), text);
  }
});

test('files and whole forms are read alike', (t) => {
  for (const text of [...files, ...wholes]) t.is(difference(text), undefined, text);
});

const unusual = [
  'a: !x b',
  'a: >2\n  b\n',
  '? a\n: b',
  'a: "b\n  c"',
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

/** Undefined when the fast reader gives up, or makes what library-yaml.ts makes without a word; else what is wrong. */
function difference(text: string): string | undefined {
  const fast = readEventYaml(text);
  if (fast === undefined) return undefined;
  const { tree, mistakes } = slowly(text);
  if (tree === undefined || mistakes > 0) return 'it has to be left to library-yaml.ts, which finds mistakes';
  const [one, other] = [shown(text, fast), shown(text, tree)];
  return one === other ? undefined : `${one}\n--- library-yaml.ts:\n${other}`;
}
