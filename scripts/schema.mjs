// `npm run schema`: writes what is made of the one definition of the dataflow format (lib/descriptor/keys): schema.json
// for editors, and the tables of docs/dataflow.md between their markers. A test compares both with the definition.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './lib/run.mjs';
import { editorSchemaText } from '../lib/descriptor/editor-schema.ts';
import { writeKeyTables } from '../lib/descriptor/key-tables.ts';

writeFileSync(path.join(root, 'schema.json'), editorSchemaText());
const page = path.join(root, 'docs/dataflow.md');
writeFileSync(page, writeKeyTables(readFileSync(page, 'utf8')));
