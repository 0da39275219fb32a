// Part of `npm run build:ts`: makes the command `dora` of a few files, so that it starts fast.
//
// tsc leaves one file a module; loading zod, yaml and ourselves from two hundred files takes longer than all that the command then does
// until the first message flows. esbuild puts them together, each command still loaded when it is used. Everything else in dist/ (what
// nodes import) stays as tsc wrote it. Licences of what is bundled go along, as they ask for.
import { build } from 'esbuild';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './lib/run.mjs';

const folder = path.join(root, 'dist', 'cli');

/** zod carries its messages in fifty languages; the command speaks one. */
const oneLanguage = {
  name: 'one-language',
  setup({ onLoad }) {
    onLoad({ filter: /zod[/\\]v4[/\\]locales[/\\]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

for (const name of readdirSync(folder)) if (/^bundle-/.test(name)) rmSync(path.join(folder, name));
const { metafile } = await build({
  entryPoints: { main: path.join(root, 'lib', 'cli', 'main.ts') },
  outdir: folder,
  chunkNames: 'bundle-[name]-[hash]',
  allowOverwrite: true,
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.18',
  sourcemap: true,
  sourcesContent: false,
  external: ['esbuild'],
  // The CommonJS packages among them ask for Node's own modules.
  banner: {
    js: "import { createRequire as __makeRequire } from 'node:module';\nconst require = __makeRequire(import.meta.url);",
  },
  plugins: [oneLanguage],
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
