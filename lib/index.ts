/**
 * What `import … from 'dora-ts'` gives: the node API, errors, metadata.
 *
 * Only names that are meant for users stand here; everything else in lib is free to change. Importing loads no native code: that happens
 * with the first Node.connect().
 */

export { DoraError, NativeError, ProcessError } from './errors.js';
export { Float64, float64 } from './message/metadata.js';
export type { MetaValue, Metadata } from './message/metadata.js';
export { Node } from './node/node.js';
export { NodeShare } from './node/share.js';
export type { ShareOptions, SharedIo } from './node/share.js';
export { Logger } from './node/logger.js';
export type { LogFields, LogLevel } from './node/logger.js';
export type { Clock } from './node/clock.js';
export type { ReadableMessage } from './node/readable.js';
export type {
  BatchOptions,
  Bytes,
  CloseReason,
  ConnectOptions,
  Encoding,
  EndEvent,
  ErrorEvent,
  Event,
  Handlers,
  Id,
  InputChangeEvent,
  InputEvent,
  InputState,
  Io,
  Json,
  Loan,
  NoJson,
  NodeHandle,
  OutputState,
  Payload,
  RunOptions,
  Sample,
  StopEvent,
  StopReason,
  TypedArray,
  TypedArrayConstructor,
  WaitOptions,
} from './node/types.js';
export { run } from './cli/run-api.js';
export type { RunDataflowOptions, RunEvent, RunResult } from './cli/run-api.js';
export type { DescriptorError, Diagnostic } from './descriptor/index.js';
