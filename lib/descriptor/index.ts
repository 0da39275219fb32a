/**
 * YAML text -> checked dataflow. The public face of this folder, and `dora-ts/descriptor` for other programs
 * (docs/descriptor-api.md); nothing outside it imports from the files beside it.
 *
 * loadDataflow() for those who want to run a file, checkFile() and formatDiagnostics() for those who want to know what
 * is wrong with it, readDataflow() for both at once. No processes, no native code, nothing kept between calls.
 */

export type * from './model.js';
export type * from './types/definition.js';
export { sourceOutputId, sourceText } from './model.js';
export { DescriptorError, type Diagnostic, type Severity, type SourceRange } from './diagnostic.js';
export type { Variables } from './environment.js';
export type { Purpose } from './draft.js';
export { checkFile, expandDataflow, loadDataflow, parseDataflow, readDataflow } from './load.js';
export type { ClusterMachine } from './cluster.js';
export type { DescriptorResult, ReadOptions } from './load.js';
export type { FileKind } from './source-file.js';
export { isScript, resolveFile, resolveLibrary, resolveProgram } from './files.js';
export type { FilePolicy, Found, SearchPlace } from './files.js';
export { formatDiagnostics, summarize, type FormatOptions } from './format.js';
export { formatPeriod, toMermaid } from './mermaid.js';
export { GENERATED_MARK, toTypeScript } from './typescript.js';
