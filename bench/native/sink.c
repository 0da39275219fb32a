/*
 * Subscriber of the throughput row in C: takes every message, checks its size and number, and times all but the first
 * BENCH_WARMUP of them.
 */
#include <dora/node.h>
#include <string.h>

#include "bench.h"

static int is_message(const dora_event_t* event, uint64_t size, uint64_t number) {
  uint64_t found = 0;
  if (event->size != size || event->dropped != 0) return 0;
  memcpy(&found, event->data, sizeof found);
  return found == number;
}

int main(void) {
  dora_node_t* node;
  dora_error_t error = {0};
  dora_event_t event;
  const uint64_t size = bench_setting("BENCH_SIZE");
  const uint64_t warmup = bench_setting("BENCH_WARMUP");
  const uint64_t count = bench_setting("BENCH_COUNT");
  bench_place(BENCH_RECEIVER_CORE);
  if (dora_node_connect(NULL, &node, &error) != DORA_OK) return bench_fail(error.message, error.hint);
  uint64_t received = 0, began_ns = 0, ended_ns = 0;
  while (dora_node_next(node, -1, &event) == DORA_OK && event.type != DORA_EVENT_END) {
    if (event.type == DORA_EVENT_INPUT) {
      if (received == warmup) began_ns = bench_now_ns();
      if (!is_message(&event, size, received)) return bench_fail("sink", "a message is wrong or missing");
      if (++received == warmup + count) ended_ns = bench_now_ns();
    }
    dora_event_release(node, &event);
  }
  dora_node_close(node);
  if (received != warmup + count) return bench_fail("sink", "messages are missing");
  const uint64_t pair[2] = {count, ended_ns - began_ns};
  return bench_write(pair, 1);
}
