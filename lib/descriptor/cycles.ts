/**
 * Circles in a graph of names: inputs that wait for each other (graph-check.ts), types that hold each other
 * (types/type-files.ts). Takes as many steps as the graph has vertices and edges, and no deep recursion: what it is given
 * comes from files.
 */

/** Strongly connected groups that hold a cycle (Tarjan 1972, with a stack of its own: a chain may be 10,000 long). */
export function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const found: string[][] = [];
  const enter = (name: string): { name: string; next: number } => {
    order.set(name, order.size);
    low.set(name, order.size - 1);
    open.push(name);
    isOpen.add(name);
    return { name, next: 0 };
  };
  const lower = (name: string, value: number): void => {
    low.set(name, Math.min(low.get(name) ?? value, value));
  };
  for (const start of graph.keys()) {
    if (order.has(start)) continue;
    const calls = [enter(start)];
    for (let call = calls.at(-1); call !== undefined; call = calls.at(-1)) {
      const to = graph.get(call.name)?.[call.next];
      if (to !== undefined) {
        call.next += 1;
        if (!graph.has(to)) continue;
        if (!order.has(to)) calls.push(enter(to));
        else if (isOpen.has(to)) lower(call.name, order.get(to) ?? 0);
        continue;
      }
      calls.pop();
      const parent = calls.at(-1);
      if (parent !== undefined) lower(parent.name, low.get(call.name) ?? 0);
      if (low.get(call.name) === order.get(call.name)) {
        const members = open.splice(open.lastIndexOf(call.name));
        for (const member of members) isOpen.delete(member);
        if (members.length > 1 || graph.get(call.name)?.includes(call.name) === true) found.push(members);
      }
    }
  }
  return found;
}
