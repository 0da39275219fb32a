/**
 * The description of a cluster (cluster.yml), and whether a dataflow fits onto it: each node's `deploy` has to name a
 * machine that is there and labels that one machine has. Called by load.ts for a file of that kind, and for a dataflow
 * that is checked against one.
 */

import type { Place, Reporter } from './diagnostic.js';
import type { RawCluster, RawDeploy } from './draft.js';
import { checkId } from './names.js';
import type { Places } from './loose.js';
import { didYouMean, hints, listNames, quote } from './suggest.js';

/** What placement looks at. */
export interface ClusterMachine {
  readonly id: string;
  readonly labels: ReadonlyMap<string, string>;
}

/** Checks what spans several keys, and returns the machines. */
export function resolveCluster(raw: RawCluster | undefined, places: Places, reporter: Reporter): ClusterMachine[] {
  const found = new Map<string, { machine: ClusterMachine; place: Place }>();
  if (raw?.machines?.length === 0) {
    reporter.report(places.key(raw, 'machines'), {
      code: 'NO_MACHINES',
      message: 'the cluster has no machines',
      hint: 'Add one: "- id: name" with "host" below.',
    });
  }
  for (const machine of raw?.machines ?? []) {
    if (machine?.id === undefined) continue;
    const place = places.value(machine, 'id');
    const problem = checkId('machine', machine.id);
    if (problem !== undefined) reporter.report(place, { code: 'INVALID_NAME', ...problem });
    const first = found.get(machine.id);
    if (first !== undefined) {
      reporter.report(place, {
        code: 'DUPLICATE_ID',
        message: `there are two machines ${quote(machine.id)}; the first is on line ${first.place.range.line}`,
        hint: 'Give each machine an id of its own.',
      });
      continue;
    }
    found.set(machine.id, { machine: { id: machine.id, labels: machine.labels ?? new Map() }, place });
  }
  return [...found.values()].map(({ machine }) => machine);
}

/** Reports a `deploy` that no machine of the cluster satisfies. */
export function checkPlacement(
  deploy: RawDeploy,
  machines: readonly ClusterMachine[],
  places: Places,
  reporter: Reporter,
): void {
  const { machine: wanted } = deploy;
  const labels = [...(deploy.labels ?? [])];
  const named = wanted === undefined ? machines : machines.filter(({ id }) => id === wanted);
  if (named.length === 0) {
    reporter.report(places.value(deploy, 'machine'), {
      code: 'UNKNOWN_MACHINE',
      message: `the cluster has no machine ${quote(wanted ?? '')}`,
      hint: hints(
        didYouMean(
          wanted ?? '',
          machines.map(({ id }) => id),
        ),
        `Its machines are ${listNames(machines.map(({ id }) => id))}.`,
      ),
    });
    return;
  }
  if (deploy.labels === undefined || named.some((machine) => hasLabels(machine, labels))) return;
  const missing = labels.filter(([name, value]) => !named.some((machine) => machine.labels.get(name) === value));
  const [first] = missing;
  const place = first === undefined ? places.key(deploy, 'labels') : places.value(deploy.labels, first[0]);
  const words = (first === undefined ? labels : [first])
    .map(([name, value]) => quote(`${name}: ${value}`))
    .join(' and ');
  reporter.report(place, {
    code: 'UNKNOWN_MACHINE',
    message: `no machine${wanted === undefined ? '' : ` ${quote(wanted)}`} of the cluster has the label${first === undefined ? 's' : ''} ${words}`,
    hint: labelHint(first, named),
  });
}

function hasLabels(machine: ClusterMachine, labels: readonly (readonly [string, string])[]): boolean {
  return labels.every(([name, value]) => machine.labels.get(name) === value);
}

function labelHint(label: readonly [string, string] | undefined, machines: readonly ClusterMachine[]): string {
  if (label === undefined) return 'Each label is there, and no machine has all of them.';
  const [name] = label;
  const values = new Set(machines.flatMap(({ labels }) => (labels.has(name) ? [labels.get(name) ?? ''] : [])));
  if (values.size > 0) return `Machines there have ${listNames([...values].map((value) => `${name}: ${value}`))}.`;
  const names = new Set(machines.flatMap(({ labels }) => [...labels.keys()]));
  return hints(didYouMean(name, names), `Labels there: ${listNames(names)}.`) ?? '';
}
