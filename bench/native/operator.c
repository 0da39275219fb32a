/*
 * The benchmark's operators in C, one library: what one does follows its id.
 *
 * `forward…` passes each message on, payload and metadata copied. `first` starts a ring of operators: it sends one
 * message, which goes round through all others and back to it, and takes the time of BENCH_LAPS rounds, BENCH_COUNT
 * times. It waits BENCH_REST_MS before, so that what the start left is over. `idle…` does nothing and says which
 * process it is in.
 */
#include <dora/operator.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

typedef struct ring {
  uint64_t warmup, count, laps; /* laps a pair */
  uint64_t round, lap;          /* of warmup + count; of laps */
  uint64_t began_ns;
  uint64_t* pairs; /* nanoseconds of `laps` rounds, laps; last: resident bytes, 0 */
} ring_t;

static ring_t ring;

static int32_t send_on(const dora_host_t* host, const void* data, uint64_t size, const uint8_t* metadata,
                       uint32_t metadata_size) {
  return host->api->send_copy(host, 0, data, size, DORA_ENCODING_RAW, metadata, metadata_size, NULL);
}

static uint64_t resident_bytes(void) {
  unsigned long long total = 0, resident = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%llu %llu", &total, &resident) != 2) resident = 0;
  fclose(file);
  return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* For BLOCK_JS of bench/rows/operator.ts: an empty file beside the result. */
static void say_started(void) {
  char name[4096];
  FILE* file = NULL;
  if (snprintf(name, sizeof name, "%s.started", getenv("BENCH_RESULT")) < (int)sizeof name) file = fopen(name, "w");
  if (file != NULL) fclose(file);
}

static int32_t start_ring(const dora_host_t* host) {
  uint8_t payload[64] = {0};
  uint8_t metadata[BENCH_METADATA];
  uint64_t metadata_size = 0;
  const int64_t number = 0;
  ring = (ring_t){.warmup = bench_setting("BENCH_WARMUP"), .count = bench_setting("BENCH_COUNT")};
  ring.laps = bench_setting("BENCH_LAPS");
  ring.pairs = calloc(ring.count + 1, 2 * sizeof *ring.pairs);
  if (ring.pairs == NULL) return DORA_INTERNAL;
  say_started();
  usleep((useconds_t)(1000 * bench_setting("BENCH_REST_MS")));
  const int32_t status = host->api->metadata_put(host, metadata, sizeof metadata, &metadata_size, "number",
                                                 DORA_META_INT64, &number, sizeof number);
  if (status != DORA_OK) return status;
  ring.began_ns = bench_now_ns();
  return send_on(host, payload, sizeof payload, metadata, (uint32_t)metadata_size);
}

static int32_t finish_ring(const dora_host_t* host) {
  ring.pairs[2 * ring.count] = resident_bytes();
  if (bench_write(ring.pairs, ring.count + 1) != 0) return DORA_INTERNAL;
  return host->api->request_stop(host, DORA_STOP_ALL);
}

static int32_t next_lap(const dora_host_t* host, const dora_operator_event_t* event) {
  if (event->dropped != 0) return DORA_INTERNAL;
  if (++ring.lap == ring.laps) {
    const uint64_t now = bench_now_ns();
    if (ring.round >= ring.warmup) {
      uint64_t* pair = &ring.pairs[2 * (ring.round - ring.warmup)];
      pair[0] = now - ring.began_ns;
      pair[1] = ring.laps;
    }
    ring.lap = 0;
    if (++ring.round == ring.warmup + ring.count) return finish_ring(host);
    ring.began_ns = bench_now_ns();
  }
  return send_on(host, event->data, event->size, event->metadata, event->metadata_size);
}

static int32_t say_process(void) {
  const uint64_t pair[2] = {(uint64_t)getpid(), 0};
  return bench_write(pair, 1) == 0 ? DORA_OK : DORA_INTERNAL;
}

/* What an operator does, as its state. */
static const char first = 'f', idle = 'i', forward = 'w';

static int32_t init(const dora_host_t* host, void** state) {
  const char* id = host->api->operator_id(host);
  const char* role = strcmp(id, "first") == 0 ? &first : strncmp(id, "idle", 4) == 0 ? &idle : &forward;
  *state = (void*)(uintptr_t)role;
  return DORA_OK;
}

static int32_t on_event(const dora_host_t* host, void* state, const dora_operator_event_t* event) {
  if (event->type == DORA_EVENT_START && state == &first) return start_ring(host);
  if (event->type == DORA_EVENT_START && state == &idle) return say_process();
  if (event->type != DORA_EVENT_INPUT || state == &idle) return DORA_OK;
  if (state == &first) return next_lap(host, event);
  return send_on(host, event->data, event->size, event->metadata, event->metadata_size);
}

DORA_OPERATOR_EXPORT const dora_operator_entry_t dora_operator_entry = {DORA_OPERATOR_HEAD, init, on_event, NULL};
