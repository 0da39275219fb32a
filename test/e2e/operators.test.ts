/** Runtime nodes with more operators than fit into an environment variable, as a user runs them. */

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { Sandbox } from '../helpers/cli.js';

const COUNT = 2000;

const relay = `#include <dora/operator.h>
#include <string.h>
static int32_t on_event(const dora_host_t* host, void* state, const dora_operator_event_t* event) {
  (void)state;
  const char* id = host->api->operator_id(host);
  if (event->type == DORA_EVENT_START && strcmp(id, "relay-0") == 0)
    return host->api->send_copy(host, 0, "token", 5, DORA_ENCODING_UTF8, NULL, 0, NULL);
  if (event->type != DORA_EVENT_INPUT) return DORA_OK;
  if (strcmp(id, "last") == 0) return host->api->request_stop(host, DORA_STOP_ALL);
  return host->api->send_copy(host, 0, event->data, event->size, event->encoding, NULL, 0, NULL);
}
DORA_OPERATOR_EXPORT const dora_operator_entry_t dora_operator_entry = {DORA_OPERATOR_HEAD, NULL, on_event, NULL};
`;

function chain(): string {
  const operators = Array.from({ length: COUNT }, (_, index) => {
    const id = index === COUNT - 1 ? 'last' : `relay-${index}`;
    const inputs = index === 0 ? '' : `, inputs: { in: runtime/relay-${index - 1}/out }`;
    const outputs = index === COUNT - 1 ? '' : ', outputs: [out]';
    return `      - { id: ${id}, shared-library: relay${inputs}${outputs} }`;
  });
  return `nodes:\n  - id: runtime\n    operators:\n${operators.join('\n')}\n`;
}

test(`a message passes through ${COUNT} operators of one runtime`, async (t) => {
  t.timeout(180_000);
  const sandbox = new Sandbox(t);
  sandbox.write('relay.c', relay);
  sandbox.write('chain.yml', chain());
  const include = fileURLToPath(new URL('../../native/include', import.meta.url));
  const files = ['-o', path.join(sandbox.folder, 'librelay.so'), path.join(sandbox.folder, 'relay.c')];
  execFileSync(process.env['CC'] ?? 'cc', ['-std=c11', '-O1', '-fPIC', '-shared', '-I', include, ...files]);
  const { code, stdout, stderr } = await sandbox.run('run', 'chain.yml');
  t.is(code, 0, stderr);
  t.regex(stdout, /runtime +0 .* 1,999 +1,999 +0/);
  t.deepEqual(await sandbox.settle(), []);
});
