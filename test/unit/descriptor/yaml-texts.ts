/** What the tests of the readers of YAML share: texts of every usual form, and trees as texts that can be compared. */
import { Reporter } from '../../../lib/descriptor/diagnostic.js';
import { SourceText } from '../../../lib/descriptor/source-text.js';
import type { YamlNode, YamlTree } from '../../../lib/descriptor/yaml-tree.js';

/** Every form that is usual, with comments at every depth and indentations of every kind: what is damaged best. */
export const wholes = [
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
  - g: >
      t

      u
        v
      w
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
p:
  - q:
    r: [
      s,
    ]
    t: {
     u: [
       v ],
     w: x
    }
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
  `a: !x b
c:
  - !y 5
  - !local-tag "d"
  - &e !f 'g'
  - !h &i j
  - !k [l, !m n]
o: !p
  q: !r |
    s
  t: !u { v: w }
x: [
  y,
  { z: [
    aa
  ]
  }
]
bb: {
    cc: dd
}
ee: !!str 5
`,
  `a: b
  c
  d:e

  f
g: "h
  i
  j

  k"
l:
  m: 'n

    o''p
    '
  q: 1
    2
r:
  - s
    t
  - u: v
     w
x: y # z
`,
];

/** What a reader makes of a text, and tells. */
export interface Found {
  tree: YamlTree | undefined;
  messages: string[];
}

export function readBy(text: string, by: (source: SourceText, reporter: Reporter) => YamlTree | undefined): Found {
  const source = new SourceText(text);
  const reporter = new Reporter('a.yml', source.lineText);
  const tree = by(source, reporter);
  const messages = reporter
    .finish()
    .map(({ line, column, severity, message }) => `${line}:${column} ${severity} ${message}`);
  return { tree, messages };
}

/** A tree as one text, with the places that are told; an alias is the number of the node that it stands for. */
export function shown(text: string, { root, size }: YamlTree): string {
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
