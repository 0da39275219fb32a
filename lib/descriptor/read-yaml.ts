/**
 * Text -> YAML tree, by one of three ways that make the same of it.
 *
 * library-yaml.ts reads what is small. For a file beyond what anybody writes by hand its time counts, so that parted-yaml.ts has the first try
 * there, which leaves it no more than the entries that are wrong or unusual, and event-yaml.ts the second.
 */

import type { Reporter } from './diagnostic.js';
import { readEventYaml } from './event-yaml.js';
import { DOCUMENT_MARK, readLibraryYaml, reportSecondDocument, reportUnknownTags } from './library-yaml.js';
import { readPartedYaml } from './parted-yaml.js';
import { SourceText } from './source-text.js';
import type { YamlTree } from './yaml-tree.js';

/** Characters up to which library-yaml.ts takes some tens of milliseconds. */
const LARGE = 64 * 1024;

/** Reads text as one YAML document; every mistake of syntax goes to the reporter. */
export function parseYaml(source: SourceText, reporter: Reporter): YamlTree {
  const quick = source.text.length > LARGE ? readQuickly(source, reporter) : undefined;
  return quick ?? readLibraryYaml(source, reporter) ?? { root: null, size: 0 };
}

function readQuickly(source: SourceText, reporter: Reporter): YamlTree | undefined {
  const second = startOfSecond(source.text);
  if (second !== undefined) {
    const tree = readQuickly(new SourceText(source.text.slice(0, second)), reporter);
    if (tree !== undefined) reportSecondDocument(source.range(second, second + DOCUMENT_MARK.length), reporter);
    return tree;
  }
  const parted = readPartedYaml(source, reporter);
  if (parted !== undefined) return parted;
  const reading = readEventYaml(source.text);
  if (reading !== undefined) reportUnknownTags(reading.unknownTags, source, reporter);
  return reading;
}

/** Where a second document starts; undefined also where it takes a closer look to know. */
function startOfSecond(text: string): number | undefined {
  // A file may start with a mark, behind comments; one with directives has to.
  const opening = /^(?: *(?:#[^\n]*)?\r?\n)*(?:--- *(?:#[^\n]*)?\r?\n)?/.exec(text)?.[0].length ?? 0;
  if (text[opening] === '%') return undefined;
  const mark = /\n---(?=[ \r\n]|$)/g;
  mark.lastIndex = Math.max(opening - 1, 0);
  const found = mark.exec(text);
  return found === null || found.index < opening ? undefined : found.index + 1;
}
