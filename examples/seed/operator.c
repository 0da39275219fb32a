/*
 * The seed example's operator: counts the ticks of its timer, and for every random number it receives publishes a line
 * of text that names the number and the ticks so far. When no more numbers can come it ends, and its output with it.
 */
#include <dora/operator.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The inputs and the output in the order of the dataflow file. */
enum { INPUT_TICK, INPUT_RANDOM };
enum { OUTPUT_STATUS };

typedef struct counter {
  uint64_t ticks;
} counter_t;

static int32_t on_random(const dora_host_t* host, const counter_t* counter, const dora_operator_event_t* event) {
  char text[128];
  uint64_t random;
  dora_error_t error;
  if (event->size != sizeof random) {
    host->api->log(host, DORA_LOG_ERROR, "a random number has 8 bytes; this message has not");
    return DORA_INVALID_ARGUMENT;
  }
  memcpy(&random, event->data, sizeof random);
  int length = snprintf(text, sizeof text, "operator received random value 0x%016" PRIx64 " after %" PRIu64 " ticks",
                        random, counter->ticks);
  int32_t status =
      host->api->send_copy(host, OUTPUT_STATUS, text, (uint64_t)length, DORA_ENCODING_UTF8, NULL, 0, &error);
  if (status < 0) host->api->log(host, DORA_LOG_ERROR, error.message);
  return status;
}

static int32_t init(const dora_host_t* host, void** state) {
  (void)host;
  *state = calloc(1, sizeof(counter_t));
  return *state == NULL ? DORA_INTERNAL : DORA_OK;
}

static int32_t on_event(const dora_host_t* host, void* state, const dora_operator_event_t* event) {
  counter_t* counter = state;
  if (event->type == DORA_EVENT_INPUT && event->input == INPUT_TICK) counter->ticks += 1 + event->dropped;
  if (event->type == DORA_EVENT_INPUT && event->input == INPUT_RANDOM) return on_random(host, counter, event);
  if (event->type == DORA_EVENT_INPUT_CLOSED && event->input == INPUT_RANDOM) {
    return host->api->request_stop(host, DORA_STOP_OPERATOR);
  }
  return DORA_OK;
}

static void destroy(const dora_host_t* host, void* state) {
  (void)host;
  free(state);
}

DORA_OPERATOR_EXPORT const dora_operator_entry_t dora_operator_entry = {DORA_OPERATOR_HEAD, init, on_event, destroy};
