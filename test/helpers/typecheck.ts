/**
 * Type-checks texts against the node API as a user's project would: strict, with exactOptionalPropertyTypes, `dora-ts` being lib/index.ts.
 *
 * The texts exist in memory only; one compiler run takes them all, since most of its time goes into the library.
 */
import path from 'node:path';
import ts from 'typescript';

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.esnext.collection.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noUnusedLocals: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  skipLibCheck: true,
  noEmit: true,
  paths: { 'dora-ts': [path.resolve('lib/index.ts')] },
};

/** For each file what the compiler says of it: `line: message`. */
export function typecheck(files: Readonly<Record<string, string>>): Record<string, string[]> {
  const folder = path.resolve('test/virtual');
  const texts = new Map(Object.entries(files).map(([name, text]) => [path.join(folder, name), text]));
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    readFile: (file) => texts.get(file) ?? disk.readFile(file),
    fileExists: (file) => texts.has(file) || disk.fileExists(file),
    directoryExists: (name) => name === folder || disk.directoryExists?.(name) === true,
    getSourceFile: (file, version, ...rest) => {
      const text = texts.get(file);
      return text === undefined
        ? disk.getSourceFile(file, version, ...rest)
        : ts.createSourceFile(file, text, version, true);
    },
  };
  const program = ts.createProgram([...texts.keys()], options, host);
  return Object.fromEntries(
    Object.keys(files).map((name) => {
      const source = program.getSourceFile(path.join(folder, name));
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      return [name, found.map((diagnostic) => describe(diagnostic, source))];
    }),
  );
}

function describe(diagnostic: ts.Diagnostic, source: ts.SourceFile | undefined): string {
  const line = source?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? -1;
  return `${line + 1}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`;
}
