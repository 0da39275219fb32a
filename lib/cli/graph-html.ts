/**
 * A drawing as one HTML file that needs nothing else: SVG and a style sheet, no script, nothing fetched.
 *
 * Names come from a file that somebody else may have written. All text goes through escape(), no text becomes an attribute,
 * and the page's policy forbids scripts and requests on top. Called by commands/graph.ts; places are graph-layout.ts's.
 */

import path from 'node:path';
import type { Dataflow } from '../descriptor/index.js';
import { drawDataflow, letter, titleHeight, type Box, type Frame, type Line, type Point } from './graph-layout.js';

/** The whole page. Same dataflow, same text. */
export function toHtml(dataflow: Dataflow): string {
  const { width, height, isLarge, frames, boxes, lines } = drawDataflow(dataflow);
  const title = escape(path.basename(dataflow.file));
  const size = `width="${round(width)}" height="${round(height)}" viewBox="0 0 ${round(width)} ${round(height)}"`;
  const counts = `${counted(dataflow.nodes.length, 'node')}, ${counted(lines.length, 'connection')}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<h1>${title}</h1>
<p>${counts}. Thick: the sender waits when the queue is full. Slanted: started by hand. Dotted: a module. Rest the pointer on anything for more.${isLarge ? ' So much is laid out in plain columns.' : ''}</p>
<svg xmlns="http://www.w3.org/2000/svg" role="img" ${size}>
<title>${title}</title>
<defs>
${marker('arrow', 9)}
${marker('arrow-thick', 5)}
</defs>
${[...frames.map(frameShape), ...lines.map(lineShape), ...boxes.map(boxShape), ...lines.map(labelShape)].join('\n')}
</svg>
</body>
</html>
`;
}

/** Its size is in widths of the line, as SVG counts it. */
function marker(id: string, size: number): string {
  const form = `viewBox="0 0 10 10" refX="9" refY="5" markerWidth="${size}" markerHeight="${size}" orient="auto"`;
  return `<marker id="${id}" ${form}><path d="M0 0L10 5L0 10z"/></marker>`;
}

function frameShape({ shape, x, y, width, height, title, details }: Frame): string {
  const [left, top] = [x - width / 2, y - height / 2 - titleHeight];
  const rect = rectangle(left, top, width, height + titleHeight, 6);
  const text = `<text class="title" x="${round(left + 10)}" y="${round(top + 16)}">${escape(title)}</text>`;
  return `<g class="frame ${shape}">${tooltip(details)}${rect}${text}</g>`;
}

function boxShape({ shape, x, y, width, height, lines, details }: Box): string {
  const [left, top, right, bottom] = [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
  const slant = (
    [
      [left + 8, top],
      [right + 8, top],
      [right - 8, bottom],
      [left - 8, bottom],
    ] as const
  )
    .map((corner) => corner.map(round).join(','))
    .join(' ');
  const radius = { program: 3, operator: 12, timer: height / 2, unsupported: 3 };
  const outline =
    shape === 'dynamic' ? `<polygon points="${slant}"/>` : rectangle(left, top, width, height, radius[shape]);
  return `<g class="box ${shape}">${tooltip(details)}${outline}${textLines({ x, y }, lines)}</g>`;
}

function lineShape({ points, waits, details }: Line): string {
  const marker = waits ? 'arrow-thick' : 'arrow';
  const arrow = `<path d="${curve(points)}" marker-end="url(#${marker})"/>`;
  return `<g class="line${waits ? ' waits' : ''}">${tooltip(details)}${arrow}</g>`;
}

/** Over boxes and lines, with a rim in the colour of the page. */
function labelShape({ label, lines, details }: Line): string {
  return `<g class="label">${tooltip(details)}${textLines(label, lines)}</g>`;
}

function rectangle(x: number, y: number, width: number, height: number, radius: number): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="${round(radius)}"/>`;
}

/** Around a point; the second line is the small one. */
function textLines({ x, y }: Point, lines: readonly string[]): string {
  const first = y - ((lines.length - 1) * letter.lineHeight) / 2 + 4;
  return lines
    .map((line, n) => {
      const small = n === 0 ? '' : ' class="small"';
      return `<text${small} x="${round(x)}" y="${round(first + n * letter.lineHeight)}">${escape(line)}</text>`;
    })
    .join('');
}

/** Through the middles of the pieces, bent at the corners. */
function curve(points: readonly Point[]): string {
  const middle = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const text = ({ x, y }: Point): string => `${round(x)} ${round(y)}`;
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return '';
  const bends = points.slice(1, -1).map((corner, n) => {
    const next = points[n + 2] ?? last;
    return `Q${text(corner)} ${text(n === points.length - 3 ? last : middle(corner, next))}`;
  });
  return `M${text(first)}${bends.length === 0 ? `L${text(last)}` : bends.join('')}`;
}

function tooltip(details: readonly string[]): string {
  return `<title>${details.map(escape).join('\n')}</title>`;
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** For text between tags. Control and direction characters, with which a name could look like another, become blanks. */
function escape(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

const style = `
:root { color-scheme: light dark; --page: #fff; --ink: #1f2328; --faint: #656d76; --box: #eef4fb; --rim: #4a7ab0;
  --operator: #eef8ee; --timer: #fdf6e3; --frame: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --ink: #e6edf3; --faint: #8d96a0; --box: #14263c;
  --rim: #6ca0dc; --operator: #12301c; --timer: #332a12; --frame: #161b22; } }
body { margin: 16px 24px; background: var(--page); color: var(--ink); font: 14px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 18px; }
p { margin: 0 0 12px; color: var(--faint); }
svg { max-width: none; }
text { fill: var(--ink); font: 12px ui-monospace, "DejaVu Sans Mono", monospace; text-anchor: middle; }
text.title { text-anchor: start; font-weight: bold; }
text.small { fill: var(--faint); }
.box rect, .box polygon { fill: var(--box); stroke: var(--rim); }
.operator rect { fill: var(--operator); }
.timer rect { fill: var(--timer); stroke: var(--faint); }
.unsupported rect { fill: none; stroke-dasharray: 5 3; }
.frame rect { fill: var(--frame); stroke: var(--rim); }
.module rect { fill: none; stroke: var(--faint); stroke-dasharray: 2 3; }
.line path { fill: none; stroke: var(--faint); stroke-width: 1.2; }
.waits path { stroke: var(--ink); stroke-width: 2.6; }
.label text { paint-order: stroke; stroke: var(--page); stroke-width: 4px; stroke-linejoin: round; }
marker path { fill: var(--ink); }
g:hover > path { stroke: var(--rim); }
`;
