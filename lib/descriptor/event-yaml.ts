/**
 * Reads YAML from the events of the library `js-yaml`, several times as fast as the library `yaml`, for files so large that its time counts.
 *
 * Events have no words for what is wrong, and the two libraries differ at the edges of YAML. So this reader takes what programs write, and nearly
 * all that people write: maps and lists of lines or in brackets, words and quoted text, blocks of text, comments, anchors and aliases, tags of one
 * word. Whatever is unusual or wrong makes it give up; then library-yaml.ts reads the text, and says what is wrong. It may refuse too much, and must
 * never read anything unlike the other: a test compares the two over damaged files without end. Called by read-yaml.ts and parted-yaml.ts only.
 */

import { EVENT_ID, YAMLException, parseEvents, type Event } from 'js-yaml';
import { EventReader, Unusual, type EventReading } from './event-reader.js';
import type { YamlNode } from './yaml-tree.js';

/** Deeper is no dataflow, and library-yaml.ts's to refuse. */
const MAX_DEPTH = 50;
/** Where the libraries differ: tabs, carriage returns alone, marks of byte order, ends of documents, starts that are indented. */
const UNUSUAL = /\t|\r(?!\n)|\uFEFF|^\.\.\.|^ +---/m;
/** The end of a line in front of one that starts with a bracket that closes. */
const BEFORE_CLOSING = /\r?\n(?= *[\]}])/g;

/**
 * The tree of a text; undefined when it is unusual, or no YAML.
 *
 * @param anchors what aliases may stand for from outside the text; the text's own come to it once it is read
 */
export function readEventYaml(text: string, anchors = new Map<string, YamlNode>()): EventReading | undefined {
  const events = eventsOf(text);
  return events && attempt(new EventReader(text, events, anchors), (reader) => reader.document());
}

/**
 * Reads the list that is the only value of the map at the root, an entry at a time. Undefined when the text is no YAML, or does not have an entry
 * behind each of the offsets `starts`, and no others.
 *
 * @param anchors as for `readEventYaml`; those of an entry come to it before the next is read
 * @returns what each entry is, undefined for one that is unusual
 */
export function readEventEntries(
  text: string,
  starts: readonly number[],
  anchors: Map<string, YamlNode>,
): Iterable<EventReading | undefined> | undefined {
  const events = eventsOf(text);
  const entries = events && findEntries(events, starts);
  return entries && readEach(text, events, entries, anchors);
}

function* readEach(
  text: string,
  events: readonly Event[],
  entries: readonly number[],
  anchors: Map<string, YamlNode>,
): Generator<EventReading | undefined> {
  for (const entry of entries) {
    yield attempt(new EventReader(text, events, anchors), (reader) => reader.entry(entry));
  }
}

/**
 * Whether the text can be taken apart at these offsets, in the order of the file: none lies within a text of several lines. True for what is no
 * YAML either.
 */
export function canBeParted(text: string, offsets: readonly number[]): boolean {
  const events = parsed(text);
  return events === undefined || !covers(events, offsets);
}

function attempt(reader: EventReader, read: (reader: EventReader) => EventReading): EventReading | undefined {
  try {
    const reading = read(reader);
    reader.keepAnchors();
    return reading;
  } catch (error) {
    if (error instanceof Unusual || error instanceof YAMLException) return undefined;
    throw error;
  }
}

function eventsOf(text: string): readonly Event[] | undefined {
  if (UNUSUAL.test(text)) return undefined;
  return parsed(text) ?? parsedWithClosingLines(text);
}

/**
 * js-yaml refuses a bracket that closes below the start of the key that it belongs to, which YAML allows, and programs write. Here such a bracket
 * goes to the end of the line above, in the place of its comment, with every other place as it was; whether it stands right is seen from the text
 * later.
 */
function parsedWithClosingLines(text: string): readonly Event[] | undefined {
  const pieces: string[] = [];
  const blanks: number[] = [];
  let done = 0;
  for (const { 0: lineEnd, index } of text.matchAll(BEFORE_CLOSING)) {
    const line = text.slice(text.lastIndexOf('\n', index - 1) + 1, index);
    const blank = index - (/(?:^| )#[^]*/.exec(line)?.[0].length ?? 0);
    const end = index + lineEnd.length;
    pieces.push(text.slice(done, blank), ' '.repeat(end - blank));
    // A text that has the blank has what follows too.
    blanks.push(blank + 1);
    done = end;
  }
  if (done === 0) return undefined;
  const events = parsed(pieces.join('') + text.slice(done));
  return events && !covers(events, blanks) ? events : undefined;
}

function parsed(text: string): readonly Event[] | undefined {
  try {
    return parseEvents(text, { maxDepth: MAX_DEPTH });
  } catch (error) {
    if (error instanceof YAMLException) return undefined;
    throw error;
  }
}

/** Whether one of these offsets, in the order of the file, lies within a text and not at its start. */
function covers(events: readonly Event[], offsets: readonly number[]): boolean {
  let next = 0;
  for (const event of events) {
    if (event.type !== EVENT_ID.SCALAR || event.valueStart < 0) continue;
    while ((offsets[next] ?? Infinity) <= event.valueStart) next += 1;
    if ((offsets[next] ?? Infinity) < event.valueEnd) return true;
  }
  return false;
}

/** Where the events of each entry begin; undefined unless they are the entries behind `starts`. */
function findEntries(events: readonly Event[], starts: readonly number[]): readonly number[] | undefined {
  // Before them: the document, the map, its key, the list.
  if (events[3]?.type !== EVENT_ID.SEQUENCE) return undefined;
  const entries: number[] = [];
  let depth = 0;
  let at = 4;
  for (; depth > 0 || events[at]?.type !== EVENT_ID.POP; at += 1) {
    const event = events[at];
    if (event === undefined) return undefined;
    if (depth === 0) {
      const [from = Infinity, to = Infinity] = [starts[entries.length], starts[entries.length + 1]];
      const place = placeOf(event);
      if (place >= 0 && (place < from || place >= to)) return undefined;
      entries.push(at);
    }
    if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE) depth += 1;
    else if (event.type === EVENT_ID.POP) depth -= 1;
  }
  // After them the ends of list, map and document.
  return entries.length === starts.length && events.length === at + 3 ? entries : undefined;
}

/** -1 for what is not there. */
function placeOf(event: Event): number {
  if (event.type === EVENT_ID.SCALAR) return event.valueStart;
  if (event.type === EVENT_ID.ALIAS) return event.anchorStart;
  return 'start' in event ? event.start : -1;
}
