/*
 * The limit when both sides spin: two C processes, a shared page, one atomic each way, nothing else. A message is sent
 * only after the answer to the last one came. The parent sends, the child receives and writes the figures.
 */
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* A line of the cache each, so that the two sides share no more than they have to. */
typedef struct page {
  _Alignas(128) _Atomic uint64_t ping; /* number of the message, from 1 */
  uint64_t stamp;                      /* published by `ping` */
  _Alignas(128) _Atomic uint64_t pong; /* number of the last one that was answered */
} page_t;

static void await(_Atomic uint64_t* number, uint64_t wanted) {
  while (atomic_load_explicit(number, memory_order_acquire) != wanted) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
}

static int receive(page_t* page, uint64_t warmup, uint64_t count) {
  uint64_t* pairs = calloc(count, 2 * sizeof *pairs);
  if (pairs == NULL) return bench_fail("calloc", "no memory");
  for (uint64_t i = 0; i < warmup + count; i++) {
    await(&page->ping, i + 1);
    const uint64_t sent = page->stamp;
    const uint64_t passed = bench_now_ns() - sent;
    if (i >= warmup) pairs[2 * (i - warmup)] = pairs[2 * (i - warmup) + 1] = passed;
    atomic_store_explicit(&page->pong, i + 1, memory_order_release);
  }
  return bench_write(pairs, count);
}

int main(void) {
  const uint64_t warmup = bench_setting("BENCH_WARMUP");
  const uint64_t count = bench_setting("BENCH_COUNT");
  /* Neither of the two is left behind when whoever started it is killed. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  page_t* page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return bench_fail("mmap", "failed");
  const pid_t child = fork();
  if (child < 0) return bench_fail("fork", "failed");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bench_place(BENCH_RECEIVER_CORE);
    return receive(page, warmup, count);
  }
  bench_place(BENCH_SENDER_CORE);
  for (uint64_t i = 0; i < warmup + count; i++) {
    page->stamp = bench_now_ns();
    atomic_store_explicit(&page->ping, i + 1, memory_order_release);
    await(&page->pong, i + 1);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return bench_fail("the receiver", "did not end");
  return WEXITSTATUS(status);
}
