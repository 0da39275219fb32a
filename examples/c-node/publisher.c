/*
 * A publisher in C: at every tick of its timer one reading, written in place into the memory that the subscriber will
 * read. Ends after as many readings as its argument says. The subscriber's input closes when it has read the last one.
 */
#include <dora/node.h>
#include <stdio.h>
#include <stdlib.h>

#include "reading.h"

static int fail(const dora_error_t* error) {
  fprintf(stderr, "%s\n%s\n", error->message, error->hint);
  return 1;
}

static int32_t publish(dora_node_t* node, int32_t output, int64_t number, dora_error_t* error) {
  uint8_t metadata[64];
  uint64_t metadata_size = 0;
  dora_loan_t loan;
  uint64_t count = reading_samples(number);
  int32_t status = dora_metadata_put(metadata, sizeof metadata, &metadata_size, "number", DORA_META_INT64, &number, 8);
  if (status != DORA_OK) return status;
  status = dora_node_loan(node, output, count * sizeof(uint32_t), &loan, error);
  if (status != DORA_OK) return status;
  uint32_t* samples = (uint32_t*)loan.data; /* aligned to 64 bytes */
  for (uint64_t i = 0; i < count; i++) samples[i] = reading_sample(number, i);
  /* Waits, for ever if need be, until the subscriber has room. */
  status = dora_loan_send(node, &loan, DORA_ENCODING_RAW, metadata, metadata_size, -1, error);
  if (status != DORA_OK) dora_loan_discard(node, &loan);
  return status;
}

int main(int argc, char** argv) {
  dora_node_t* node;
  dora_error_t error = {0};
  dora_event_t event;
  int64_t wanted = argc > 1 ? atoll(argv[1]) : 200;
  int64_t sent = 0;
  if (dora_node_connect(NULL, &node, &error) != DORA_OK) return fail(&error);
  int32_t output = dora_node_output(node, "readings");
  if (output < 0) {
    fprintf(stderr, "the dataflow file gives this node no output \"readings\"\n");
    return 1;
  }
  while (sent < wanted && dora_node_next(node, -1, &event) == DORA_OK && event.type != DORA_EVENT_END) {
    if (event.type == DORA_EVENT_INPUT) {
      int32_t status = publish(node, output, sent, &error);
      if (status == DORA_ENDED) break; /* the dataflow stops */
      if (status != DORA_OK) return fail(&error);
      sent++;
    }
    dora_event_release(node, &event);
  }
  printf("%lld readings sent\n", (long long)sent);
  dora_node_close(node);
  return 0;
}
