/**
 * A dataflow as a drawing with coordinates: boxes, frames and lines, each with its words. dagre decides where things go,
 * and graph-columns.ts where there is too much for it.
 *
 * Boxes are programs, operators and timers (one for each period); frames are runtime nodes and modules. Words are raw text:
 * whoever writes them into a document escapes them. Same dataflow, same drawing. Called by graph-html.ts.
 */

import { Graph, layout } from '@dagrejs/dagre';
import path from 'node:path';
import {
  formatPeriod,
  sourceOutputId,
  type Dataflow,
  type DataflowInput,
  type DataflowNode,
  type DataflowOperator,
} from '../descriptor/index.js';
import { placeInColumns, ranksOf } from './graph-columns.js';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export type BoxShape = 'program' | 'operator' | 'timer' | 'dynamic' | 'unsupported';

/** Its middle, its size, its lines of text, and what a pointer that rests on it is told. */
export interface Box extends Point {
  readonly shape: BoxShape;
  readonly width: number;
  readonly height: number;
  readonly lines: readonly string[];
  readonly details: readonly string[];
}

/** As a Box, with its title at the top. */
export interface Frame extends Point {
  readonly shape: 'runtime' | 'module';
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly details: readonly string[];
}

export interface Line {
  /** From the sender's border to the receiver's. */
  readonly points: readonly Point[];
  /** Whether the sender waits when the queue is full. */
  readonly waits: boolean;
  readonly label: Point;
  readonly lines: readonly string[];
  readonly details: readonly string[];
}

export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** So much that everything stands in plain columns, with lines across. */
  readonly isLarge: boolean;
  /** Outer ones before those inside them. */
  readonly frames: readonly Frame[];
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
}

/** Width of a character and height of a line at the size that graph-html.ts writes in. */
export const letter = { width: 7.3, lineHeight: 16 } as const;
/** What a frame's title takes at its top. */
export const titleHeight = 22;

/** Longer words end in an ellipsis; the details have them whole. */
const longestWord = 40;

interface Spot {
  width: number;
  height: number;
  x?: number;
  y?: number;
}
interface Track extends Spot {
  labelpos: 'c';
  points?: Point[];
}

/** The part of dagre that is used here: its own declarations import files without extensions, which NodeNext cannot follow. */
interface Layout {
  setGraph(label: Readonly<Record<string, string | number>>): void;
  graph(): { width?: number; height?: number };
  setNode(key: string, spot: Spot): void;
  node(key: string): Spot;
  setParent(key: string, parent: string): void;
  setEdge(from: string, to: string, track: Track, name: string): void;
  edge(from: string, to: string, name: string): Track;
}
const dagre = { Graph: Graph as unknown, layout: layout as unknown } as {
  readonly Graph: new (options: { compound: boolean; multigraph: boolean }) => Layout;
  readonly layout: (graph: Layout) => void;
};

/** A box or frame before it has a place, and the frame in which it stands. */
type Unplaced<T> = Omit<T, keyof Point | 'width' | 'height'> & { readonly key: string; readonly parent?: string };

export function drawDataflow(dataflow: Dataflow): Drawing {
  const frames: Unplaced<Frame>[] = dataflow.modules.map((module) => ({
    key: `module ${module.id}`,
    ...parentOf(module.id, dataflow),
    shape: 'module',
    title: shorten(module.name === module.id ? module.id : `${module.id}: ${module.name}`),
    details: [`module ${module.id}`, `file ${path.relative(dataflow.folder, module.file)}`],
  }));
  const boxes: Unplaced<Box>[] = [];
  for (const node of dataflow.nodes) {
    const parent = parentOf(node.id, dataflow);
    if (node.operators === undefined) {
      boxes.push({ key: node.id, ...parent, shape: shapeOf(node), lines: titleLines(node), details: detailsOf(node) });
      continue;
    }
    const title = titleLines(node).join(' · ');
    frames.push({ key: node.id, ...parent, shape: 'runtime', title, details: detailsOf(node) });
    for (const operator of node.operators) {
      const key = `${node.id}/${operator.id}`;
      const details = [`operator ${key}`, ...wordsOf(operator), `library ${operator.library}`];
      boxes.push({ key, parent: node.id, shape: 'operator', lines: titleLines(operator), details });
    }
  }
  return place(frames, [...boxes, ...timersOf(dataflow)], dataflow);
}

/** More is laid out in columns: dagre would take tens of seconds, or overflow the stack. */
const most = { pieces: 800, steps: 4000, columns: 400 } as const;

/** Everything measured, and given a place by dagre, or in columns where there is too much of it. */
function place(frames: readonly Unplaced<Frame>[], boxes: readonly Unplaced<Box>[], dataflow: Dataflow): Drawing {
  const pieces = [
    ...frames.map((frame) => ({ ...frame, width: 64, height: 34 })),
    ...boxes.map((box) => {
      const { width, height } = sizeOf(box.lines);
      return { ...box, width: Math.max(width + 28, 64), height: height + 18 };
    }),
  ];
  const edges = edgesOf(dataflow).map((edge) => {
    const { width, height } = sizeOf(edge.lines);
    return { ...edge, width: width + 8, height: height + 4 };
  });
  const isLarge = isTooLarge(boxes, frames.length, edges);
  const { width, height, at, lines } = isLarge ? inColumns(pieces, edges) : byDagre(pieces, frames.length, edges);
  return {
    width,
    height,
    isLarge,
    frames: frames.map((frame) => ({ ...frame, ...at(frame.key) })),
    boxes: boxes.map((box) => ({ ...box, ...at(box.key) })),
    lines,
  };
}

interface Placed {
  readonly width: number;
  readonly height: number;
  readonly at: (key: string) => Required<Spot>;
  readonly lines: readonly Line[];
}
type Sized<T> = T & { readonly width: number; readonly height: number };

function isTooLarge(boxes: readonly { key: string }[], frames: number, edges: readonly Edge[]): boolean {
  if (boxes.length + frames > most.pieces || edges.length > most.steps) return true;
  const ranks = ranksOf(
    boxes.map(({ key }) => key),
    edges,
  );
  const rankOf = (key: string): number => ranks.get(key) ?? 0;
  // dagre cuts a line into one piece for each column that it passes.
  const steps = edges.reduce((sum, { from, to }) => sum + Math.abs(rankOf(to) - rankOf(from)), 0);
  return steps > most.steps || Math.max(0, ...ranks.values()) > most.columns;
}

function byDagre(
  pieces: readonly Sized<Unplaced<Frame | Box>>[],
  frames: number,
  edges: readonly Sized<Edge>[],
): Placed {
  const graph = new dagre.Graph({ compound: true, multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 44, edgesep: 24, ranksep: 56, marginx: 24, marginy: 24 + titleHeight });
  pieces.forEach(({ key, width, height }, index) => {
    graph.setNode(key, index < frames ? { width: 0, height: 0 } : { width, height });
  });
  for (const { key, parent } of pieces) if (parent !== undefined) graph.setParent(key, parent);
  edges.forEach(({ from, to, width, height }, index) => {
    graph.setEdge(from, to, { width, height, labelpos: 'c' }, String(index));
  });
  dagre.layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  const at = (key: string): Required<Spot> => known(graph.node(key));
  const lines = edges.map((edge, index) => {
    const track = graph.edge(edge.from, edge.to, String(index));
    const { x, y } = known(track);
    const points = edge.from === edge.to ? loop(at(edge.from), { x, y }) : (track.points ?? []);
    return { ...edge, points, label: { x, y } };
  });
  return { width, height, at, lines };
}

function inColumns(pieces: readonly Sized<Unplaced<Frame | Box>>[], edges: readonly Sized<Edge>[]): Placed {
  const { width, height, spots } = placeInColumns(pieces, edges, titleHeight);
  const at = (key: string): Required<Spot> => known(spots.get(key) ?? { width: 0, height: 0 });
  const seen = new Map<string, number>();
  const lines = edges.map((edge) => {
    const [from, to] = [at(edge.from), at(edge.to)];
    // Words stand before the receiver, those of one receiver below each other.
    const nth = seen.get(edge.to) ?? 0;
    seen.set(edge.to, nth + 1);
    const label = { x: to.x - to.width / 2 - edge.width / 2 - 12, y: to.y + nth * edge.height };
    if (edge.from !== edge.to) return { ...edge, points: across(from, to), label };
    const above = { x: from.x, y: from.y - from.height / 2 - letter.lineHeight };
    return { ...edge, points: loop(from, above), label: above };
  });
  return { width, height: height + deepest, at, lines };
}

/** How far a line hangs below the boxes at most, where there is nothing between its ends but other boxes. */
const deepest = 160;

/** From border to border; to the left, or past other boxes of the same row, below them. */
function across(from: Required<Spot>, to: Required<Spot>): Point[] {
  const [start, end] = [from.x + from.width / 2, to.x - to.width / 2];
  const isFar = from.y === to.y && end - start > 300;
  if (start < end && !isFar) {
    const middle = (start + end) / 2;
    return [
      { x: start, y: from.y },
      { x: middle, y: from.y },
      { x: middle, y: to.y },
      { x: end, y: to.y },
    ];
  }
  const [one, other] = [from.y + from.height / 2, to.y + to.height / 2];
  const low = Math.max(one, other) + Math.min(deepest, letter.lineHeight + Math.abs(end - start) / 12);
  return [
    { x: from.x, y: one },
    { x: from.x, y: low },
    { x: to.x, y: low },
    { x: to.x, y: other },
  ];
}

/** From a box around a label to the same box: dagre finds room for the label, its own points end beside the box. */
function loop(box: Required<Spot>, label: Point): Point[] {
  const side = label.y < box.y ? -1 : 1;
  const [border, quarter] = [box.y + (side * box.height) / 2, box.width / 4];
  return [
    { x: box.x + quarter, y: border },
    { x: box.x + 2 * quarter, y: label.y },
    { x: box.x - 2 * quarter, y: label.y },
    { x: box.x - quarter, y: border },
  ];
}

function known({ x = 0, y = 0, width, height }: Spot): Required<Spot> {
  return { x, y, width, height };
}

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly waits: boolean;
  readonly lines: readonly string[];
  readonly details: readonly string[];
}

function edgesOf(dataflow: Dataflow): Edge[] {
  return dataflow.nodes.flatMap((node) => {
    if (node.operators === undefined) return node.inputs.map((input) => edgeTo(node.id, input));
    return node.operators.flatMap((operator) =>
      operator.inputs.map((input) => edgeTo(`${node.id}/${operator.id}`, input)),
    );
  });
}

function edgeTo(to: string, input: DataflowInput): Edge {
  const { source, queuePolicy, queueSize, priority, timeoutNs } = input;
  const waits = queuePolicy === 'backpressure';
  const policy = waits ? 'the sender waits' : 'the oldest is dropped';
  const details = [
    `queue of ${String(queueSize)}; when it is full, ${policy}`,
    ...(priority === 0 ? [] : [`priority ${String(priority)}`]),
    ...(timeoutNs === undefined ? [] : [`closed after ${formatPeriod(timeoutNs)} without a message`]),
  ];
  if (source.kind === 'timer') {
    const title = `every ${formatPeriod(source.periodNs)} → ${to}/${input.id}`;
    return { from: timerKey(source.periodNs), to, waits, lines: [shorten(input.id)], details: [title, ...details] };
  }
  const from = source.operator === undefined ? source.node : `${source.node}/${source.operator}`;
  const words = source.output === input.id ? input.id : `${source.output} → ${input.id}`;
  // What differs from the default is worth reading without a pointer.
  const settings = [...(queueSize === 10 ? [] : [`queue ${String(queueSize)}`]), ...(waits ? ['waits'] : [])];
  return {
    from,
    to,
    waits,
    lines: [shorten(words), ...(settings.length === 0 ? [] : [settings.join(', ')])],
    details: [`${source.node}/${sourceOutputId(source)} → ${to}/${input.id}`, ...details],
  };
}

function timersOf(dataflow: Dataflow): Unplaced<Box>[] {
  const sources = dataflow.nodes.flatMap((node) => node.inputs.map((input) => input.source));
  const periods = new Set(sources.flatMap((source) => (source.kind === 'timer' ? [source.periodNs] : [])));
  return [...periods].map((period) => {
    const words = `every ${formatPeriod(period)}`;
    return { key: timerKey(period), shape: 'timer', lines: [words], details: [`timer, ${words}`] };
  });
}

/** Ids hold no blanks, so neither this nor a module's key can be a node's. */
function timerKey(periodNs: bigint): string {
  return `timer ${String(periodNs)}`;
}

/** The innermost module whose nodes have ids that start as this one does. */
function parentOf(id: string, { modules }: Dataflow): { parent?: string } {
  const around = modules.filter((module) => id.startsWith(`${module.id}.`));
  const inner = around.reduce((best, { id: other }) => (other.length > best.length ? other : best), '');
  return inner === '' ? {} : { parent: `module ${inner}` };
}

function shapeOf(node: DataflowNode): BoxShape {
  return node.kind === 'dynamic' || node.kind === 'unsupported' ? node.kind : 'program';
}

function detailsOf(node: DataflowNode): string[] {
  const { program, fetch } = node;
  // Neither arguments nor env: a key or a password may stand in them, and a page is sent around.
  const how = {
    program: program === undefined ? 'a program' : `runs ${program.command}`,
    runtime: 'a runtime node: its operators share one process',
    dynamic: 'started by hand',
    unsupported: 'needs what this version cannot run',
  };
  return [
    `node ${node.id}`,
    ...wordsOf(node),
    how[node.kind],
    // An address may hold a user's name and password.
    ...(fetch === undefined ? [] : [`from ${fetch.url.replace(/\/\/[^/@]*@/, '//')}`]),
  ];
}

function wordsOf({ name, description }: DataflowNode | DataflowOperator): string[] {
  return [name, description].filter((text) => text !== undefined);
}

function titleLines({ id, name }: DataflowNode | DataflowOperator): string[] {
  return name === undefined || name === id || name.trim() === '' ? [shorten(id)] : [shorten(name), shorten(id)];
}

function shorten(text: string): string {
  const letters = Array.from(text.replaceAll(/\s+/g, ' ').trim());
  return letters.length <= longestWord ? letters.join('') : `${letters.slice(0, longestWord - 1).join('')}…`;
}

/** East Asian letters and pictures are twice as wide in a font of fixed width. */
function sizeOf(lines: readonly string[]): { width: number; height: number } {
  const columns = lines.map((line) => Array.from(line).reduce((sum, char) => sum + (char >= '\u{1100}' ? 2 : 1), 0));
  return { width: Math.max(...columns) * letter.width, height: lines.length * letter.lineHeight };
}
