/**
 * Text -> YAML tree, by one of two readers that make the same of it.
 *
 * The library reads what is small, and whatever is wrong or unusual. For a file beyond what anybody writes by hand its
 * time counts, so plain-yaml.ts has the first try there.
 */

import type { Reporter } from './diagnostic.js';
import { readLibraryYaml } from './library-yaml.js';
import { readPlainYaml } from './plain-yaml.js';
import type { SourceText } from './source-text.js';
import type { YamlTree } from './yaml-tree.js';

/** Characters up to which the library takes some tens of milliseconds. */
const LARGE = 64 * 1024;

/** Reads text as one YAML document; every mistake of syntax goes to the reporter. */
export function parseYaml(source: SourceText, reporter: Reporter): YamlTree {
  const { text } = source;
  const plain = text.length > LARGE ? readPlainYaml(text) : undefined;
  return plain ?? readLibraryYaml(source, reporter) ?? { root: null, size: 0 };
}
