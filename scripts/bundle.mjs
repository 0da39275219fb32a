// Part of `npm run build:ts`: makes the package's JavaScript, a few files instead of two hundred; tsc makes its declarations.
//
// Each module that Node.js loads costs time and memory: a node that imports the library as one file is 5 MB smaller than with
// a file a module, and the command starts before it would have read all of them. Parts that are loaded when they are used stay apart.
// One build for all entry points, so that a class which two of them have (DoraError) is one class. No source maps: the lines are readable,
// and `--enable-source-maps`, which nodes run with, would read every map at every start. Licences of what is bundled go along,
// as they ask for.
import { build } from 'esbuild';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './lib/run.mjs';

const folder = path.join(root, 'dist');

/** What is imported or started by name: the exports of package.json, the command, the runtime node's program. */
const entries = ['index', 'descriptor/index', 'cli/main', 'operator/runtime'];

/** zod carries its messages in fifty languages; the command speaks one. */
const oneLanguage = {
  name: 'one-language',
  setup({ onLoad }) {
    onLoad({ filter: /zod[/\\]v4[/\\]locales[/\\]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

/**
 * Sizes and positions that both sides know are read dozens of times a message. Members of an enum become numbers in the code, those of an object
 * stay loads, which V8 cannot foresee either: a module's variables may change.
 */
const numbersInCode = {
  name: 'numbers-in-code',
  setup({ onLoad }) {
    onLoad({ filter: /lib[/\\]native[/\\]binding\.ts$/ }, ({ path: file }) => {
      const source = readFileSync(file, 'utf8');
      const members = (text) => text.replaceAll(/(?<=[ {]|^)(\w+): (?=\d)/gm, '$1 = ');
      const contents = source.replaceAll(
        /^export const (\w+) = \{([^{}]*)\} as const;/gm,
        (_, name, body) => `export enum ${name} {${members(body)}}`,
      );
      if (contents === source) throw new Error(`${file} has no constants any more`);
      return { contents, loader: 'ts' };
    });
  },
};

for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
  if (/\.js(\.map)?$/.test(name)) rmSync(path.join(folder, name));
}
const { metafile } = await build({
  entryPoints: Object.fromEntries(entries.map((entry) => [entry, path.join(root, 'lib', `${entry}.ts`)])),
  outdir: folder,
  chunkNames: 'bundle/[name]-[hash]',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.18',
  external: ['esbuild'],
  // The CommonJS packages among them ask for Node's own modules.
  banner: {
    js: "import { createRequire as __makeRequire } from 'node:module';\nconst require = __makeRequire(import.meta.url);",
  },
  plugins: [oneLanguage, numbersInCode],
  metafile: true,
  logLevel: 'warning',
});

const packages = new Set();
for (const input of Object.keys(metafile.inputs)) {
  const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
  if (match !== null) packages.add(path.resolve(match[1]));
}
const notices = [...packages].sort().map((location) => {
  const { name, version, license } = JSON.parse(readFileSync(path.join(location, 'package.json'), 'utf8'));
  const file = readdirSync(location).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? `Licence: ${license}` : readFileSync(path.join(location, file), 'utf8').trim();
  return `${name} ${version}\n\n${text}\n`;
});
writeFileSync(path.join(folder, 'THIRD-PARTY.txt'), notices.join(`\n${'-'.repeat(80)}\n\n`));
