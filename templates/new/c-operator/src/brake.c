/*
 * Brakes when something is nearer than 100 cm, and drives on when it is farther away than 120 cm.
 *
 * An operator: functions that a runtime node calls, one event at a time. dora/operator.h explains every one of them.
 */
#include <dora/operator.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Inputs and outputs are numbered in the order of the dataflow file. */
enum { INPUT_DISTANCE };
enum { OUTPUT_COMMAND };

typedef struct brake {
  int braking;
} brake_t;

static int32_t on_distance(const dora_host_t* host, brake_t* brake, const dora_operator_event_t* event) {
  int32_t centimetres;
  char text[64];
  dora_error_t error;
  if (event->size != sizeof centimetres) {
    host->api->log(host, DORA_LOG_WARN, "a distance has 4 bytes; this message has not");
    return DORA_OK;
  }
  /* event->data is read-only and lent until this function returns. */
  memcpy(&centimetres, event->data, sizeof centimetres);
  if (centimetres < 100) brake->braking = 1;
  if (centimetres > 120) brake->braking = 0;
  int length = snprintf(text, sizeof text, "%" PRId32 " cm: %s", centimetres, brake->braking ? "brake" : "drive");
  int32_t status =
      host->api->send_copy(host, OUTPUT_COMMAND, text, (uint64_t)length, DORA_ENCODING_UTF8, NULL, 0, &error);
  if (status < 0 && status != DORA_ENDED) host->api->log(host, DORA_LOG_ERROR, error.message);
  return status == DORA_ENDED ? DORA_OK : status;
}

static int32_t init(const dora_host_t* host, void** state) {
  (void)host;
  *state = calloc(1, sizeof(brake_t));
  return *state == NULL ? DORA_INTERNAL : DORA_OK;
}

static int32_t on_event(const dora_host_t* host, void* state, const dora_operator_event_t* event) {
  if (event->type != DORA_EVENT_INPUT || event->input != INPUT_DISTANCE) return DORA_OK;
  return on_distance(host, state, event);
}

static void destroy(const dora_host_t* host, void* state) {
  (void)host;
  free(state);
}

DORA_OPERATOR_EXPORT const dora_operator_entry_t dora_operator_entry = {DORA_OPERATOR_HEAD, init, on_event, destroy};
