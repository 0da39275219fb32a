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
import type { YamlNode, YamlTree } from '../../../lib/descriptor/yaml-tree.js';
import { mutate, randomFrom } from '../../helpers/mutate.js';
import { parse } from './helpers.js';

const folder = path.resolve('test/fixtures/descriptor');
const filesIn = (where: string): string[] =>
  readdirSync(where, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name) && !name.includes('node_modules'))
    .map((name) => readFileSync(path.join(where, name), 'utf8'));
const good = filesIn(path.join(folder, 'good'));
const files = [...filesIn(folder), ...filesIn('examples')];

/** Every form that is usual, with comments at every depth and indentations of every kind: what is damaged best. */
const wholes = [
  `# top
nodes:
  # a camera
  - id: camera   # trailing
    path: ./a.js
    # at the level of the keys
    outputs: [a, b]  # more
      # deeper

  # the next
  - id: b
    args: "x \\n \\u00e4 \\x41 y"
    build: |
      npm ci
      # no comment

      npm run build
    env: {A: 1, B: 0x1F, C: -1.5e3, D: .inf, E: ~, F: null, G: True, H: 0o17, I: +7, J: .nan, K: 1., L: -0}
    inputs:
      x: camera/a
      y:
        source: camera/b
        queue_size: 3
   # between
# end
`,
  `x-a: &a { path: x }
x-b: &b [1, 2,
   3]
x-c: &c
  k: v
  # loose
x-d: &d
- a
- b
# loose too
nodes:
- id: a
  <<: *a
  list: *b
  m: *c
  outputs:
  - a
  - b
  # c
  inputs:
- id: b
  'path': 'it''s'
  "q": ""
  args:
    - &z one
    - *z
    - - x
      - y
    -
      - k: v
        l: w
    -
    -
x-e: f
`,
  `a:
  b:
    c: 1
      # c deeper
     # five
    # four
   # three
  # two
 # one
# zero
d:
  - 1
   # three
  # two
 # one
e:
  - f: |-
      text
       more

    # loose
  - g: |
      t
   # three
h:
    i
j:
  "k" : l
  m : n
o: {p: , q, r: [ ], s: { }, t: [a, b, ], u: {v: w, }}
`,
  `---
# after the start
- a
- b: c
  d: e

- [x, {y: z}]
-    - deep
     - er
`,
  `a: [
  x, # c
  y

  ,
  z
]
b: {
  k: v,
  # c
  l: {m: n},
  o: [
    p
  ]
  }
c: 'x: y # z'
d: x:y #z
e: http://a.b/c?d=e
f: a#b
g: --flag
`,
];
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
  'a: >\n  b\n',
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

/** A tree as one text, with the places that are told; an alias is the number of the node that it stands for. */
function shown(text: string, { root, size }: YamlTree): string {
  const numbers = new Map<YamlNode, number>();
  const lines: string[] = [];
  const show = (node: YamlNode | null | undefined): void => {
    if (node === null || node === undefined) {
      lines.push('nothing');
      return;
    }
    numbers.set(node, numbers.size);
    const { kind, start, end } = node;
    lines.push(`${kind} ${start}-${start + text.slice(start, end).trimEnd().length}`);
    if (kind === 'map') for (const [index, key] of node.keys.entries()) [key, node.values[index]].forEach(show);
    else if (kind === 'list') node.items.forEach(show);
    else if (kind === 'alias') lines.push(`to ${String(node.target && numbers.get(node.target))}`);
    else if (kind === 'pair') [node.key, node.value].forEach(show);
    else {
      const value = Object.is(node.value, -0) ? '-0' : String(node.value);
      lines.push(`${typeof node.value} ${JSON.stringify([value, node.source, node.plain])}`);
    }
    lines.push('.');
  };
  show(root);
  return [`${size} parts`, ...lines].join('\n');
}
