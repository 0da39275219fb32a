/**
 * A dataflow as a drawing with coordinates: boxes, frames and lines, each with its words. dagre decides where things go.
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

/** Everything measured and given to dagre, and read back with its place. */
function place(frames: readonly Unplaced<Frame>[], boxes: readonly Unplaced<Box>[], dataflow: Dataflow): Drawing {
  const graph = new dagre.Graph({ compound: true, multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 44, edgesep: 24, ranksep: 56, marginx: 24, marginy: 24 + titleHeight });
  for (const frame of frames) graph.setNode(frame.key, { width: 0, height: 0 });
  for (const box of boxes) {
    const { width, height } = sizeOf(box.lines);
    graph.setNode(box.key, { width: Math.max(width + 28, 64), height: height + 18 });
  }
  for (const { key, parent } of [...frames, ...boxes]) if (parent !== undefined) graph.setParent(key, parent);
  const edges = edgesOf(dataflow);
  edges.forEach(({ from, to, lines }, index) => {
    const { width, height } = sizeOf(lines);
    graph.setEdge(from, to, { width: width + 8, height: height + 4, labelpos: 'c' }, String(index));
  });
  dagre.layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  const at = (key: string): Required<Spot> => known(graph.node(key));
  return {
    width,
    height,
    frames: frames.map((frame) => ({ ...frame, ...at(frame.key) })),
    boxes: boxes.map((box) => ({ ...box, ...at(box.key) })),
    lines: edges.map((edge, index) => {
      const track = graph.edge(edge.from, edge.to, String(index));
      const { x, y } = known(track);
      const points = edge.from === edge.to ? loop(at(edge.from), { x, y }) : (track.points ?? []);
      return { ...edge, points, label: { x, y } };
    }),
  };
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
