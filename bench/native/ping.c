/*
 * Sender of the latency rows in C: a message of BENCH_SIZE bytes, with metadata, whenever the answer to the last one
 * came.
 *
 * 8 bytes go by dora_node_send(), which copies. Larger ones are written whole into a loan: `began_ns` is taken before
 * the first byte is written, `sent_ns` as the last thing before the send call.
 */
#include <dora/node.h>
#include <string.h>

#include "bench.h"

typedef struct sender {
  dora_node_t* node;
  int32_t output;
  uint64_t size;
} sender_t;

static int32_t send_small(const sender_t* self, const uint8_t* metadata, uint64_t metadata_size, dora_error_t* error) {
  const uint64_t sent = bench_now_ns();
  return dora_node_send(self->node, self->output, &sent, sizeof sent, DORA_ENCODING_RAW, metadata, metadata_size, -1,
                        error);
}

static int32_t send_loan(const sender_t* self, int64_t number, const uint8_t* metadata, uint64_t metadata_size,
                         dora_error_t* error) {
  dora_loan_t loan;
  bench_stamps_t stamps = {.began_ns = bench_now_ns()};
  int32_t status = dora_node_loan(self->node, self->output, self->size, &loan, error);
  if (status != DORA_OK) return status;
  memset(loan.data, (int)(number & 0xff), loan.size);
  stamps.sent_ns = bench_now_ns();
  memcpy(loan.data, &stamps, sizeof stamps);
  status = dora_loan_send(self->node, &loan, DORA_ENCODING_RAW, metadata, metadata_size, -1, error);
  if (status != DORA_OK) dora_loan_discard(self->node, &loan);
  return status;
}

static int32_t send_one(const sender_t* self, int64_t number, dora_error_t* error) {
  uint8_t metadata[BENCH_METADATA];
  uint64_t size = 0;
  const int32_t status = dora_metadata_put(metadata, sizeof metadata, &size, "number", DORA_META_INT64, &number, 8);
  if (status != DORA_OK) return status;
  return self->size == sizeof(uint64_t) ? send_small(self, metadata, size, error)
                                        : send_loan(self, number, metadata, size, error);
}

/* Waits for the answer. 0: the stream ended without it. */
static int answered(const sender_t* self) {
  dora_event_t event;
  while (dora_node_next(self->node, -1, &event) == DORA_OK && event.type != DORA_EVENT_END) {
    const uint32_t type = event.type;
    dora_event_release(self->node, &event);
    if (type == DORA_EVENT_INPUT) return 1;
  }
  return 0;
}

int main(void) {
  dora_error_t error = {0};
  sender_t self = {.size = bench_setting("BENCH_SIZE")};
  const int64_t total = (int64_t)(bench_setting("BENCH_WARMUP") + bench_setting("BENCH_COUNT"));
  bench_place(BENCH_SENDER_CORE);
  if (dora_node_connect(NULL, &self.node, &error) != DORA_OK) return bench_fail(error.message, error.hint);
  self.output = dora_node_output(self.node, "ping");
  for (int64_t number = 0; number < total; number++) {
    bench_pause();
    if (send_one(&self, number, &error) != DORA_OK) return bench_fail(error.message, error.hint);
    if (!answered(&self)) return bench_fail("ping", "the stream ended before the last answer");
  }
  dora_node_close(self.node);
  return 0;
}
