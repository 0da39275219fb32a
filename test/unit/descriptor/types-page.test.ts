/** docs/types.md says what the library has, and its examples are right. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { parseDataflow, toTypeScript } from '../../../lib/descriptor/index.js';
import { patternMetadata } from '../../../lib/descriptor/contracts.js';
import { arrowPrimitives } from '../../../lib/descriptor/types/definition.js';
import { TypeLibrary } from '../../../lib/descriptor/types/type-library.js';
import { standardTypes } from '../../../lib/descriptor/types/standard.js';
import { typecheck } from '../../helpers/typecheck.js';
import { standardTypeTables, wideningPairs } from '../../helpers/types-page.js';
import { codes, parse } from './helpers.js';

const page = readFileSync('docs/types.md', 'utf8');
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map((match) => match[1]!);

test('the page lists every standard type with its fields and parameters', (t) => {
  t.is(page.slice(page.indexOf('### std/core/v1')), standardTypeTables());
});

test('fields of standard types exist', (t) => {
  const library = new TypeLibrary();
  for (const { name, fields } of standardTypes())
    for (const field of fields) t.true('kind' in library.fieldType(field.type), `${name}.${field.name}`);
});

test('the page has the chains of widenings, and each step of them is one', (t) => {
  const line = /numbers widen: (.*);/.exec(page)![1]!;
  const steps = line.split(', ').flatMap((chain) => {
    const names = chain.replaceAll('`', '').split(' → ');
    return names.slice(1).map((name, index) => `${names[index]} ${name}`);
  });
  const pairs = wideningPairs();
  for (const step of steps)
    t.true(
      pairs.some(([from, to]) => `${from} ${to}` === step),
      step,
    );
  const named = new Set(steps.flatMap((step) => step.split(' ')));
  t.deepEqual([...new Set(pairs.flat())].sort(), [...named].sort());
});

test('the page has the keys of each pattern, and the words for layouts', (t) => {
  for (const [pattern, keys] of Object.entries(patternMetadata)) {
    const row = page.split('\n').find((line) => line.startsWith('| `') && line.includes(`\`${pattern}\``))!;
    t.deepEqual(
      [...row.split('|')[2]!.matchAll(/`(\w+)`/g)].map(([, key]) => key),
      keys,
      pattern,
    );
  }
  for (const word of arrowPrimitives) t.true(page.includes(`\`${word}\``), word);
});

test('the example is right, and so is the program beside it', (t) => {
  const [example] = blocks('yaml');
  const { dataflow, diagnostics } = parse(example!, { purpose: 'run' });
  t.deepEqual(codes(diagnostics), []);
  const planner = dataflow!.nodes.find(({ id }) => id === 'planner')!;
  t.is(planner.inputs[0]!.type!.name, 'std/vision/v1/Detection');
  const [program] = blocks('ts');
  const files = {
    'dora-types.ts': toTypeScript(dataflow!),
    'detector.ts': program!.replace('const pixels = event.data', 'void event.data'),
  };
  t.deepEqual(typecheck(files), { 'dora-types.ts': [], 'detector.ts': [] });
});

test('the example of a file of types is right', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dora-types-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  mkdirSync(path.join(folder, 'types', 'robot', 'arm'), { recursive: true });
  writeFileSync(
    path.join(folder, 'types', 'robot', 'arm', 'v1.yml'),
    blocks('yaml').find((text) => text.startsWith('types:'))!,
  );
  const text =
    'nodes: [{ id: a, path: x, outputs: [o], output_retain: { o: 1 }, output_types: { o: "robot/arm/v1/Limits[unit=deg]" } }]';
  const { diagnostics, dataflow } = parseDataflow(text, path.join(folder, 'dataflow.yml'), { files: 'ignore' });
  t.deepEqual(codes(diagnostics), []);
  t.regex(toTypeScript(dataflow!), /home: Pose \| null;/);
});
