/**
 * On which cores a node may run, and with which priority: `cpu_affinity` and `realtime`, at the node or inside `custom`.
 *
 * Which cores there are is a matter of the machine, like its files, and is looked at together with them: a core that is
 * not there is a mistake here and not a surprise at the start. Whether this user may have a real-time priority is seen
 * when the program starts, and is a warning then.
 */

import { readFileSync } from 'node:fs';
import type { DraftNode, RawNode, ResolveContext } from './draft.js';
import { merged } from './merge-custom.js';
import type { DataflowNode } from './model.js';

type RawCustom = NonNullable<RawNode['custom']>;
type Scheduling = Pick<DataflowNode, 'cpuAffinity' | 'realtime'>;

const keys = ['cpu_affinity', 'realtime'] as const;

/** What the node says about cores and priority, with defaults. */
export function resolveScheduling(raw: RawNode, custom: RawCustom | undefined, context: ResolveContext): Scheduling {
  const cores = merged(raw, custom, 'cpu_affinity', context)?.filter((core) => core !== undefined);
  const realtime = merged(raw, custom, 'realtime', context);
  return {
    // An empty list says nothing: a process without a core cannot be meant.
    ...(cores === undefined || cores.length === 0
      ? {}
      : { cpuAffinity: [...new Set(cores)].sort((one, other) => one - other) }),
    ...(realtime === undefined
      ? {}
      : {
          realtime: {
            policy: realtime.policy ?? 'fifo',
            priority: realtime.priority ?? 1,
            lockMemory: realtime.lock_memory ?? false,
          },
        }),
  };
}

/** Keys that mean nothing for a program that is started by hand. */
export function refuseScheduling(raw: RawNode, custom: RawCustom | undefined, context: ResolveContext): void {
  for (const holder of custom === undefined ? [raw] : [raw, custom]) {
    for (const name of keys) {
      if (!context.places.wrote(holder, name)) continue;
      context.reporter.report(context.places.key(holder, name), {
        code: 'MISPLACED_KEY',
        message: `"${name}" has no meaning for a program that is started by hand`,
        hint: 'Start it by taskset and chrt, which set the same.',
      });
    }
  }
}

/** Reports the cores of a draft that this machine does not have. */
export function checkCores({ raw, context }: DraftNode): void {
  const { places, reporter } = context;
  const holder = [raw.custom, raw].find((map) => map !== undefined && places.wrote(map, 'cpu_affinity'));
  const written = holder?.cpu_affinity;
  if (written === undefined) return;
  const online = onlineCores();
  if (online === undefined) return;
  for (const [index, core] of written.entries()) {
    if (core === undefined || online.cores.has(core)) continue;
    reporter.report(places.value(written, index), {
      code: 'CPU_NOT_FOUND',
      message: `this machine has no core ${String(core)}`,
      hint: `Its cores are ${online.text}.`,
    });
  }
}

/** The cores that are switched on; undefined where the system does not say. */
function onlineCores(): { cores: ReadonlySet<number>; text: string } | undefined {
  try {
    const text = readFileSync('/sys/devices/system/cpu/online', 'utf8').trim();
    return { cores: parseCores(text), text };
  } catch {
    return undefined;
  }
}

/** A list of the kernel's, such as `0-3,8`. */
function parseCores(text: string): Set<number> {
  const cores = new Set<number>();
  for (const part of text.split(',')) {
    const [low, high = low] = part.split('-').map(Number);
    for (let core = low ?? 0; core <= (high ?? -1); core += 1) cores.add(core);
  }
  return cores;
}
