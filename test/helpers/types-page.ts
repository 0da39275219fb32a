/** The part of docs/types.md that lists the standard library, made of the library. */
import type { TypeParameter } from '../../lib/descriptor/types/definition.js';
import { standardTypes, widenings } from '../../lib/descriptor/types/standard.js';
import type { TypeEntry } from '../../lib/descriptor/types/type-library.js';
import { shortName } from '../../lib/descriptor/types/type-name.js';

const packageOf = ({ name }: TypeEntry): string => name.slice(0, -shortName(name).length - 1);

/** A heading and a table for each package. */
export function standardTypeTables(): string {
  const types = standardTypes();
  const packages = [...new Set(types.map(packageOf))];
  return packages
    .map((name) => [`### ${name}`, '', ...table(types.filter((type) => packageOf(type) === name)), ''].join('\n'))
    .join('\n');
}

function table(types: readonly TypeEntry[]): string[] {
  return [
    '| type | layout | parameters | meaning |',
    '|---|---|---|---|',
    ...types.map(
      (type) =>
        `| ${[`\`${shortName(type.name)}\``, layout(type), parameters(type), type.description ?? ''].join(' | ')} |`,
    ),
  ];
}

function layout({ arrow, fields }: TypeEntry): string {
  if (arrow !== 'Struct') return arrow;
  return fields
    .map(({ name, type }) => `\`${name}\` ${type.replaceAll('<', '&lt;').replaceAll('>', '&gt;')}`)
    .join(', ');
}

function parameters({ params }: TypeEntry): string {
  return params.length === 0 ? '–' : params.map(parameter).join(' ');
}

function parameter({ name, kind, values, default: absent, description = '' }: TypeParameter): string {
  const may = values === undefined ? (kind === 'integer' ? ' (a number)' : '') : ` (${values.join(' ')})`;
  const said = absent === undefined ? '' : ` When absent, ${absent} is meant.`;
  return `\`${name}\`${may}: ${description}${said}`;
}

/** Every pair that widens, as short names. */
export const wideningPairs = (): [string, string][] => widenings.map(([from, to]) => [shortName(from), shortName(to)]);
