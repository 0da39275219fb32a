/** The formats of `dora check`: counts, JSON, GitHub's escapes, and SARIF against the schema of the standard. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import addFormats from 'ajv-formats';
import Ajv from 'ajv-draft-04';
import test from 'ava';
import { formatGithub } from '../../../lib/cli/check-github.js';
import { formatJson, makeReport } from '../../../lib/cli/check-report.js';
import { formatSarif, makeSarif, readCodeWords } from '../../../lib/cli/check-sarif.js';
import { parseDataflow, readDataflow, type Diagnostic } from '../../../lib/descriptor/index.js';
import { root } from '../../helpers/source-tree.js';

const warning: Diagnostic = {
  ...{ file: 'a b/flow.yml', line: 3, column: 5, endLine: 3, endColumn: 9, path: 'nodes[0].id', code: 'UNREAD_OUTPUT' },
  severity: 'warning',
  message: 'nobody reads it',
};
const error: Diagnostic = { ...warning, severity: 'error', code: 'YAML_SYNTAX', hint: 'mend it', endLine: 4 };
const manyMistakes = path.join(root, 'test/fixtures/descriptor/bad/many-mistakes.yml');

// Both packages are CommonJS with a `default` of their own; how it is imported depends on the loader.
const schemaOf = (): ((value: unknown) => unknown) => {
  const validator = new Ajv.default({ strict: false, allErrors: true });
  addFormats.default(validator);
  const text = readFileSync(path.join(root, 'test/fixtures/sarif/sarif-schema-2.1.0.json'), 'utf8');
  const validate = validator.compile(JSON.parse(text) as object);
  return (value) => (validate(value) ? [] : validate.errors);
};

test('a file with warnings only is in order, unless warnings fail', (t) => {
  const results = [{ file: 'a', kind: 'dataflow', diagnostics: [warning] } as const];
  t.true(makeReport(results, false).ok);
  const strict = makeReport([...results, { file: 'b', kind: 'unknown', diagnostics: [error, warning] }], true);
  t.false(strict.ok);
  t.deepEqual(strict.counts, { files: 2, ok: 0, errors: 1, warnings: 2 });
  t.deepEqual(makeReport(strict.files, false).counts, { files: 2, ok: 1, errors: 1, warnings: 2 });
});

test('the JSON form has a name, a version, and exactly the fields that docs/cli.md lists', (t) => {
  const json = JSON.parse(
    formatJson(makeReport([{ file: 'f', kind: 'dataflow', diagnostics: [error] }], false)),
  ) as object;
  t.deepEqual(json, {
    format: 'dora-check',
    version: 1,
    ok: false,
    counts: { files: 1, ok: 0, errors: 1, warnings: 0 },
    files: [{ file: 'f', kind: 'dataflow', ok: false, errors: 1, warnings: 0, diagnostics: [error] }],
  });
  const page = readFileSync(path.join(root, 'docs/cli.md'), 'utf8');
  const real = readDataflow(manyMistakes).diagnostics;
  const fields = new Set([...Object.keys(json), ...real.flatMap((diagnostic) => Object.keys(diagnostic))]);
  for (const field of fields) t.regex(page, new RegExp(`\`${field}\``), field);
});

test('GitHub commands escape what would end them', (t) => {
  const hostile: Diagnostic = { ...warning, file: 'a,b:c%.yml', message: '100%\r\n::error::no' };
  t.is(
    formatGithub([hostile], process.cwd()),
    '::warning file=a%2Cb%3Ac%25.yml,line=3,endLine=3,col=5,endColumn=9,title=UNREAD_OUTPUT::100%25%0D%0A::error::no',
  );
});

test('GitHub gets a path from the root of the repository, and no columns over several lines', (t) => {
  const line = formatGithub([error], path.dirname(process.cwd()));
  const folder = path.basename(process.cwd());
  t.is(line, `::error file=${folder}/a b/flow.yml,line=3,endLine=4,title=YAML_SYNTAX::nobody reads it%0Amend it`);
});

test('SARIF keeps to the schema of the standard, with everything that goes wrong in a file', (t) => {
  const validate = schemaOf();
  const { diagnostics } = readDataflow(manyMistakes);
  t.true(diagnostics.length > 10);
  const found = [...diagnostics, error, warning];
  t.deepEqual(validate(JSON.parse(formatSarif(found, root))), []);
  t.deepEqual(validate(makeSarif([], root)), []);
  // The schema is seen to refuse.
  t.notDeepEqual(validate({ ...makeSarif([], root), version: '2.0.0' }), []);
});

test('SARIF regions are those of the diagnostics, and rules carry the words of docs/errors.md', (t) => {
  const { diagnostics } = parseDataflow('nodes:\n  - id: "äß"\n    pth: x\n', 'sub folder/f.yml');
  const [run] = makeSarif(diagnostics, process.cwd()).runs;
  t.is(run?.results?.length, diagnostics.length);
  for (const [index, diagnostic] of diagnostics.entries()) {
    const result = run?.results?.[index];
    const { line, column, endLine, endColumn } = diagnostic;
    const place = result?.locations?.[0]?.physicalLocation;
    t.deepEqual(place?.region, { startLine: line, startColumn: column, endLine, endColumn });
    t.deepEqual(place?.artifactLocation, { uri: 'sub%20folder/f.yml', uriBaseId: '%SRCROOT%' });
    const rule = run?.tool.driver.rules?.[result?.ruleIndex ?? -1];
    t.is(rule?.id, diagnostic.code);
    t.truthy(rule?.shortDescription?.text);
    t.regex(rule?.helpUri ?? '', /^file:.*docs\/errors\.md$/);
  }
  const outside = makeSarif([{ ...error, file: '/elsewhere/ü.yml' }], process.cwd());
  const [result] = outside.runs[0]?.results ?? [];
  t.deepEqual(result?.locations?.[0]?.physicalLocation?.artifactLocation, { uri: 'file:///elsewhere/%C3%BC.yml' });
});

test('every row of docs/errors.md is read, with both of its texts', (t) => {
  const page = readFileSync(path.join(root, 'docs/errors.md'), 'utf8');
  const words = readCodeWords(page);
  t.is(words.size, page.split('\n').filter((line) => /^\| [A-Z]/.test(line)).length);
  for (const [code, { meaning, todo }] of words) t.true(meaning.length > 5 && todo.length > 5, code);
  t.deepEqual(readCodeWords('| A_B | a \\| b | c |\n').get('A_B'), { meaning: 'a | b', todo: 'c' });
});
