/**
 * The two readers of YAML make the same of every text: what the fast one takes, library-yaml.ts takes without a word, and the trees are equal.
 * The damage is seeded; a failure prints the seed and the text that replay it (DORA_TEST_SEED).
 */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { Reporter } from '../../../lib/descriptor/diagnostic.js';
import { readEventYaml } from '../../../lib/descriptor/event-yaml.js';
import { readLibraryYaml } from '../../../lib/descriptor/library-yaml.js';
import { SourceText } from '../../../lib/descriptor/source-text.js';
import type { YamlTree } from '../../../lib/descriptor/yaml-tree.js';
import { mutate, randomFrom } from '../../helpers/mutate.js';

const folder = path.resolve('test/fixtures/descriptor');
const good = readdirSync(path.join(folder, 'good')).map((name) =>
  readFileSync(path.join(folder, 'good', name), 'utf8'),
);

/** The tree of library-yaml.ts, and how many mistakes it has told. */
function slowly(text: string): { tree: YamlTree | undefined; mistakes: number } {
  const source = new SourceText(text);
  const reporter = new Reporter('a.yml', source.lineText);
  const tree = readLibraryYaml(source, reporter);
  return { tree, mistakes: reporter.finish().length };
}

const forms: Record<string, string> = {
  'lists of lists, null values, comments': '- - a\n  - b # c\n- x:\n  y: ~\n  # tail\n- [] \n',
  'brackets over lines at the root': '{\n  "a": [1, 0x1f, .5, 1e3, -.inf],\n  b, c: , # d\n  "e": {"f":"g"}\n}\n',
  'text in quotes and blocks': `a: "x\\n\\u00e4\\"" \nb: 'it''s'\nc: |\n  one\n\n    two\nd: |-\n  three\n\n\n`,
  'anchors and aliases': 'a: &x [b, &y c]\nd: *x\n&z e: {f: *y, g: *x}\n<<: *z\n',
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

const unusual = [
  'a: !x b',
  'a: >\n  b\n',
  '? a\n: b',
  'a: "b\n  c"',
  '- ',
  '%YAML 1.2\n---\na: b',
  'a:\tb',
  '...\na: b',
  'a',
  'a: *b',
];

test('what is unusual is left to the other reader', (t) => {
  for (const text of unusual) t.is(readEventYaml(text), undefined, text);
});

test('of 4,000 damaged files none is read otherwise', (t) => {
  const seed = Number(process.env['DORA_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const random = randomFrom(seed);
  let taken = 0;
  for (let index = 0; index < 4_000; index += 1) {
    const text = mutate(good[Math.floor(random() * good.length)] ?? '', random);
    const tree = readEventYaml(text);
    if (tree === undefined) continue;
    taken += 1;
    const slow = slowly(text);
    if (!isEqual(tree, slow.tree) || slow.mistakes > 0) {
      t.deepEqual({ tree, mistakes: 0 }, slow, `DORA_TEST_SEED=${seed}\n${text}`);
      return;
    }
  }
  t.true(taken > 400, `only ${taken} of the damaged files were taken: this compares nothing`);
});

/** By text, for trees with aliases are large. Infinity and NaN are none of it: the numbers that they are written as stand in `source`. */
function isEqual(left: YamlTree, right: YamlTree | undefined): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
