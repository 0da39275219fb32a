/* An operator of an ABI that does not exist yet. */
#include <dora/operator.h>
static int32_t on_event(const dora_host_t* host, void* state, const dora_operator_event_t* event) {
  (void)host, (void)state, (void)event;
  return DORA_OK;
}
DORA_OPERATOR_EXPORT const dora_operator_entry_t dora_operator_entry = {DORA_OPERATOR_ABI_MAJOR,
                                                                        DORA_OPERATOR_ABI_MINOR + 1,
                                                                        (uint32_t)sizeof(dora_operator_entry_t) + 8,
                                                                        0,
                                                                        NULL,
                                                                        on_event,
                                                                        NULL};
