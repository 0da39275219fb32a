/*
 * Publisher of the throughput row in C: a stream of BENCH_SIZE bytes a message as fast as its subscriber takes them.
 * The message's number stands in its first 8 bytes. dora_node_send() waits while the subscriber's queue is full.
 */
#include <dora/node.h>
#include <string.h>

#include "bench.h"

int main(void) {
  dora_node_t* node;
  dora_error_t error = {0};
  const uint64_t size = bench_setting("BENCH_SIZE");
  const uint64_t total = bench_setting("BENCH_WARMUP") + bench_setting("BENCH_COUNT");
  uint8_t* payload = size < sizeof total ? NULL : calloc(1, size);
  if (payload == NULL) return bench_fail("BENCH_SIZE", "must be 8 or more");
  bench_place(BENCH_SENDER_CORE);
  if (dora_node_connect(NULL, &node, &error) != DORA_OK) return bench_fail(error.message, error.hint);
  const int32_t output = dora_node_output(node, "out");
  for (uint64_t number = 0; number < total; number++) {
    memcpy(payload, &number, sizeof number);
    if (dora_node_send(node, output, payload, size, DORA_ENCODING_RAW, NULL, 0, -1, &error) != DORA_OK) {
      return bench_fail(error.message, error.hint);
    }
  }
  dora_node_close(node);
  free(payload);
  return 0;
}
