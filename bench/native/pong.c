/*
 * Receiver of the latency rows in C: sleeps in dora_node_next(), takes the time as soon as it has read the stamps out
 * of the payload, checks the message (size, last byte, number in its metadata), and answers with 8 bytes.
 */
#include <dora/node.h>
#include <string.h>

#include "bench.h"

static int is_message(const dora_event_t* event, uint64_t size, uint64_t number) {
  uint32_t type = 0;
  uint64_t value_size = 0;
  const void* value = NULL;
  uint64_t found = 0;
  if (event->size != size || event->metadata == NULL) return 0;
  if (dora_metadata_get(event->metadata, event->metadata_size, "number", &type, &value, &value_size) != DORA_OK)
    return 0;
  if (type != DORA_META_INT64) return 0;
  memcpy(&found, value, sizeof found);
  return found == number && (size == sizeof(uint64_t) || event->data[size - 1] == (uint8_t)number);
}

/* Nanoseconds from both stamps until now. */
static void measure(const dora_event_t* event, uint64_t pair[2]) {
  bench_stamps_t stamps = {0};
  memcpy(&stamps, event->data, event->size < sizeof stamps ? sizeof stamps.sent_ns : sizeof stamps);
  const uint64_t now = bench_now_ns();
  pair[0] = now - stamps.sent_ns;
  pair[1] = stamps.began_ns == 0 ? pair[0] : now - stamps.began_ns;
}

int main(void) {
  dora_node_t* node;
  dora_error_t error = {0};
  dora_event_t event;
  const uint64_t size = bench_setting("BENCH_SIZE");
  const uint64_t warmup = bench_setting("BENCH_WARMUP");
  const uint64_t count = bench_setting("BENCH_COUNT");
  uint64_t* pairs = calloc(count, 2 * sizeof *pairs);
  if (pairs == NULL) return bench_fail("calloc", "no memory");
  bench_place(BENCH_RECEIVER_CORE);
  if (dora_node_connect(NULL, &node, &error) != DORA_OK) return bench_fail(error.message, error.hint);
  const int32_t output = dora_node_output(node, "pong");
  uint64_t received = 0;
  while (dora_node_next(node, -1, &event) == DORA_OK && event.type != DORA_EVENT_END) {
    if (event.type == DORA_EVENT_INPUT) {
      uint64_t pair[2] = {0, 0};
      if (event.size >= sizeof(uint64_t)) measure(&event, pair);
      if (received >= warmup && received < warmup + count) memcpy(&pairs[2 * (received - warmup)], pair, sizeof pair);
      if (!is_message(&event, size, received)) return bench_fail("pong", "a message is wrong or missing");
      dora_event_release(node, &event);
      received++;
      if (dora_node_send(node, output, &received, sizeof received, DORA_ENCODING_RAW, NULL, 0, -1, &error) != DORA_OK) {
        return bench_fail(error.message, error.hint);
      }
    }
    dora_event_release(node, &event);
  }
  dora_node_close(node);
  return received == warmup + count ? bench_write(pairs, count) : bench_fail("pong", "messages are missing");
}
