/**
 * Text -> YAML tree, by one of three ways that make the same of it.
 *
 * library-yaml.ts reads what is small. For a file beyond what anybody writes by hand its time counts, so that parted-yaml.ts has the first try
 * there, which leaves it no more than the entries that are wrong or unusual, and event-yaml.ts the second.
 */

import type { Reporter } from './diagnostic.js';
import { readEventYaml } from './event-yaml.js';
import { readLibraryYaml, reportUnknownTags } from './library-yaml.js';
import { readPartedYaml } from './parted-yaml.js';
import type { SourceText } from './source-text.js';
import type { YamlTree } from './yaml-tree.js';

/** Characters up to which library-yaml.ts takes some tens of milliseconds. */
const LARGE = 64 * 1024;

/** Reads text as one YAML document; every mistake of syntax goes to the reporter. */
export function parseYaml(source: SourceText, reporter: Reporter): YamlTree {
  const quick = source.text.length > LARGE ? readQuickly(source, reporter) : undefined;
  return quick ?? readLibraryYaml(source, reporter) ?? { root: null, size: 0 };
}

function readQuickly(source: SourceText, reporter: Reporter): YamlTree | undefined {
  const parted = readPartedYaml(source, reporter);
  if (parted !== undefined) return parted;
  const reading = readEventYaml(source.text);
  if (reading !== undefined) reportUnknownTags(reading.unknownTags, source, reporter);
  return reading;
}
