/**
 * The text of a source -> what it says, before anybody looks whether that exists.
 *
 * `node/output`, `node/operator/output`, `operator/output`, `dora/timer/{millis|secs|micros|nanos}/N`,
 * `dora/timer/hz/F`, `dora/logs[/LEVEL[/NODE]]`, and inside a module `_mod/port`.
 */

import { logLevels } from './keys/common.js';
import { didYouMean, hints, quote } from './suggest.js';

/** What a source's text says. */
export type ParsedSource =
  | { kind: 'timer'; periodNs: bigint }
  /** `node`: the one whose records are wanted; undefined for all. */
  | { kind: 'logs'; node?: string }
  | { kind: 'module'; port: string }
  /** Two or three parts, none of them empty. */
  | { kind: 'output'; parts: readonly string[] };

export interface SourceProblem {
  code: 'INVALID_SOURCE' | 'INVALID_TIMER';
  message: string;
  hint: string | undefined;
}

/** Parses the text of a source. */
export function parseSource(text: string): ParsedSource | SourceProblem {
  const parts = text.split('/');
  if (parts[0] === 'dora') return parseBuiltIn(text, parts);
  if (text.trim() !== text || /\s/.test(text)) {
    return {
      code: 'INVALID_SOURCE',
      message: `the source ${quote(text)} holds white space`,
      hint: 'Write node/output without spaces.',
    };
  }
  if (parts.length < 2) {
    return {
      code: 'INVALID_SOURCE',
      message: `the source ${quote(text)} has no "/"`,
      hint: 'A source is node/output, node/operator/output, or a timer such as dora/timer/millis/100.',
    };
  }
  if (parts.length > 3 || parts.includes('')) {
    const [, second = '', ...rest] = parts;
    const isBuiltIn = second === 'timer' || second === 'logs';
    return {
      code: 'INVALID_SOURCE',
      message: parts.includes('')
        ? `a part of the source ${quote(text)} is empty`
        : `the source ${quote(text)} has ${parts.length} parts`,
      hint: isBuiltIn
        ? `Did you mean ${['dora', second, ...rest].join('/')}?`
        : 'A source is node/output or node/operator/output.',
    };
  }
  // Such a node cannot be, here or in another file.
  const wrong = /[^\w./-]/u.exec(text)?.[0];
  if (wrong !== undefined) {
    return {
      code: 'INVALID_SOURCE',
      message: `the source ${quote(text)} holds ${quote(wrong)}`,
      hint:
        wrong === '$'
          ? 'Variables are not replaced in sources: write the names as they are.'
          : 'Names of nodes and outputs consist of letters (a-z), digits, "_", "-" and ".".',
    };
  }
  const [first, port = ''] = parts;
  if (first === '_mod' && parts.length === 2) return { kind: 'module', port };
  return { kind: 'output', parts };
}

function parseBuiltIn(text: string, parts: readonly string[]): ParsedSource | SourceProblem {
  const [, what = '', ...rest] = parts;
  if (what === 'timer') return parseTimer(text, rest);
  if (what === 'logs') {
    const [level] = rest;
    const levels: readonly string[] = logLevels;
    const [, node] = rest;
    if (rest.length <= 2 && !rest.includes('') && (level === undefined || levels.includes(level)))
      return { kind: 'logs', ...(node === undefined ? {} : { node }) };
    return {
      code: 'INVALID_SOURCE',
      message: `${quote(text)} is no source of log records`,
      hint: hints(
        level === undefined ? undefined : didYouMean(level, levels),
        `Write dora/logs, or dora/logs/LEVEL with one of ${levels.join(', ')}, or dora/logs/LEVEL/NODE.`,
      ),
    };
  }
  return {
    code: 'INVALID_SOURCE',
    message: `there is no built-in source ${quote(text)}`,
    hint: hints(didYouMean(what, ['timer', 'logs']), 'Built in are dora/timer/UNIT/N and dora/logs.'),
  };
}

const unitNs = new Map([
  ['secs', 1_000_000_000n],
  ['millis', 1_000_000n],
  ['micros', 1_000n],
  ['nanos', 1n],
]);
const MAX_PERIOD_NS = 2n ** 63n - 1n;

function parseTimer(text: string, rest: readonly string[]): ParsedSource | SourceProblem {
  const [unit, value] = rest;
  const bad = (message: string, hint: string | undefined): SourceProblem => ({ code: 'INVALID_TIMER', message, hint });
  if (unit === undefined || value === undefined || rest.length !== 2) {
    return bad(
      `the timer ${quote(text)} is not complete`,
      'Write dora/timer/UNIT/N, for example dora/timer/millis/100 or dora/timer/hz/30.',
    );
  }
  if (unit === 'hz') return parseHertz(value, bad);
  const factor = unitNs.get(unit);
  if (factor === undefined) {
    const units = [...unitNs.keys(), 'hz'];
    return bad(
      `a timer has no unit ${quote(unit)}`,
      hints(unitHint(unit) ?? didYouMean(unit, units), `Units are ${units.join(', ')}.`),
    );
  }
  const isWhole = /^\d+$/.test(value);
  if (!isWhole || /^0+$/.test(value)) {
    return bad(
      `a timer's period is a whole number above 0, not ${quote(value)}`,
      smallerUnit(unit, value) ?? 'For example dora/timer/millis/100.',
    );
  }
  const periodNs = value.length > 30 ? MAX_PERIOD_NS + 1n : BigInt(value) * factor;
  if (periodNs > MAX_PERIOD_NS)
    return bad(`the timer's period ${quote(value)} is too long`, 'At most 292 years are possible.');
  return { kind: 'timer', periodNs };
}

/** `1.5` milliseconds are 1500 microseconds. */
function smallerUnit(unit: string, value: string): string | undefined {
  const [, whole = '', fraction = ''] = /^(\d{0,9})\.(\d{1,9})$/.exec(value) ?? [];
  const units = [...unitNs.keys()];
  for (let index = units.indexOf(unit) + 1, digits = 3; index < units.length; index += 1, digits += 3) {
    const number = BigInt(`${whole}${fraction.padEnd(digits, '0')}`);
    if (fraction !== '' && fraction.length <= digits && number > 0n)
      return `Take a smaller unit: dora/timer/${String(units[index])}/${String(number)}.`;
  }
  return undefined;
}

function parseHertz(
  value: string,
  bad: (message: string, hint: string) => SourceProblem,
): ParsedSource | SourceProblem {
  const hertz = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : Number.NaN;
  const period = Math.round(1e9 / hertz);
  if (!(hertz > 0) || !Number.isFinite(hertz)) {
    return bad(
      `a timer's rate is a number above 0, not ${quote(value)}`,
      'For example dora/timer/hz/30 or dora/timer/hz/0.5.',
    );
  }
  if (period < 1 || period > Number(MAX_PERIOD_NS)) {
    return bad(`a timer of ${value} hz is not possible`, 'Rates lie between one in 292 years and 1e9.');
  }
  return { kind: 'timer', periodNs: BigInt(period) };
}

/** Units that people write elsewhere. */
function unitHint(unit: string): string | undefined {
  const known: Record<string, string | undefined> = {
    ms: 'millis',
    s: 'secs',
    sec: 'secs',
    seconds: 'secs',
    us: 'micros',
    ns: 'nanos',
    milliseconds: 'millis',
    microseconds: 'micros',
    nanoseconds: 'nanos',
    hertz: 'hz',
    Hz: 'hz',
  };
  const better = Object.hasOwn(known, unit) ? known[unit] : undefined;
  return better === undefined ? undefined : `Did you mean "${better}"?`;
}
