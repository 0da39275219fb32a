/**
 * The charts of docs/performance.md as SVG, drawn by Observable Plot on a document without a browser.
 */

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Whether it is a figure of ours. */
  readonly ours: boolean;
}

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly series: string;
}

const OURS = '#1f6feb';
const OTHERS = '#9aa4b2';
const look = { backgroundColor: 'white', color: 'black', fontSize: '12px' };

/** Bars on a logarithmic scale, in the order given. @param unit of the values, as an axis shows it */
export function barChart(title: string, unit: string, bars: readonly Bar[]): string {
  const values = bars.map(({ value }) => value);
  // Bars of a logarithmic scale need a foot: the power of ten below the smallest.
  const foot = 10 ** Math.floor(Math.log10(Math.min(...values)) - 0.001);
  return draw({
    width: 760,
    height: 60 + 24 * bars.length,
    marginLeft: 240,
    marginRight: 70,
    x: {
      type: 'log',
      label: `${title}, ${unit} (log)`,
      grid: true,
      domain: [foot, Math.max(...values)],
      tickFormat: tick,
    },
    y: { label: null, domain: bars.map(({ label }) => label) },
    marks: [
      Plot.barX([...bars], { x1: foot, x2: 'value', y: 'label', fill: (bar: Bar) => (bar.ours ? OURS : OTHERS) }),
      Plot.text([...bars], {
        x: 'value',
        y: 'label',
        text: (bar: Bar) => short(bar.value),
        textAnchor: 'start',
        dx: 4,
      }),
    ],
  });
}

/** Curves over a growing number; both scales logarithmic. */
export function lineChart(xLabel: string, yLabel: string, points: readonly Point[]): string {
  const ys = points.map(({ y }) => y);
  const exponent = { low: Math.floor(Math.log10(Math.min(...ys))), high: Math.ceil(Math.log10(Math.max(...ys))) };
  return draw({
    width: 640,
    height: 320,
    marginLeft: 70,
    marginBottom: 40,
    x: { type: 'log', base: 2, label: xLabel, tickFormat: tick, ticks: 8 },
    y: { type: 'log', label: yLabel, grid: true, domain: [10 ** exponent.low, 10 ** exponent.high], tickFormat: tick },
    color: { legend: false, range: [OURS, OTHERS] },
    marks: [
      Plot.lineY([...points], { x: 'x', y: 'y', stroke: 'series' }),
      Plot.dot([...points], { x: 'x', y: 'y', fill: 'series' }),
      Plot.text(
        [...points],
        Plot.selectLast({ x: 'x', y: 'y', z: 'series', text: 'series', dy: -10, textAnchor: 'end' }),
      ),
    ],
  });
}

/** Sizes by 1024, as 4Ki and 1Mi; other large numbers as 20k. */
function tick(value: number): string {
  if (value >= 2 ** 20 && Number.isInteger(value / 2 ** 20)) return `${value / 2 ** 20}Mi`;
  if (value >= 1024 && Number.isInteger(value / 1024)) return `${value / 1024}Ki`;
  return value >= 10_000 ? `${short(value / 1000)}k` : short(value);
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function draw(options: Plot.PlotOptions): string {
  // Types of both are those of a browser, which this project does not have.
  const { document } = parseHTML('<!doctype html><html><body></body></html>') as unknown as { document: object };
  const plot = Plot.plot as unknown as (options: object) => {
    setAttribute(name: string, value: string): void;
    outerHTML: string;
  };
  const figure = plot({ ...options, style: look, document });
  figure.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return `${figure.outerHTML}\n`;
}
