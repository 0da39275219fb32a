/**
 * Finds the error codes that the source can report and those that docs/errors.md explains.
 *
 * TypeScript is read by its own parser: a code is the first argument of an error class of ours, or the value of a property
 * `code`. In C++ it is what status_code() returns, or a string in a code's form (SEVERAL_WORDS) that is not a variable's name.
 */
import { constants } from 'node:os';
import ts from 'typescript';
import type { SourceFile } from './source-tree.js';

const codeForm = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/;
/** Names of errno, signals, variables and of Node.js's own errors have the form of a code and are none. */
const foreign = /^(SIG[A-Z0-9]+|ERR_.*|DORA_.*|ABORT_ERR|XDG_.*|LD_.*)$/;

const isCode = (text: string): boolean =>
  codeForm.test(text) && text.length > 1 && !foreign.test(text) && !(text in constants.errno);

/** String literals an expression may evaluate to: of a conditional or `??` each side. */
function literalsOf(node: ts.Expression): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isConditionalExpression(node)) return [...literalsOf(node.whenTrue), ...literalsOf(node.whenFalse)];
  if (ts.isBinaryExpression(node)) return [...literalsOf(node.left), ...literalsOf(node.right)];
  if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node)) return literalsOf(node.expression);
  return [];
}

/** Error classes of ours end in Error; JavaScript's own take no code. */
const takesCode = /^(?!(?:Type|Range|Syntax|Aggregate|Reference|Eval|URI)?Error$)\w*Error$/;

function codesAt(node: ts.Node): string[] {
  if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && takesCode.test(node.expression.text)) {
    return node.arguments?.[0] === undefined ? [] : literalsOf(node.arguments[0]);
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.SuperKeyword) {
    return node.arguments[0] === undefined ? [] : literalsOf(node.arguments[0]);
  }
  if (ts.isPropertyAssignment(node) && ts.isIdentifier(node.name) && node.name.text === 'code') {
    return literalsOf(node.initializer);
  }
  return [];
}

/** Codes that a TypeScript file can report. */
export function typeScriptCodes(file: SourceFile): string[] {
  const codes: string[] = [];
  const visit = (node: ts.Node): void => {
    codes.push(...codesAt(node).filter(isCode));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true));
  return codes;
}

/** Codes that a C++ file can report. */
export function nativeCodes(file: SourceFile): string[] {
  const text = file.text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '').replace(/\bs?e?getenv\("[^"]*"\)/g, '');
  const statuses = [...text.matchAll(/case Status::\w+:\s*return "(\w+)"/g)].map((match) => match[1] ?? '');
  const others = [...text.matchAll(/"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g)].map((match) => match[1] ?? '');
  return [...statuses, ...others].filter(isCode);
}

/** Codes that docs/errors.md explains: the first cell of a table row, or a heading. */
export function documentedCodes(markdown: string): string[] {
  return [...markdown.matchAll(/^(?:\|\s*|#{2,6}\s+)`?([A-Z][A-Z0-9_]+)`?\s*(?:\||$)/gm)]
    .map((match) => match[1] ?? '')
    .filter(isCode);
}
