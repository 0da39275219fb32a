/**
 * Places for a drawing that is too large for dagre, whose time grows with the square of what it lays out and whose
 * recursion overflows on long chains: columns, in time that is linear in boxes and lines.
 *
 * A box stands one column right of the last of its senders; lines that close a circle do not count. A column that would
 * become too tall is continued beside itself. Frames are laid out from the inside: to what is around it a frame is one
 * large box. Lines go straight, below the boxes. Same graph, same places. Called by graph-layout.ts.
 */

/** What is to be placed; `parent` is the key of a frame. A frame's size comes from what is in it. */
export interface Piece {
  readonly key: string;
  readonly parent?: string;
  readonly width: number;
  readonly height: number;
}

/** From a box to a box, with the width of its words. */
export interface Wire {
  readonly from: string;
  readonly to: string;
  readonly width: number;
}

/** The middle and the size of a piece. */
export interface Spot {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Columns {
  readonly width: number;
  readonly height: number;
  readonly spots: ReadonlyMap<string, Spot>;
}

const gap = 32;
const margin = 24;
/** Boxes in a column; more are put beside. */
const tallest = 40;
/** Words of lines that are wider run over the boxes. */
const widestWords = 160;

/** The columns in which boxes stand, from 0; lines that close a circle do not count. */
export function ranksOf(keys: readonly string[], wires: readonly Pick<Wire, 'from' | 'to'>[]): Map<string, number> {
  const waits = new Map(keys.map((key) => [key, 0]));
  const receivers = new Map<string, string[]>(keys.map((key) => [key, []]));
  for (const { from, to } of wires) {
    if (from === to) continue;
    receivers.get(from)?.push(to);
    waits.set(to, (waits.get(to) ?? 0) + 1);
  }
  const ranks = new Map<string, number>();
  const done = new Set<string>();
  const ready = keys.filter((key) => waits.get(key) === 0);
  let next = 0;
  for (let at = 0; done.size < keys.length; at += 1) {
    // In a circle everybody waits: the first that is left begins.
    while (ready.length <= at && done.has(keys[next] ?? '')) next += 1;
    const key = ready[at] ?? keys[next] ?? '';
    if (ready.length <= at) ready.push(key);
    if (done.has(key)) continue;
    done.add(key);
    const rank = ranks.get(key) ?? 0;
    ranks.set(key, rank);
    for (const to of receivers.get(key) ?? []) {
      if (done.has(to)) continue;
      ranks.set(to, Math.max(ranks.get(to) ?? 0, rank + 1));
      const left = (waits.get(to) ?? 0) - 1;
      waits.set(to, left);
      if (left === 0) ready.push(to);
    }
  }
  return ranks;
}

/** @param title what a frame's title takes at its top */
export function placeInColumns(pieces: readonly Piece[], wires: readonly Wire[], title: number): Columns {
  const parents = new Map(pieces.map(({ key, parent }) => [key, parent]));
  const inside = new Map<string | undefined, Piece[]>();
  for (const piece of pieces) addTo(inside, piece.parent, piece);
  const lifted = new Map<string | undefined, Wire[]>();
  for (const wire of wires) {
    const { around, ...ends } = lift(wire, parents);
    if (ends.from !== ends.to) addTo(lifted, around, { ...wire, ...ends });
  }
  const spots = new Map<string, Spot>();
  /** Places what is in a frame around the point 0, 0, and returns its size. */
  const place = (frame: string | undefined): { width: number; height: number } => {
    const sized = (inside.get(frame) ?? []).map((piece) => {
      if (!inside.has(piece.key)) return { ...piece, title: 0 };
      const { width, height } = place(piece.key);
      return { ...piece, width: width + 2 * margin, height: height + 2 * margin, title };
    });
    const between = lifted.get(frame) ?? [];
    const ranks = ranksOf(
      sized.map(({ key }) => key),
      between,
    );
    const words = between.reduce((widest, { width }) => Math.max(widest, width), 0);
    const columns = columnsOf(sized, ranks);
    const height = Math.max(0, ...columns.map((column) => heightOf(column)));
    let left = 0;
    for (const column of columns) {
      const width = Math.max(...column.map((piece) => piece.width));
      let top = (height - heightOf(column)) / 2;
      for (const piece of column) {
        const { key, title: head } = piece;
        spots.set(key, {
          x: left + width / 2,
          y: top + head + piece.height / 2,
          width: piece.width,
          height: piece.height,
        });
        top += head + piece.height + gap;
      }
      left += width + gap + Math.min(words, widestWords) + gap;
    }
    const width = Math.max(0, left - 2 * gap - Math.min(words, widestWords));
    for (const { key } of sized) shift(spots.get(key), -width / 2, -height / 2);
    return { width, height };
  };
  const { width, height } = place(undefined);
  // Outer frames first: what is inside stands around the middle of its frame.
  const settle = (frame: string | undefined, x: number, y: number): void => {
    for (const { key } of inside.get(frame) ?? []) {
      const spot = spots.get(key);
      shift(spot, x, y);
      if (inside.has(key) && spot !== undefined) settle(key, spot.x, spot.y);
    }
  };
  settle(undefined, width / 2 + margin, height / 2 + margin);
  return { width: width + 2 * margin, height: height + 2 * margin, spots };
}

type Sized = Piece & { readonly title: number };

/** By rank, each in the order of the file; tall ones in several. */
function columnsOf(pieces: readonly Sized[], ranks: ReadonlyMap<string, number>): Sized[][] {
  const byRank = new Map<number, Sized[]>();
  for (const piece of pieces) addTo(byRank, ranks.get(piece.key) ?? 0, piece);
  return [...byRank.keys()]
    .sort((a, b) => a - b)
    .flatMap((rank) => {
      const all = byRank.get(rank) ?? [];
      const count = Math.ceil(all.length / Math.max(tallest, Math.ceil(Math.sqrt(all.length))));
      const each = Math.ceil(all.length / count);
      return Array.from({ length: count }, (_, n) => all.slice(n * each, (n + 1) * each));
    });
}

function heightOf(column: readonly Sized[]): number {
  return column.reduce((sum, { height, title }) => sum + height + title + gap, -gap);
}

/** The same line between what stands side by side in one frame. */
function lift(
  { from, to }: Wire,
  parents: ReadonlyMap<string, string | undefined>,
): { from: string; to: string; around: string | undefined } {
  const above = new Map<string | undefined, string>();
  for (let key: string | undefined = from; key !== undefined; key = parents.get(key)) above.set(parents.get(key), key);
  let end = to;
  for (;;) {
    const around = parents.get(end);
    const start = above.get(around);
    if (start !== undefined) return { from: start, to: end, around };
    if (around === undefined) return { from, to: end, around };
    end = around;
  }
}

function shift(spot: Spot | undefined, x: number, y: number): void {
  if (spot === undefined) return;
  spot.x += x;
  spot.y += y;
}

function addTo<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}
