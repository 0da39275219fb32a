/**
 * What `dora run` shows while a dataflow runs: progress, and each line of output behind its node's name.
 *
 * Two forms of the same events: text for people (output of nodes to the stream it came from, all else to stderr), and
 * one JSON object a line for programs (everything to stdout). A view takes events and writes; it decides nothing.
 */

import type { ChalkInstance } from 'chalk';
import type { DataflowSummary } from '../message/report.js';
import type { Console } from './console.js';
import { formatDuration } from './duration.js';
import type { RunEvent } from './run-api.js';
import { formatEdges, formatFailure, formatTable } from './run-summary.js';

export interface RunView {
  /** Settles when there is room for more. */
  onEvent(event: RunEvent): Promise<void> | void;
  /** A first Ctrl-C or SIGTERM was taken. */
  onStopSignal(signal: string): void;
  onResult(result: DataflowSummary): void;
}

/** One JSON object a line; the last is `finished` with the summary. */
export class JsonView implements RunView {
  constructor(readonly console: Console) {}

  async onEvent(event: RunEvent): Promise<void> {
    this.console.line(JSON.stringify(event));
    await this.console.out.ready();
  }

  onStopSignal(): void {
    // `stopping` follows as an event.
  }

  onResult(): void {
    // `finished` was an event.
  }
}

/** For people. */
export class TextView implements RunView {
  readonly #prefixes = new Map<string, { out: string; err: string }>();
  #width = 0;
  #nodes = 0;
  #running = false;

  /**
   * @param quiet only what goes wrong
   */
  constructor(
    readonly console: Console,
    readonly quiet: boolean,
  ) {}

  /** Names whose lines will come, so that all prefixes have the same width. */
  setNames(names: readonly string[]): void {
    this.#nodes = names.length;
    this.#width = Math.min(24, Math.max(0, ...names.map((name) => name.length)));
    for (const name of names) this.#prefix(name);
  }

  async onEvent(event: RunEvent): Promise<void> {
    if (event.event === 'running') this.#running = true;
    if (event.event === 'warning') this.#note(this.console.colorErr.yellow('warning'), event.message);
    else if (event.event === 'nodeAwaited') this.#showAwaited(event.node, event.config);
    else if (event.event === 'failed') this.#showFailed(event.failure.message);
    if (this.quiet) return;
    switch (event.event) {
      case 'output':
        await this.#output(event.node, event.stream, event.lines);
        break;
      case 'fetchStarted':
        this.#note(this.console.colorErr.cyan('fetch'), `${event.owner}: ${event.source}`);
        break;
      case 'fetchDone':
        this.#note(this.console.colorErr.cyan('fetch'), `${event.owner}: ${event.pinned}`);
        break;
      case 'buildStarted':
        this.#note(this.console.colorErr.cyan('build'), `${event.owner}: ${event.command}`);
        break;
      case 'running':
        this.#note(this.console.colorErr.cyan('dora'), `"${event.dataflow}" runs`);
        break;
      case 'stopping':
        if (event.reason === 'request') {
          this.#note(this.console.colorErr.cyan('dora'), `node "${event.node ?? ''}" asked for the end; stopping all`);
        }
        break;
      default:
        break;
    }
  }

  onStopSignal(signal: string): void {
    const again = signal === 'SIGINT' ? ' (Ctrl-C again ends everything at once)' : '';
    if (!this.quiet) this.#note(this.console.colorErr.cyan('dora'), `stopping${again}`);
  }

  onResult(result: DataflowSummary): void {
    const { console } = this;
    if (!this.quiet) {
      const edges = formatEdges(result, console.color);
      if (edges !== undefined) console.line(`\n${edges}`);
      console.line(`\n${formatTable(result, console.color)}`);
    }
    if (result.failure !== undefined) {
      console.errorLine(`\n${formatFailure(result.failure, console.colorErr)}`);
    } else if (!this.quiet) {
      const how = result.reason === 'stopped' ? 'stopped' : 'finished';
      this.#note(
        console.colorErr.cyan('dora'),
        `"${result.dataflow}" ${how} after ${formatDuration(result.durationMs)}`,
      );
    }
  }

  async #output(node: string, stream: 'stdout' | 'stderr', lines: readonly string[]): Promise<void> {
    const prefix = this.#prefix(node);
    const writer = stream === 'stdout' ? this.console.out : this.console.err;
    const head = stream === 'stdout' ? prefix.out : prefix.err;
    writer.write(lines.map((line) => `${head}${line}\n`).join(''));
    await writer.ready();
  }

  /** A line about the dataflow as a whole. */
  protected note(text: string): void {
    this.#note(this.console.colorErr.cyan('dora'), text);
  }

  #showAwaited(node: string, config: string): void {
    this.#note(
      this.console.colorErr.cyan('dora'),
      `node "${node}" is started by hand; in another terminal of this machine:`,
    );
    this.console.errorLine(`  DORA_NODE_CONFIG='${config}' <its program>`);
  }

  #showFailed(message: string): void {
    this.#note(
      this.console.colorErr.red('dora'),
      this.#running && this.#nodes > 1 ? `${message}; stopping the others` : message,
    );
  }

  #note(label: string, text: string): void {
    this.console.errorLine(`${label}  ${text}`);
  }

  #prefix(name: string): { out: string; err: string } {
    let prefix = this.#prefixes.get(name);
    if (prefix === undefined) {
      const text = `${name.padEnd(this.#width)} | `;
      const paint = (c: ChalkInstance): string => {
        const colors = [c.cyan, c.green, c.magenta, c.yellow, c.blue, c.cyanBright, c.greenBright, c.magentaBright];
        return colors[this.#prefixes.size % colors.length]?.(text) ?? text;
      };
      prefix = { out: paint(this.console.color), err: paint(this.console.colorErr) };
      this.#prefixes.set(name, prefix);
    }
    return prefix;
  }
}
