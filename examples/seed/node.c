/*
 * The seed example's node: at each of 100 ticks it publishes a random number of 64 bits, then it ends. Its numbers come
 * from xorshift64 with a fixed seed, so that the sink can tell whether one is missing.
 */
#include <dora/node.h>
#include <stdio.h>

#define COUNT 100

static uint64_t next_random(uint64_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static int fail(const dora_error_t* error) {
  fprintf(stderr, "%s\n%s\n", error->message, error->hint);
  return 1;
}

int main(void) {
  dora_node_t* node;
  dora_error_t error;
  dora_event_t event;
  uint64_t random = 1;
  int sent = 0;
  if (dora_node_connect(NULL, &node, &error) != DORA_OK) return fail(&error);
  int32_t output = dora_node_output(node, "random");
  if (output < 0) {
    fprintf(stderr, "the dataflow file gives this node no output \"random\"\n");
    return 1;
  }
  while (sent < COUNT && dora_node_next(node, -1, &event) == DORA_OK && event.type != DORA_EVENT_END) {
    if (event.type == DORA_EVENT_INPUT) {
      next_random(&random);
      int32_t status = dora_node_send(node, output, &random, sizeof random, DORA_ENCODING_RAW, NULL, 0, -1, &error);
      if (status == DORA_ENDED) break; /* the dataflow stops */
      if (status != DORA_OK) return fail(&error);
      sent++;
    }
    dora_event_release(node, &event);
  }
  printf("%d numbers sent\n", sent);
  dora_node_close(node);
  return 0;
}
