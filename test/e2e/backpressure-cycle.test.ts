/**
 * Rings of nodes that wait for each other, in `dora run`: TypeScript, C and operators. One send is rejected, and all go on.
 */
import test, { type ExecutionContext } from 'ava';
import { Sandbox } from '../helpers/cli.js';

/** Answers every message with two, so that queues fill up; stops the dataflow when it has had four. */
const doubling = `import { DoraError, Node } from 'dora-ts';
const node: Node = await Node.connect();
const send = async (text: string): Promise<void> => {
  try {
    await node.send('out', text);
  } catch (error) {
    if (!(error instanceof DoraError) || error.code !== 'BACKPRESSURE_CYCLE') throw error;
    console.log('rejected: ' + error.message);
  }
};
if (process.env['FIRST'] === '1') await send('first');
let received = 0;
for await (const event of node) {
  if (event.type !== 'input') continue;
  if (++received === 4) {
    console.log('got four');
    node.requestStop();
  }
  await send('a');
  await send('b');
}
await node.close();
`;

/** The same in C. */
const doublingC = `#include <dora/node.h>
#include <stdio.h>
static int put(dora_node_t *node, const char *text) {
  dora_error_t error;
  int32_t status = dora_node_send(node, 0, text, 1, DORA_ENCODING_UTF8, NULL, 0, -1, &error);
  if (status == DORA_BACKPRESSURE_CYCLE) printf("rejected: %s\\n", error.message);
  else if (status < 0 && status != DORA_ENDED) printf("failed: %s\\n", error.message);
  fflush(stdout);
  return status < 0 && status != DORA_ENDED && status != DORA_BACKPRESSURE_CYCLE;
}
int main(void) {
  dora_node_t *node;
  dora_error_t error;
  dora_event_t event;
  if (dora_node_connect(NULL, &node, &error) != DORA_OK) return 1;
  while (dora_node_next(node, -1, &event) == DORA_OK && event.type != DORA_EVENT_END) {
    int wanted = event.type == DORA_EVENT_INPUT;
    dora_event_release(node, &event);
    if (wanted && (put(node, "a") || put(node, "b"))) return 1;
  }
  dora_node_close(node);
  return 0;
}
`;

/** The same as an operator; it says what its sends returned. */
const doublingOperator = `#include <dora/operator.h>
#include <stdio.h>
static int32_t on_event(const dora_host_t *host, void *state, const dora_operator_event_t *event) {
  (void)state;
  if (event->type != DORA_EVENT_INPUT) return DORA_OK;
  for (int i = 0; i < 2; i++) {
    dora_error_t error;
    int32_t status = host->api->send_copy(host, 0, "x", 1, DORA_ENCODING_UTF8, NULL, 0, &error);
    if (status == DORA_BACKPRESSURE_CYCLE) host->api->log(host, DORA_LOG_INFO, error.message);
    else if (status != DORA_OK) return status;
  }
  return DORA_OK;
}
DORA_OPERATOR_EXPORT const dora_operator_entry_t dora_operator_entry = {DORA_OPERATOR_HEAD, NULL, on_event, NULL};
`;

const paced = (source: string): string => `{ source: ${source}, queue_size: 2, queue_policy: backpressure }`;

/** Rejections name each edge of the ring; at least one comes, and the ring goes on until a node has had its four. */
async function expectBroken(t: ExecutionContext, box: Sandbox, edges: string[]): Promise<void> {
  const { code, stdout, stderr } = await box.run('run', 'd.yml');
  t.is(code, 0, stdout + stderr);
  t.true(stdout.includes('got four'), stdout);
  const rejected = (stdout + stderr).split('\n').filter((line) => line.includes('was not sent'));
  t.true(rejected.length > 0, stdout + stderr);
  for (const line of rejected) for (const edge of edges) t.true(line.includes(edge), line);
  t.deepEqual(await box.settle(), []);
}

for (const count of [2, 3]) {
  test(`a ring of ${count} TypeScript nodes is broken, and goes on`, async (t) => {
    const box = new Sandbox(t);
    const ids = ['a', 'b', 'c'].slice(0, count);
    const before = (i: number): string => ids[(i + count - 1) % count] ?? '';
    const nodes = ids.map(
      (id, i) =>
        `- { id: ${id}, path: node.ts, inputs: { in: ${paced(before(i) + '/out')} }, outputs: [out], env: { FIRST: "${i === 0 ? 1 : 0}" } }`,
    );
    box.write('d.yml', `nodes:\n${nodes.join('\n')}\n`);
    box.write('node.ts', doubling);
    await expectBroken(
      t,
      box,
      ids.map((id, i) => `"${before(i)}/out" for "${id}/in"`),
    );
  });
}

test('a ring of a TypeScript and a C node is broken, and goes on', async (t) => {
  const box = new Sandbox(t);
  box.write(
    'd.yml',
    `nodes:
  - { id: a, path: node.ts, inputs: { in: ${paced('c/out')} }, outputs: [out], env: { FIRST: "1" } }
  - id: c
    build: cc -std=c11 -I"$DORA_INCLUDE" -o doubling doubling.c -L"$DORA_LIB" -ldora -Wl,-rpath,"$DORA_LIB"
    path: ./doubling
    inputs: { in: ${paced('a/out')} }
    outputs: [out]
`,
  );
  box.write('node.ts', doubling);
  box.write('doubling.c', doublingC);
  await expectBroken(t, box, ['"a/out" for "c/in"', '"c/out" for "a/in"']);
});

test('a ring of a node and two operators is broken, and goes on', async (t) => {
  const box = new Sandbox(t);
  box.write(
    'd.yml',
    `nodes:
  - { id: a, path: node.ts, inputs: { in: ${paced('r/two/out')} }, outputs: [out], env: { FIRST: "1" } }
  - id: r
    operators:
      - id: one
        build: cc -std=c11 -fPIC -shared -I"$DORA_INCLUDE" -o libdoubling.so doubling.c
        shared-library: doubling
        inputs: { in: ${paced('a/out')} }
        outputs: [out]
      - id: two
        build: test -f libdoubling.so
        shared-library: doubling
        inputs: { in: ${paced('r/one/out')} }
        outputs: [out]
`,
  );
  box.write('node.ts', doubling);
  box.write('doubling.c', doublingOperator);
  await expectBroken(t, box, ['"a/out" for "r/one/in"', '"r/one/out" for "r/two/in"', '"r/two/out" for "a/in"']);
});
