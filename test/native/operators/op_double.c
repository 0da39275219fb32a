/* The example at the head of dora/operator.h, word for word: a stranger's first operator. */
#include <dora/operator.h>
// Doubles every byte of its input "in" and publishes the result on its output "out".
static int32_t on_event(const dora_host_t* host, void* state, const dora_operator_event_t* event) {
  dora_operator_loan_t loan;
  int32_t status;
  (void)state;
  if (event->type != DORA_EVENT_INPUT) return DORA_OK;
  status = host->api->loan(host, 0, event->size, &loan, NULL);  // output 0 is the first one in the dataflow file
  if (status != DORA_OK) return status;
  for (uint64_t i = 0; i < event->size; i++) loan.data[i] = (uint8_t)(event->data[i] * 2);
  return host->api->send(host, &loan, DORA_ENCODING_RAW, NULL, 0, NULL);
}
DORA_OPERATOR_EXPORT const dora_operator_entry_t dora_operator_entry = {DORA_OPERATOR_HEAD, NULL, on_event, NULL};
