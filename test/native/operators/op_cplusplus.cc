// An operator in C++17 against the same header: forwards what it gets.
#include <dora/operator.h>

static int32_t on_event(const dora_host_t* host, void*, const dora_operator_event_t* event) {
  if (event->type != DORA_EVENT_INPUT) return DORA_OK;
  return host->api->send_copy(host, 0, event->data, event->size, event->encoding, event->metadata, event->metadata_size,
                              nullptr);
}
DORA_OPERATOR_EXPORT const dora_operator_entry_t dora_operator_entry = {DORA_OPERATOR_HEAD, nullptr, on_event, nullptr};
