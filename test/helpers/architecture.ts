/**
 * The rules of CONTRIBUTING.md that can be read off the source: arrows between folders, who may include what, file heads.
 *
 * Each rule is a pure function from files to findings. The layers are the one place where the arrows are written down as
 * code; CONTRIBUTING.md has them in words, and the two change together.
 */
import path from 'node:path';
import ts from 'typescript';
import type { Findings, SourceFile } from './source-tree.js';

/**
 * TypeScript's layers, highest first. A folder may import itself and what lies in a lower layer, never a neighbour of its own
 * layer. Files directly in lib/ but errors.ts are the package's faces and may import everything.
 */
const tsLayers: readonly (readonly string[])[] = [
  ['cli', 'dashboard'],
  ['coordinator', 'daemon'],
  ['node', 'operator'],
  ['transport'],
  ['descriptor', 'native'],
  ['message'],
  ['errors'],
];

/** Native layers, highest first, with the same rule. */
const nativeLayers: readonly (readonly string[])[] = [
  ['addon'],
  ['broker', 'operator'],
  ['node', 'guard', 'launch'],
  ['core'],
];

/** Public headers that a part may include beside types.h. */
const publicHeaders: Readonly<Record<string, readonly string[]>> = {
  addon: ['node.h', 'operator.h'],
  operator: ['node.h', 'operator.h'],
  broker: ['bridge.h'],
  node: ['node.h'],
  guard: [],
  launch: [],
  core: [],
};

/** What the glue may take from core/: values and words. Memory is reached through node/, broker/ and operator/. */
const coreForAddon = new Set(['core/status.h', 'core/fd.h']);

const nodeHeaders = /^(napi\.h|node_api\.h|js_native_api\.h|uv\.h|v8\.h|node\.h|node_buffer\.h)$/;

function layerOf(layers: readonly (readonly string[])[], folder: string): number {
  return layers.findIndex((layer) => layer.includes(folder));
}

/** Why `from` may not use `to`, or undefined. */
function forbiddenArrow(layers: readonly (readonly string[])[], from: string, to: string): string | undefined {
  if (from === to) return undefined;
  const [above, below] = [layerOf(layers, from), layerOf(layers, to)];
  if (below === -1) return `"${to}" is in no layer`;
  if (above === -1) return `"${from}" is in no layer`;
  return below > above ? undefined : `${from} -> ${to} points ${below === above ? 'sideways' : 'up'}`;
}

/** The part of lib/ that a file belongs to: its folder, `errors`, or '' for a face of the package. */
function tsPart(file: string): string {
  const [, first = '', ...rest] = file.split('/');
  if (rest.length > 0) return first;
  return first === 'errors.ts' ? 'errors' : '';
}

/** Every module a TypeScript file imports, exports from, or loads by import() or require(). */
export function importsOf(file: SourceFile): string[] {
  return ts.preProcessFile(file.text, true, true).importedFiles.map((imported) => imported.fileName);
}

function libTarget(file: SourceFile, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const target = path.posix.join(path.posix.dirname(file.path), specifier);
  return target.startsWith('lib/') ? target.replace(/\.js$/, '.ts') : undefined;
}

/** Arrows between the folders of lib/ point down; only `dora run` knows both coordinator and daemon. */
export function checkTypeScriptArrows(files: readonly SourceFile[]): Findings {
  return files.flatMap((file) => {
    const from = tsPart(file.path);
    const targets = importsOf(file).flatMap((specifier) => libTarget(file, specifier) ?? []);
    const parts = new Set(targets.map(tsPart));
    const findings: Findings = [];
    for (const to of parts) {
      const why =
        from === ''
          ? undefined
          : to === ''
            ? `${from} imports a face of the package`
            : forbiddenArrow(tsLayers, from, to);
      if (why !== undefined) findings.push(`${file.path}: ${why}`);
    }
    const isRun = from === '' || /^lib\/cli\/(.*\/)?run(\/|[-.])/.test(file.path);
    if (parts.has('coordinator') && parts.has('daemon') && !isRun) {
      findings.push(`${file.path}: only \`dora run\` imports both coordinator and daemon`);
    }
    return findings;
  });
}

/** message/ does no I/O, descriptor/ starts nothing, and only native/load.ts finds the addon. */
export function checkTypeScriptPowers(files: readonly SourceFile[]): Findings {
  const forbidden: Readonly<Record<string, RegExp>> = {
    message: /^(node:)?(fs|net|http|https|child_process|worker_threads|dgram|tls|cluster)(\/|$)/,
    descriptor: /^(node:)?(net|http|https|child_process|worker_threads|dgram|tls|cluster)(\/|$)/,
  };
  return files.flatMap((file) => {
    const part = tsPart(file.path);
    const findings = importsOf(file)
      .filter((specifier) => forbidden[part]?.test(specifier) === true)
      .map((specifier) => `${file.path}: ${part} may not import ${specifier}`);
    if (file.path !== 'lib/native/load.ts' && /\bdlopen\(|\.node['"`]/.test(file.text)) {
      findings.push(`${file.path}: only lib/native/load.ts finds the addon`);
    }
    return findings;
  });
}

/** C and C++ text without comments. String literals stay. */
function withoutComments(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|("(?:\\.|[^"\\\n])*")/g,
    (_, literal: string | undefined) => literal ?? ' ',
  );
}

interface Include {
  readonly name: string;
  readonly quoted: boolean;
}

export function includesOf(file: SourceFile): Include[] {
  return [...withoutComments(file.text).matchAll(/^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]/gm)].map((match) => ({
    quoted: match[1] === '"',
    name: match[2] ?? '',
  }));
}

function nativeIncludeFinding(file: SourceFile, part: string, { name, quoted }: Include): string | undefined {
  if (nodeHeaders.test(name) && !(name === 'node.h' && quoted)) {
    return part === 'addon' ? undefined : `${name} belongs to Node.js, which only addon/ knows`;
  }
  if (!quoted) return undefined;
  const [first = '', ...rest] = name.split('/');
  if (rest.length === 0) return `"${name}" does not name its folder: write "${part}/${name}"`;
  if (first === 'dora') {
    const header = rest.join('/');
    return header === 'types.h' || publicHeaders[part]?.includes(header) === true
      ? undefined
      : `${part} may not include dora/${header}`;
  }
  if (part === 'addon' && first === 'core' && !coreForAddon.has(name)) {
    return `${name} is reached through node/, broker/ or operator/, not from the glue`;
  }
  return forbiddenArrow(nativeLayers, part, first);
}

/** `addon -> broker, operator -> node -> core -> OS`; nothing but addon/ knows Node.js. */
export function checkNativeIncludes(files: readonly SourceFile[]): Findings {
  return files.flatMap((file) => {
    const part = file.path.split('/')[1] ?? '';
    // Public headers stand alone: they may include each other and nothing else of ours.
    if (part === 'include') {
      return includesOf(file)
        .filter((include) => include.quoted && !include.name.startsWith('dora/'))
        .map((include) => `${file.path}: a public header may not include ${include.name}`);
    }
    return includesOf(file).flatMap((include) => {
      const why = nativeIncludeFinding(file, part, include);
      return why === undefined ? [] : [`${file.path}: ${why}`];
    });
  });
}

/** addon/ is glue: whatever orders or maps shared memory belongs below it. */
export function checkAddonIsGlue(files: readonly SourceFile[]): Findings {
  const ringCode =
    /\b(atomic_ref|atomic_thread_fence|memory_order\w*|__atomic_\w+|__sync_\w+|mmap|munmap|memfd_create|ftruncate|eventfd_write)\b/;
  return files
    .filter((file) => file.path.startsWith('native/addon/'))
    .flatMap((file) => {
      const found = ringCode.exec(withoutComments(file.text));
      return found === null ? [] : [`${file.path}: ${found[0]} in the glue; it belongs into core/ or node/`];
    });
}

/** Lines of prose in the comment that opens a file; 0 where it opens with code. */
export function headLines(file: SourceFile): number {
  const text = file.text.replace(/^#!.*\n/, '').trimStart();
  const block = /^\/\*([\s\S]*?)\*\//.exec(text);
  const comment = block?.[1]?.split('\n') ?? /^(?:\/\/.*\n?)+/.exec(text)?.[0].split('\n') ?? [];
  return comment.filter((line) => /\w/.test(line)).length;
}

/**
 * Every source file says at its head what it is for. In lib/ and native/ that takes three to twenty lines; a .cc file beside
 * its header may be short, for the header says it; so may tests, scripts and examples.
 */
export function checkHeads(files: readonly SourceFile[]): Findings {
  const paths = new Set(files.map((file) => file.path));
  return files.flatMap((file) => {
    const hasHeader = file.path.endsWith('.cc') && paths.has(file.path.replace(/\.cc$/, '.h'));
    const least = /^(lib|native)\//.test(file.path) && !hasHeader ? 3 : 1;
    const lines = headLines(file);
    if (lines >= least && lines <= 24) return [];
    return [
      `${file.path}: its head comment has ${lines} lines; ${least === 3 ? 'three to twenty are asked for' : 'one to twenty'}`,
    ];
  });
}

/** A test that does not run proves nothing. */
export function checkNothingSkipped(files: readonly SourceFile[]): Findings {
  const skipped = /\b(?:test|it)(?:\.serial)?\.(?:skip|todo|only|failing)\b|\bdoctest::(?:skip|may_fail|should_fail)\b/;
  return files.flatMap((file) => {
    const found = skipped.exec(file.text);
    return found === null ? [] : [`${file.path}: ${found[0]}`];
  });
}
