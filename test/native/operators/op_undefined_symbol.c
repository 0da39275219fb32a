/* An operator that was linked without the library that it needs. */
#include <dora/operator.h>
extern int32_t nobody_defines_this(const dora_operator_event_t* event);
static int32_t on_event(const dora_host_t* host, void* state, const dora_operator_event_t* event) {
  (void)host, (void)state;
  return nobody_defines_this(event);
}
DORA_OPERATOR_EXPORT const dora_operator_entry_t dora_operator_entry = {DORA_OPERATOR_HEAD, NULL, on_event, NULL};
