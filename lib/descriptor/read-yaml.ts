/**
 * Text -> YAML tree, by one of two readers that make the same of it.
 *
 * library-yaml.ts reads what is small, and whatever is wrong or unusual. For a file beyond what anybody writes by hand its
 * time counts, so event-yaml.ts has the first try there.
 */

import type { Reporter } from './diagnostic.js';
import { readEventYaml } from './event-yaml.js';
import { readLibraryYaml } from './library-yaml.js';
import type { SourceText } from './source-text.js';
import type { YamlTree } from './yaml-tree.js';

/** Characters up to which library-yaml.ts takes some tens of milliseconds. */
const LARGE = 64 * 1024;

/** Reads text as one YAML document; every mistake of syntax goes to the reporter. */
export function parseYaml(source: SourceText, reporter: Reporter): YamlTree {
  const { text } = source;
  const usual = text.length > LARGE ? readEventYaml(text) : undefined;
  return usual ?? readLibraryYaml(source, reporter) ?? { root: null, size: 0 };
}
