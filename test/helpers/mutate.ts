/**
 * Seeded damage to dataflow files: small changes of the kinds that people and programs make, for the mutations of the unit
 * tests and the fuzzer of test/long. The same seed gives the same texts.
 */

/** Small, fast, seeded: mulberry32 (Tommy Ettinger, public domain). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Pieces of YAML and of dataflow files. */
export const pieces = [
  ': ',
  '- ',
  '\n',
  '\t',
  '  ',
  '[',
  ']',
  '{',
  '}',
  ',',
  '"',
  "'",
  '*a',
  '&a ',
  '<<: ',
  '!!str ',
  '# ',
  '|',
  '>',
  '---\n',
  '%',
  '@',
  '`',
  '?',
  '\\',
  '$',
  '${',
  'null',
  '~',
  '0',
  '-1',
  '1e9',
  'true',
  'dora/',
  '/',
  '__proto__',
  'nodes',
  'id',
  '\u0000',
  '\u2028',
  'ä',
  '😀',
  '\ud800',
  '\r',
  '\u001b',
];

/** One to four small changes: cut, copy, move, insert, swap lines, change indentation. */
export function mutate(text: string, random: () => number): string {
  const below = (limit: number): number => Math.floor(random() * limit);
  let result = text;
  for (let count = 1 + below(4); count > 0; count -= 1) {
    const at = below(result.length + 1);
    const length = 1 + below(random() < 0.2 ? 200 : 12);
    const piece = pieces[below(pieces.length)]!;
    const lines = result.split('\n');
    const line = below(lines.length);
    switch (below(7)) {
      case 0:
        result = result.slice(0, at) + result.slice(at + length);
        break;
      case 1:
        result = result.slice(0, at) + piece + result.slice(at);
        break;
      case 2:
        result = result.slice(0, at) + piece + result.slice(at + length);
        break;
      case 3:
        result = result.slice(0, at) + result.slice(at, at + length) + result.slice(at);
        break;
      case 4:
        lines.splice(line, 1, ...lines.splice(below(lines.length), 1), lines[line] ?? '');
        result = lines.join('\n');
        break;
      case 5:
        lines[line] = random() < 0.5 ? `  ${lines[line] ?? ''}` : (lines[line] ?? '').slice(1);
        result = lines.join('\n');
        break;
      default:
        result = result.slice(0, at);
        if (result.length < 20) result = text;
    }
  }
  return result;
}
