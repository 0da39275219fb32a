/**
 * TypeScript programs -> one plain JavaScript file each, before the node starts; no loader runs inside the node.
 *
 * esbuild bundles the program with the project's own files, so that relative imports, tsconfig paths and `.js`
 * spellings of `.ts` files work. Packages are not bundled: each import of one becomes the absolute URL to which it
 * resolves from the importing file, so the output may lie in a cache folder, and a package that keeps state (dora-ts
 * is one) exists once. `dora-ts` itself is always found, also where a project has not installed it. Sources see
 * their own `import.meta.url` and `process.argv[1]`; stack traces show the sources' lines.
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildFailure, Loader, Plugin, PluginBuild } from 'esbuild';
import { DoraError } from '../errors.js';
import { CompileCache, hashFile } from './compile-cache.js';
import { packageRoot } from '../native/package-root.js';
import { builtFile } from './own-package.js';

/** Raise when the way of compiling changes. */
const FORMAT = 1;
const SOURCE = /\.[cm]?tsx?$/;

/** Whether a program has to be compiled first. */
export function isTypeScript(file: string): boolean {
  return SOURCE.test(file);
}

/**
 * The JavaScript file to start for a TypeScript program.
 * @throws DoraError COMPILE_FAILED with the places of all mistakes
 */
export async function compileTypeScript(source: string, cache = new CompileCache()): Promise<string> {
  const key = cacheKey();
  const known = cache.find(source, key);
  if (known !== undefined) return known;
  const { build, formatMessages } = await import('esbuild');
  const imports = new Set<string>();
  const outfile = path.join(cache.entry(source), 'program.mjs');
  const result = await build({
    entryPoints: [source],
    outfile,
    write: false,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: `node${process.versions.node}`,
    sourcemap: 'linked',
    sourcesContent: true,
    metafile: true,
    logLevel: 'silent',
    absWorkingDir: path.dirname(source),
    define: metaDefines,
    banner: { js: `process.argv[1] = ${JSON.stringify(source)};` },
    plugins: [ownMetaPlugin(), packagesByUrlPlugin(imports)],
  }).catch(async (error: unknown) => {
    const { errors } = error as Partial<BuildFailure>;
    if (errors === undefined) throw error;
    const shown = await formatMessages(errors.slice(0, 5), { kind: 'error', color: false });
    const more = errors.length > 5 ? `and ${errors.length - 5} more` : '';
    throw new DoraError('COMPILE_FAILED', `${source} does not compile:\n${[...shown, more].join('\n').trim()}`, {
      hint: 'Mend the program; "npx tsc --noEmit" shows type errors as well.',
    });
  });
  const [code, map] = [findOutput(result.outputFiles, '.mjs'), findOutput(result.outputFiles, '.mjs.map')];
  const name = `${path.basename(source).replace(SOURCE, '')}-${createHash('sha256').update(code).digest('hex').slice(0, 12)}.mjs`;
  const linked = Buffer.from(
    Buffer.from(code)
      .toString('utf8')
      .replace(/program\.mjs\.map\s*$/, `${encodeURI(name)}.map\n`),
  );
  const sources = Object.keys(result.metafile.inputs).map((file) => path.resolve(path.dirname(source), file));
  const inputs = Object.fromEntries([...sources, ...settings(sources, imports)].map((file) => [file, hashFile(file)]));
  return cache.store(source, { key, output: name, inputs, imports: [...imports] }, linked, map);
}

function findOutput(files: readonly { path: string; contents: Uint8Array }[], end: string): Uint8Array {
  const found = files.find((file) => file.path.endsWith(end));
  if (found === undefined) throw new DoraError('INTERNAL', `esbuild wrote no ${end}`);
  return found.contents;
}

function cacheKey(): string {
  const { version } = createRequire(import.meta.url)('esbuild/package.json') as { version: string };
  return JSON.stringify([FORMAT, version, process.versions.node, packageRoot()]);
}

/** Files that are no sources but change the output: tsconfig.json and the package.json of each imported package. */
function settings(sources: readonly string[], imports: ReadonlySet<string>): string[] {
  const configs = sources.map((file) => nearest(path.dirname(file), 'tsconfig.json'));
  const packages = [...imports].map((file) => nearest(path.dirname(file), 'package.json'));
  return [...new Set([...configs, ...packages].filter((file) => file !== undefined))];
}

function nearest(folder: string, name: string): string | undefined {
  for (let at = folder; ; at = path.dirname(at)) {
    const file = path.join(at, name);
    if (existsSync(file)) return file;
    if (path.dirname(at) === at) return undefined;
  }
}

/** `import.meta.*` would name the output; each source gets constants of its own with these names instead. */
const metaNames = { url: '__doraMetaUrl', dirname: '__doraMetaDirname', filename: '__doraMetaFilename' };
const metaDefines = {
  'import.meta.url': metaNames.url,
  'import.meta.dirname': metaNames.dirname,
  'import.meta.filename': metaNames.filename,
};

function ownMetaPlugin(): Plugin {
  return {
    name: 'own-import-meta',
    setup(build: PluginBuild) {
      build.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, async ({ path: file }) => {
        const text = await readFile(file, 'utf8');
        if (!text.includes('import.meta')) return undefined;
        // On the first line, so that line numbers stay; after a #! line it is the second.
        const values = [pathToFileURL(file).href, path.dirname(file), file].map((value) => JSON.stringify(value));
        const head = `const ${metaNames.url} = ${values[0] ?? ''}, ${metaNames.dirname} = ${values[1] ?? ''}, ${metaNames.filename} = ${values[2] ?? ''}; `;
        const contents = text.startsWith('#!') ? text.replace('\n', `\n${head}`) : head + text;
        return { contents, loader: path.extname(file).replace(/^\.[cm]?/, '') as Loader };
      });
    },
  };
}

/** Marks an import that the plugin itself resolves. */
const asked = Symbol('asked');

/** Imports of packages -> absolute URLs; TypeScript files of linked workspaces are bundled, for Node.js cannot load them. */
function packagesByUrlPlugin(imports: Set<string>): Plugin {
  return {
    name: 'packages-by-url',
    setup(build: PluginBuild) {
      build.onResolve({ filter: /^[^./#]/ }, async (args) => {
        if (args.pluginData === asked || args.kind === 'entry-point') return undefined;
        if (args.path.startsWith('node:') || args.path.includes('://')) return { path: args.path, external: true };
        const { kind, importer, namespace, resolveDir } = args;
        const found = await build.resolve(args.path, { kind, importer, namespace, resolveDir, pluginData: asked });
        if (found.errors.length > 0) {
          const own = args.path === 'dora-ts' ? builtFile('index.js') : undefined;
          if (own === undefined || !existsSync(own)) return undefined;
          return external(own);
        }
        if (found.external) return { path: found.path, external: true };
        if (isTypeScript(found.path) || found.path.endsWith('.json') || found.namespace !== 'file') return found;
        // require() takes no URL.
        return kind === 'require-call' ? { path: found.path, external: true } : external(found.path);
      });
      const external = (file: string): { path: string; external: true } => {
        imports.add(file);
        return { path: pathToFileURL(file).href, external: true };
      };
    },
  };
}
