/**
 * An editor as its user meets it: the language server behind the YAML extension of VS Code, in this process, with our
 * schema.json. Says what is offered, shown and underlined at a place of a text.
 */
import { readFileSync } from 'node:fs';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { getLanguageService, type Hover } from 'yaml-language-server';

const address = 'file:///schema.json';

const service = getLanguageService({
  schemaRequestService: async () => readFileSync('schema.json', 'utf8'),
  workspaceContext: { resolveRelativePath: (relative) => relative },
});
service.configure({
  completion: true,
  hover: true,
  validate: true,
  hoverSchemaSource: false,
  schemas: [{ uri: address, fileMatch: ['*.yml'] }],
});

/** The server keeps documents by their address. */
let opened = 0;

/** The text without the mark "|", and the document with the place where it stood. */
function open(marked: string): { document: TextDocument; at: { line: number; character: number } } {
  opened += 1;
  const offset = marked.indexOf('|');
  const document = TextDocument.create(`file:///${opened}.yml`, 'yaml', 1, marked.replace('|', ''));
  return { document, at: document.positionAt(Math.max(0, offset)) };
}

/** What is offered at the mark. */
export async function completionAt(marked: string): Promise<string[]> {
  const { document, at } = open(marked);
  const { items } = await service.doComplete(document, at, false);
  return items.map(({ label }) => label);
}

/** What is shown about the word at the mark. */
export async function hoverAt(marked: string): Promise<string> {
  const { document, at } = open(marked);
  const hover: Hover | null = await service.doHover(document, at);
  const contents = hover?.contents ?? '';
  if (typeof contents === 'string') return contents;
  return 'value' in contents ? contents.value : '';
}

/** What is underlined: `line:column message`, both from 1. */
export async function underlined(text: string): Promise<string[]> {
  const { document } = open(text);
  const found = await service.doValidation(document, false);
  return found.map(({ range, message }) => `${range.start.line + 1}:${range.start.character + 1} ${message}`);
}
