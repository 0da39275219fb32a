/*
 * What the benchmark's C programs share: the clock, their settings, and the file that a row's figures are written to.
 *
 * Every stamp is CLOCK_MONOTONIC, one clock for all processes of a machine (process.hrtime() reads the same). Settings
 * come as environment variables from bench/measure.ts. Figures are pairs of 64-bit numbers in the machine's byte order:
 * of a latency (nanoseconds from the send call, nanoseconds from before the payload was written), of a stream
 * (messages, nanoseconds). bench/nodes/bench-node.ts is the same for TypeScript. Needs _GNU_SOURCE, for
 * sched_setaffinity().
 */
#ifndef BENCH_H
#define BENCH_H

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_METADATA 32 /* room for the entry "number" */

/* What the sender of a latency message writes at the start of its payload; one of 8 bytes has only the first. */
typedef struct bench_stamps {
  uint64_t sent_ns;
  uint64_t began_ns;
} bench_stamps_t;

static inline uint64_t bench_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline int bench_fail(const char* what, const char* why) {
  fprintf(stderr, "bench: %s: %s\n", what, why);
  return 1;
}

static inline uint64_t bench_setting(const char* name) {
  const char* text = getenv(name);
  char* end = NULL;
  const uint64_t value = text == NULL ? 0 : strtoull(text, &end, 10);
  if (text == NULL || end == text || *end != '\0') {
    exit(bench_fail(name, "is no number; start this through `npm run bench`"));
  }
  return value;
}

/* The rest between two messages that the row asks for. */
static inline void bench_pause(void) {
  const uint64_t us = bench_setting("BENCH_PAUSE_US");
  const struct timespec rest = {(time_t)(us / 1000000u), (long)(us % 1000000u) * 1000};
  if (us > 0) nanosleep(&rest, NULL);
}

#define BENCH_SENDER_CORE "BENCH_SENDER_CORE"
#define BENCH_RECEIVER_CORE "BENCH_RECEIVER_CORE"

/* Moves to the core that this variable names; stays free to roam when it is not set. */
static inline void bench_place(const char* name) {
  cpu_set_t cores;
  if (getenv(name) == NULL) return;
  CPU_ZERO(&cores);
  CPU_SET(bench_setting(name), &cores);
  if (sched_setaffinity(0, sizeof cores, &cores) != 0) exit(bench_fail(name, "names a core that cannot be used"));
}

static inline int bench_write(const uint64_t* pairs, uint64_t count) {
  const char* name = getenv("BENCH_RESULT");
  FILE* file = name == NULL ? NULL : fopen(name, "wb");
  if (file == NULL) return bench_fail("BENCH_RESULT", "cannot be written");
  const uint64_t written = fwrite(pairs, 2 * sizeof *pairs, count, file);
  return fclose(file) == 0 && written == count ? 0 : bench_fail(name, "could not be written");
}

#endif
