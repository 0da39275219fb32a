/**
 * Rules of `ros2` and `ros1` that span keys: exactly one thing is bridged, with what that needs beside it, and the node
 * has the ports through which messages pass. What dora 1.x refuses is an error; a key that it reads and never looks at is a warning.
 *
 * Nodes with a bridge do not run yet; a file that is in order today will be then. Called by resolve-node.ts.
 */

import type { DraftUnit, RawNode, ResolveContext } from './draft.js';
import { didYouMean, listNames, quote } from './suggest.js';

type RawRos = NonNullable<RawNode['ros2']> | NonNullable<RawNode['ros1']>;
type Kind = 'topic' | 'topics' | 'service' | 'action';

/** What is bridged, and the keys that belong to it: those that have to be there first. */
const kinds: Readonly<Record<Kind, { readonly needed: readonly string[]; readonly also: readonly string[] }>> = {
  topic: { needed: ['message_type'], also: ['direction'] },
  topics: { needed: [], also: [] },
  service: { needed: ['service_type', 'role'], also: [] },
  action: { needed: ['action_type', 'role'], also: [] },
};
const companions = [...new Set(Object.values(kinds).flatMap(({ needed, also }) => [...needed, ...also]))];

const examples: Readonly<Record<string, string>> = {
  message_type: 'std_msgs/String',
  service_type: 'example_interfaces/AddTwoInts',
  action_type: 'example_interfaces/Fibonacci',
  role: 'client',
};

/** @param unit the ports of the node */
export function checkRos(raw: RawNode, key: 'ros2' | 'ros1', unit: DraftUnit, context: ResolveContext): void {
  const ros: RawRos | undefined = raw[key];
  if (ros === undefined) return;
  const kind = kindOf(ros, key, context);
  if (kind === undefined) return;
  checkCompanions(ros, kind, context);
  if ('transport' in ros) checkTransport(ros, context);
  const needs = portsOf(ros, kind, unit, context);
  const at = context.places.key(ros, kind);
  for (const what of ['inputs', 'outputs'] as const) {
    if (!needs[what] || unit[what].length > 0 || context.places.wrote(raw, what)) continue;
    context.reporter.report(at, {
      code: 'MISSING_KEY',
      message: `this bridge needs "${what}"`,
      hint: `Messages ${what === 'inputs' ? 'to' : 'from'} ROS pass through ${what} of the node: list one.`,
    });
  }
}

function kindOf(ros: RawRos, key: string, { places, reporter }: ResolveContext): Kind | undefined {
  const possible = (Object.keys(kinds) as Kind[]).filter((kind) => key === 'ros2' || kind !== 'action');
  const [first, second] = possible.filter((kind) => places.wrote(ros, kind));
  if (first === undefined) {
    reporter.report(places.of(ros), {
      code: 'NO_SOURCE',
      message: `"${key}" does not say what to bridge`,
      hint: `Give one of ${possible.join(', ')}.`,
    });
  } else if (second !== undefined) {
    reporter.report(places.key(ros, second), {
      code: 'TWO_SOURCES',
      message: `"${key}" has both "${first}" (line ${String(places.key(ros, first).range.line)}) and "${second}"`,
      hint:
        second === 'topics' || first === 'topics'
          ? 'Write all topics into "topics".'
          : 'Make two nodes of them: a bridge has one.',
    });
    return undefined;
  }
  return first;
}

function checkCompanions(ros: RawRos, kind: Kind, { places, reporter }: ResolveContext): void {
  const { needed, also } = kinds[kind];
  for (const name of needed) {
    if (places.wrote(ros, name)) continue;
    reporter.report(places.key(ros, kind), {
      code: 'MISSING_KEY',
      message: `"${kind}" needs "${name}" beside it`,
      hint: `For example ${name}: ${String(examples[name])}.`,
    });
  }
  for (const name of companions) {
    if (needed.includes(name) || also.includes(name) || !places.wrote(ros, name)) continue;
    reporter.report(places.key(ros, name), {
      code: 'MISPLACED_KEY',
      severity: 'warning',
      message: `"${name}" has no meaning beside "${kind}"`,
      hint: kind === 'topics' ? 'Write it at each of the topics.' : 'Remove it.',
    });
  }
  if ('topics' in ros && ros.topics?.length === 0) {
    reporter.report(places.key(ros, 'topics'), {
      code: 'NO_SOURCE',
      message: 'the list "topics" is empty',
      hint: 'Add a topic: { topic: /name, message_type: package/Type }.',
    });
  }
}

function checkTransport(ros: NonNullable<RawNode['ros2']>, { places, reporter }: ResolveContext): void {
  const { transport } = ros;
  if (transport?.kind !== 'zenoh' || places.wrote(transport, 'compatibility')) return;
  reporter.report(places.value(transport, 'kind'), {
    code: 'MISSING_KEY',
    message: '"kind: zenoh" needs "compatibility" beside it',
    hint: 'Write compatibility: humble, or rep2016, whichever the other side speaks.',
  });
}

/** Which ports the bridge needs; those that topics name have to be there. */
function portsOf(
  ros: RawRos,
  kind: Kind,
  unit: DraftUnit,
  context: ResolveContext,
): { inputs: boolean; outputs: boolean } {
  if (kind === 'service' || kind === 'action') return { inputs: true, outputs: true };
  const topics = kind === 'topic' ? [ros] : (ros.topics ?? []).filter((topic) => topic !== undefined);
  const needs = { inputs: false, outputs: false };
  for (const topic of topics) {
    const publishes = topic.direction === 'publish';
    needs[publishes ? 'inputs' : 'outputs'] = true;
    if (!('input' in topic) && !('output' in topic)) continue;
    for (const what of ['input', 'output'] as const) checkPort(topic, what, publishes, unit, context);
  }
  return needs;
}

function checkPort(
  topic: { readonly input?: string | undefined; readonly output?: string | undefined },
  what: 'input' | 'output',
  publishes: boolean,
  unit: DraftUnit,
  { places, reporter }: ResolveContext,
): void {
  const id = topic[what];
  if (id === undefined) return;
  const names = unit[`${what}s`].map((port) => port.id);
  if ((what === 'input') !== publishes) {
    reporter.report(places.key(topic, what), {
      code: 'MISPLACED_KEY',
      message: `"${what}" has no meaning for a topic with "direction: ${publishes ? 'publish' : 'subscribe'}"`,
      hint: publishes ? 'What is published comes from an "input".' : 'What comes from ROS goes to an "output".',
    });
  } else if (!names.includes(id)) {
    reporter.report(places.value(topic, what), {
      code: what === 'input' ? 'UNKNOWN_INPUT' : 'UNKNOWN_OUTPUT',
      message: `the topic names ${quote(id)}, which is no ${what} of the node`,
      hint: didYouMean(id, names) ?? `Its ${what}s: ${listNames(names)}.`,
    });
  }
}
