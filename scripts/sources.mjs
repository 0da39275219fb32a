// native/sources.txt, the one list of C++ sources that binding.gyp and CMakeLists.txt build.
//
//   node scripts/sources.mjs core node    prints the files of those sections (binding.gyp asks for them in this way)
//   node scripts/sources.mjs --has guard  prints 1 where the section has files, else 0
//   npm run sources                       (--write) rewrites the list from the folders native/<section>/
//
// A file that is listed but not there, and a section nobody knows, end the build with one sentence. A file that is there
// but not listed is only warned of here (somebody may be writing it); test/architecture.test.ts fails on it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, root } from './lib/run.mjs';

export const sections = ['core', 'node', 'broker', 'operator', 'addon', 'guard', 'launch'];
const listFile = path.join(root, 'native', 'sources.txt');

/** The list as { section: [files] }; `text` is what native/sources.txt holds. Throws an Error whose message says the line. */
export function parseSources(text) {
  const result = Object.fromEntries(sections.map((section) => [section, []]));
  let section;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/#.*/, '').trim();
    if (line === '') continue;
    const heading = /^\[(.*)\]$/.exec(line);
    if (heading !== null) section = heading[1];
    if (section === undefined || !sections.includes(section)) {
      throw new Error(
        `native/sources.txt:${index + 1}: "${line}" is not in a known section; the sections are ${sections.join(', ')}`,
      );
    }
    if (heading === null) result[section].push(line);
  }
  return result;
}

/** What is in the folders: { section: [files] }, sorted. */
export function findSources(folder = root) {
  const inSection = (section) => {
    const base = path.join(folder, 'native', section);
    if (!existsSync(base)) return [];
    return readdirSync(base, { recursive: true })
      .filter((file) => file.endsWith('.cc'))
      .map((file) => `native/${section}/${file}`)
      .sort();
  };
  return Object.fromEntries(sections.map((section) => [section, inSection(section)]));
}

const head = `# Every C++ source of the project, by part: binding.gyp (npm ci) and CMakeLists.txt (npm run build:cmake) both read this.
# One file a line under the section of its folder; after adding or removing a file run: npm run sources
`;

function formatSources(bySection) {
  return (
    head +
    sections.map((section) => `\n[${section}]\n${bySection[section].map((file) => `${file}\n`).join('')}`).join('')
  );
}

function main(args) {
  if (args[0] === '--write') {
    writeFileSync(listFile, formatSources(findSources()));
    return;
  }
  let listed;
  try {
    listed = parseSources(readFileSync(listFile, 'utf8'));
  } catch (error) {
    fail(error.message);
  }
  const has = args[0] === '--has';
  const wanted = has ? args.slice(1) : args;
  const unknown = wanted.find((section) => !sections.includes(section));
  if (unknown !== undefined)
    fail(`native/sources.txt has no section "${unknown}"; the sections are ${sections.join(', ')}`);
  const files = wanted.flatMap((section) => listed[section]);
  if (has) {
    process.stdout.write(files.length > 0 ? '1' : '0');
    return;
  }
  const missing = files.find((file) => !existsSync(path.join(root, file)));
  if (missing !== undefined) {
    fail(`native/sources.txt lists ${missing}, which is not there; if it was renamed or removed, run: npm run sources`);
  }
  const found = findSources();
  for (const file of wanted.flatMap((section) => found[section]).filter((name) => !files.includes(name))) {
    process.stderr.write(
      `warning: ${file} is not built, for native/sources.txt does not list it; run: npm run sources\n`,
    );
  }
  process.stdout.write(files.join('\n'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
