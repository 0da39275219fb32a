/**
 * Text of others (a file, the name of one, what a server says) on its way to a terminal: no control character passes.
 *
 * An escape sequence in the name of a file could clear the screen, change the title or say what is not so; marks that
 * change the direction of writing show a name as another. Used by whatever prints diagnostics and errors.
 */

/** C0 but tab, DEL, C1, marks of direction, separators of lines, the byte order mark. */
const controls = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** One line; each such character becomes `�`, one column, so that places under the line stay right. */
export function plainLine(text: string): string {
  return text.replace(controls, '\ufffd');
}

/** The same for several lines. */
export function plainLines(text: string): string {
  return text.split('\n').map(plainLine).join('\n');
}
