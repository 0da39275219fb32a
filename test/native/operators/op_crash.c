/* An operator that crashes as its id says: in `segv` it stores to address 16, in `fpe` it divides by zero, and so on.
 * `second` crashes in its second message. `burst` does not crash: it sends seven messages for each that it gets.
 */
#include <dora/operator.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static volatile int32_t for_ever = 1;

static int32_t recurse(volatile char* up) {
  volatile char frame[4096];
  frame[0] = up == NULL ? 1 : up[0];
  return for_ever ? recurse(frame) + frame[0] : 0;
}

static void crash(const char* how) {
  static int32_t count = 0;
  if (strcmp(how, "second") == 0 && ++count == 2) abort();
  if (strcmp(how, "segv") == 0) *(volatile int32_t*)(intptr_t)16 = 1;
  if (strcmp(how, "stack") == 0) recurse(NULL);
  if (strcmp(how, "fpe") == 0) raise(SIGFPE);
  if (strcmp(how, "bus") == 0) raise(SIGBUS);
  if (strcmp(how, "trap") == 0) __builtin_trap();
  if (strcmp(how, "abort") == 0) abort();
}

static int32_t init(const dora_host_t* host, void** state) {
  (void)state;
  if (strcmp(host->api->operator_id(host), "init") == 0) *(volatile int32_t*)(intptr_t)16 = 1;
  return DORA_OK;
}

static int32_t on_event(const dora_host_t* host, void* state, const dora_operator_event_t* event) {
  const char* id = host->api->operator_id(host);
  (void)state;
  if (event->type == DORA_EVENT_START && strcmp(id, "start") == 0) *(volatile int32_t*)(intptr_t)16 = 1;
  if (event->type != DORA_EVENT_INPUT) return DORA_OK;
  if (strcmp(id, "store") == 0) *(volatile uint8_t*)(uintptr_t)event->data = 1;
  if (strcmp(id, "burst") == 0) {
    for (int32_t i = 0; i < 7; i++)
      host->api->send_copy(host, 0, event->data, event->size, DORA_ENCODING_RAW, NULL, 0, NULL);
  }
  crash(id);
  return DORA_OK;
}

DORA_OPERATOR_EXPORT const dora_operator_entry_t dora_operator_entry = {DORA_OPERATOR_HEAD, init, on_event, NULL};
