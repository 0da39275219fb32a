/**
 * Says, when both sides have ended, how many distances came from each, and between what they were once the means had
 * settled. Exit code 1 when a side was silent.
 */

import { Node } from 'dora-ts';

interface ReportIo {
  inputs: { left: { cm: number }; right: { cm: number } };
  outputs: Record<string, never>;
}

await using node = await Node.connect<ReportIo>();
const distances = { left: [] as number[], right: [] as number[] };
for await (const event of node) {
  if (event.type === 'input') distances[event.id].push(event.json().cm);
}
for (const [side, all] of Object.entries(distances)) {
  const settled = all.slice(20);
  console.log(
    `${side}: ${all.length} distances, after the first 20 from ${Math.min(...settled).toFixed(2)} to ${Math.max(...settled).toFixed(2)} cm`,
  );
  if (settled.length === 0) process.exitCode = 1;
}
