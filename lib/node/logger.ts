/**
 * Log lines with a level and fields: one line on stderr each, `WARN too dark exposure=0.5`.
 *
 * The daemon collects what a node writes, so console.log works as well; this one can be filtered (DORA_LOG_LEVEL: trace, debug, info, warn, error,
 * off; default info) and its values are written so that a line stays a line.
 */

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

const LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'off'];

/** Values for people: written as they are when plain, else as JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

export class Logger {
  readonly #write: (line: string) => unknown;
  readonly #least: number;

  /** `level`: the lowest that is written; an unknown one is info. */
  constructor(level = process.env['DORA_LOG_LEVEL'] ?? 'info', write: (line: string) => unknown = writeToStderr) {
    const least = LEVELS.indexOf(level.toLowerCase());
    this.#least = least === -1 ? LEVELS.indexOf('info') : least;
    this.#write = write;
  }

  trace(message: string, fields?: LogFields): void {
    this.log('trace', message, fields);
  }
  debug(message: string, fields?: LogFields): void {
    this.log('debug', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.log('info', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.log('warn', message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.log('error', message, fields);
  }

  log(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (LEVELS.indexOf(level) < this.#least) return;
    const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${show(value)}`);
    this.#write(`${level.toUpperCase().padEnd(5)} ${message.replaceAll('\n', '\n      ')}${rest.join('')}\n`);
  }
}

function writeToStderr(line: string): void {
  process.stderr.write(line);
}

function show(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  if (value instanceof Error) return JSON.stringify(value.stack ?? value.message);
  if (typeof value === 'bigint') return String(value);
  try {
    const text = JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? String(part) : part)) as
      string | undefined;
    return text ?? String(value);
  } catch {
    return '"(circular)"';
  }
}
