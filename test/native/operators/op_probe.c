/* An operator whose functions are the test's: the test loads this library too and sets `probe_hooks`
 * (test/native/operator_harness.h). */
#include <dora/operator.h>

typedef struct probe_hooks {
  int32_t (*init)(const dora_host_t* host, void** state);
  int32_t (*on_event)(const dora_host_t* host, void* state, const dora_operator_event_t* event);
  void (*destroy)(const dora_host_t* host, void* state);
} probe_hooks_t;

DORA_EXPORT const probe_hooks_t* probe_hooks = NULL;

static int32_t init(const dora_host_t* host, void** state) { return probe_hooks->init(host, state); }
static int32_t on_event(const dora_host_t* host, void* state, const dora_operator_event_t* event) {
  return probe_hooks->on_event(host, state, event);
}
static void destroy(const dora_host_t* host, void* state) { probe_hooks->destroy(host, state); }

DORA_OPERATOR_EXPORT const dora_operator_entry_t dora_operator_entry = {DORA_OPERATOR_HEAD, init, on_event, destroy};
