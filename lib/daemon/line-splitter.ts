/**
 * Bytes of a program's stdout or stderr -> lines of text.
 *
 * Cut at the byte level, decoded line by line, so that neither a chunk that ends inside a character nor bytes that are
 * no UTF-8 do harm (they become U+FFFD). `\n`, `\r\n` and `\r` end a line, so that progress bars show as lines. A line
 * of more than MAX_LINE_BYTES is cut and says so; what is dropped is counted, never kept.
 */

/** The longest line that is passed on; more than any log record, less than what hurts. */
export const MAX_LINE_BYTES = 64 * 1024;

const LF = 10;
const CR = 13;

export class LineSplitter {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  /** Parts of a line whose end has not come yet. */
  #parts: Buffer[] = [];
  #size = 0;
  /** Bytes of the present line beyond the limit. */
  #cut = 0;
  /** The last byte was a CR: an LF that follows belongs to it. */
  #afterCr = false;

  /** The lines that this chunk completes. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    if (this.#afterCr && chunk.length > 0) {
      this.#afterCr = false;
      if (chunk[0] === LF) start = 1;
    }
    while (start < chunk.length) {
      const end = lineEnd(chunk, start);
      if (end === -1) {
        this.#keep(chunk.subarray(start));
        break;
      }
      this.#keep(chunk.subarray(start, end));
      const isCr = chunk[end] === CR;
      // A bare CR with nothing before it only moves the cursor.
      const isLine = !isCr || this.#size > 0 || chunk[end + 1] === LF;
      if (isLine) lines.push(this.#take());
      start = end + 1;
      if (isCr && chunk[start] === LF) start += 1;
      else if (isCr && start === chunk.length) this.#afterCr = isLine;
    }
    return lines;
  }

  /** The last line, when the output ended without a line end. */
  end(): string[] {
    return this.#size > 0 ? [this.#take()] : [];
  }

  #keep(part: Buffer): void {
    const room = MAX_LINE_BYTES - this.#size;
    const kept = part.length > room ? part.subarray(0, room) : part;
    this.#cut += part.length - kept.length;
    if (kept.length === 0) return;
    // Copied: a part that waits for its line's end would keep a whole read buffer alive.
    this.#parts.push(Buffer.from(kept));
    this.#size += kept.length;
  }

  #take(): string {
    const bytes = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
    const text = this.#decoder.decode(bytes);
    const note = this.#cut > 0 ? ` … [line too long: ${this.#cut} more bytes not shown]` : '';
    this.#parts = [];
    this.#size = 0;
    this.#cut = 0;
    return text + note;
  }
}

function lineEnd(chunk: Buffer, start: number): number {
  const lf = chunk.indexOf(LF, start);
  const cr = (lf === -1 ? chunk.subarray(start) : chunk.subarray(start, lf)).indexOf(CR);
  return cr === -1 ? lf : start + cr;
}
