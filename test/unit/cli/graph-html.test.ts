/** `dora graph --html`: everything of a dataflow is in the drawing, and no name in it can become markup. */

import test from 'ava';
import { toHtml } from '../../../lib/cli/graph-html.js';
import { drawDataflow } from '../../../lib/cli/graph-layout.js';
import type { Dataflow } from '../../../lib/descriptor/index.js';
import { dataflowOf, project, readProject } from '../descriptor/helpers.js';

const robot = `nodes:
  - { id: camera, name: Camera, description: In front, path: camera.ts, args: --fps 30,
      inputs: { tick: dora/timer/millis/33, again: dora/timer/millis/33 }, outputs: [image] }
  - id: vision
    operators:
      - { id: edges, shared-library: l, inputs: { image: { source: camera/image, queue_size: 3, queue_policy: backpressure } }, outputs: [lines] }
      - { id: find, shared-library: l, inputs: { in: vision/edges/lines, own: vision/find/found }, outputs: [found] }
  - { id: screen, path: dynamic, inputs: { found: { source: vision/find/found, input_timeout: 2 } } }
`;

test('programs, operators in their runtime node, timers and nodes started by hand are boxes; each input is a line', (t) => {
  const { boxes, frames, lines, width, height } = drawDataflow(dataflowOf(robot));
  t.deepEqual(
    boxes.map(({ shape, lines: words }) => [shape, ...words]),
    [
      ['program', 'Camera', 'camera'],
      ['operator', 'edges'],
      ['operator', 'find'],
      ['dynamic', 'screen'],
      ['timer', 'every 33 ms'],
    ],
  );
  t.deepEqual(
    lines.map(({ waits, lines: words }) => [waits, ...words]),
    [
      [false, 'tick'],
      [false, 'again'],
      [true, 'image', 'queue 3, waits'],
      [false, 'lines → in'],
      [false, 'found → own'],
      [false, 'found'],
    ],
  );
  t.deepEqual(boxes[0]?.details, ['node camera', 'Camera', 'In front', 'runs camera.ts']);
  t.deepEqual(lines[2]?.details, [
    'camera/image → vision/edges/image',
    'queue of 3; when it is full, the sender waits',
  ]);
  t.true(lines[5]?.details.includes('closed after 2 s without a message'));
  for (const { x, y, ...box } of [...boxes, ...frames]) {
    t.true(x - box.width / 2 >= 0 && x + box.width / 2 <= width && y - box.height / 2 >= 0, JSON.stringify(box));
    t.true(y + box.height / 2 <= height);
  }
  const [frame] = frames;
  for (const { x, y, width: w, height: h } of boxes.slice(1, 3)) {
    t.true(Math.abs(x - frame!.x) + w / 2 < frame!.width / 2 && Math.abs(y - frame!.y) + h / 2 < frame!.height / 2);
  }
  // An operator that reads its own output: the line leaves and reaches its border.
  const [find, own] = [boxes[2]!, lines[4]!];
  for (const end of [own.points[0]!, own.points.at(-1)!]) {
    t.is(Math.abs(end.y - find.y), find.height / 2);
    t.true(Math.abs(end.x - find.x) < find.width / 2);
  }
  for (const { points } of lines) t.true(points.length >= 2 && points.every((p) => p.x >= 0 && p.y >= 0));
});

test('no two boxes lie on each other', (t) => {
  const { boxes } = drawDataflow(dataflowOf(robot));
  boxes.forEach((a, n) => {
    for (const b of boxes.slice(n + 1)) {
      const apart = Math.abs(a.x - b.x) >= (a.width + b.width) / 2 || Math.abs(a.y - b.y) >= (a.height + b.height) / 2;
      t.true(apart, `${a.lines.join()} and ${b.lines.join()}`);
    }
  });
});

test('a module is a frame around its nodes, also inside another', (t) => {
  const inner = 'module: { name: Gripper, inputs: [go] }\nnodes: [{ id: motor, path: m, inputs: { go: _mod/go } }]\n';
  const outer =
    'module: { name: Arm, inputs: [go] }\nnodes: [{ id: hand, module: inner.yml, inputs: { go: _mod/go } }]\n';
  const flow =
    'nodes:\n  - { id: a, path: a, outputs: [go] }\n  - { id: arm, module: arm.yml, inputs: { go: a/go } }\n';
  const { dataflow, diagnostics } = readProject(project(t, { 'inner.yml': inner, 'arm.yml': outer, 'flow.yml': flow }));
  t.deepEqual(diagnostics, []);
  const { frames, boxes } = drawDataflow(dataflow!);
  t.deepEqual(
    frames.map((frame) => [frame.shape, frame.title]),
    [
      ['module', 'arm: Arm'],
      ['module', 'arm.hand: Gripper'],
    ],
  );
  const motor = boxes.find((box) => box.lines.includes('arm.hand.motor'))!;
  for (const frame of frames) t.true(Math.abs(motor.x - frame.x) < frame.width / 2);
  t.true(frames[0]!.width > frames[1]!.width);
});

/** Everything in a dataflow that is free text; ids are put in by hand, since a checked file has none of these. */
function hostile(text: string): Dataflow {
  const dataflow = dataflowOf(robot);
  const nodes = dataflow.nodes.map((node) => ({
    ...node,
    name: text,
    description: text,
    ...(node.program === undefined ? {} : { program: { command: text, args: [text] } }),
    inputs: node.inputs.map((input) => ({ ...input, id: text })),
    ...(node.operators === undefined
      ? {}
      : { operators: node.operators.map((operator) => ({ ...operator, name: text, library: text })) }),
  }));
  return { ...dataflow, file: `/robot/${text.replaceAll('/', '')}`, nodes };
}

test('no name can become markup, whatever it holds', (t) => {
  // Elements and attributes are those of a harmless page: hostile words change text and nothing else.
  const markup = (html: string): string[] =>
    [...html.matchAll(/<\/?[a-z!][^>]*>/gi)].map(([tag]) => tag.replaceAll(/\b(\w+)="[-\d., MLQ]*"/g, '$1'));
  const expected = markup(toHtml(hostile('plain')));
  for (const attack of [
    '"><script>alert(1)</script>',
    '</title></svg><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    '-->]]><![CDATA[<b>',
    '</style><style>*{display:none}',
    '&lt;script&gt; &#60;b&#62;',
    '`${alert(1)}`',
    'a\nb\r\n<b>\u0000\u0085\u2028c',
    '\u202Eevil\u2066',
    '\uD800 lone',
  ]) {
    const html = toHtml(hostile(attack));
    t.deepEqual(markup(html), expected, attack);
    t.notRegex(html, /[\u0000-\u0009\u000B-\u001F\u0085\u2028\u202E\u2066]|<script|<img/, attack);
    t.notRegex(html, /\p{Cs}/u, attack);
  }
});

test('the page needs nothing else: no script, no address but the namespace, and a policy that forbids both', (t) => {
  const html = toHtml(dataflowOf(robot));
  t.deepEqual(html.match(/https?:[^"' ]*/g), ['http://www.w3.org/2000/svg']);
  t.notRegex(html, /<script|<link|<img|@import|url\((?!#)/i);
  t.regex(html, /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/);
  t.is(html, toHtml(dataflowOf(robot)));
  t.notRegex(html, /NaN|undefined|Infinity/);
});

test('addresses are drawn without the password in them, long words are cut, and their whole is in the details', (t) => {
  const long = 'x'.repeat(500);
  const { boxes } = drawDataflow(
    dataflowOf(`nodes: [{ id: a, name: ${long}, git: 'https://me:secret@example.org/r.git', path: a }]`),
  );
  const [box] = boxes;
  t.is(box?.lines[0], `${'x'.repeat(39)}…`);
  t.true(box!.width < 400 && box!.details.includes(long));
  t.true(box!.details.includes('from https://example.org/r.git'), box!.details.join());
});

test('a hundred nodes with two inputs each are laid out, and a node alone is', (t) => {
  const nodes = Array.from({ length: 100 }, (_, n) => {
    const inputs = n < 7 ? '' : `, inputs: { i: n${n - 5}/o, j: n${n - 7}/o }`;
    return `  - { id: n${n}, path: p, outputs: [o]${inputs} }\n`;
  });
  t.is(drawDataflow(dataflowOf(`nodes:\n${nodes.join('')}`)).boxes.length, 100);
  t.regex(toHtml(dataflowOf('nodes: [{ id: alone, path: p }]')), /1 node, 0 connections/);
});

const chain = (count: number, more: (index: number) => string = () => ''): string =>
  ['nodes:', ...Array.from({ length: count }, (_, i) => `  - { id: n${i}, path: x, outputs: [o]${more(i)} }`), ''].join(
    '\n',
  );

/** Boxes that are far apart in the file and connected: dagre would take half a minute, or overflow the stack. */
const large: Readonly<Record<string, string>> = {
  'lines over many columns': chain(400, (i) => (i < 200 ? '' : `, inputs: { a: n${i - 1}/o, b: n${i - 200}/o }`)),
  'a long chain': chain(3000, (i) => (i === 0 ? '' : `, inputs: { a: n${i - 1}/o }`)),
  'a circle': chain(1500, (i) => `, inputs: { a: n${(i + 1) % 1500}/o, own: n${i}/o }`),
  'many readers of one': chain(1000, (i) => (i === 0 ? '' : ', inputs: { a: n0/o, tick: dora/timer/secs/1 }')),
  'runtime nodes': `nodes:\n${Array.from(
    { length: 300 },
    (_, i) =>
      `  - { id: rt${i}, operators: [{ id: a, shared-library: x, outputs: [o], inputs: { i: rt${(i + 299) % 300}/b/o } }, { id: b, shared-library: x, outputs: [o], inputs: { i: rt${i}/a/o } }] }`,
  ).join('\n')}\n`,
};

for (const [title, text] of Object.entries(large)) {
  test(`what is too large for dagre is laid out in columns: ${title}`, (t) => {
    const dataflow = dataflowOf(text);
    const { boxes, frames, lines, isLarge, width, height } = drawDataflow(dataflow);
    t.true(isLarge);
    const taken = new Set<string>();
    for (const box of boxes) {
      t.true(box.x - box.width / 2 >= 0 && box.x + box.width / 2 <= width);
      t.true(box.y - box.height / 2 >= 0 && box.y + box.height / 2 <= height);
      taken.add(`${box.x} ${box.y}`);
    }
    t.is(taken.size, boxes.length, 'no box lies on another');
    frames.forEach((frame, index) => {
      for (const box of boxes.slice(2 * index, 2 * index + 2)) {
        t.true(Math.abs(box.x - frame.x) + box.width / 2 < frame.width / 2);
        t.true(Math.abs(box.y - frame.y) + box.height / 2 < frame.height / 2);
      }
    });
    const inputs = dataflow.nodes.flatMap((node) => (node.operators ?? [node]).flatMap((unit) => unit.inputs));
    t.is(lines.length, inputs.length);
    for (const { points, label } of lines) {
      for (const { x, y } of [...points, label]) t.true(Number.isFinite(x) && Number.isFinite(y) && y <= height);
    }
    t.regex(toHtml(dataflow), /laid out in plain columns/);
  });
}

test('an ordinary dataflow is laid out by dagre', (t) => {
  t.false(drawDataflow(dataflowOf(chain(100, (i) => (i === 0 ? '' : `, inputs: { a: n${i - 1}/o }`)))).isLarge);
});
