/*
 * The limit of every latency row: two C processes, a shared page, eventfd and epoll, nothing else. Sleeping: a message
 * is sent only after the answer to the last one came.
 *
 * One way: the sender stamps and writes to the eventfd; the receiver returns from epoll_wait(), reads the eventfd (it
 * has to, or the next epoll_wait() returns at once), then the stamp, then the clock. The parent sends, the child
 * receives and writes the figures.
 */
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

typedef struct end {
  int epoll;
  int wait_fd;
  int wake_fd;
} end_t;

static int open_end(end_t* end, int wait_fd, int wake_fd) {
  struct epoll_event interest = {.events = EPOLLIN};
  end->wait_fd = wait_fd;
  end->wake_fd = wake_fd;
  end->epoll = epoll_create1(EPOLL_CLOEXEC);
  return end->epoll < 0 ? -1 : epoll_ctl(end->epoll, EPOLL_CTL_ADD, wait_fd, &interest);
}

static int await(const end_t* end) {
  struct epoll_event ready;
  uint64_t value;
  if (epoll_wait(end->epoll, &ready, 1, -1) != 1) return -1;
  return read(end->wait_fd, &value, sizeof value) == sizeof value ? 0 : -1;
}

static int wake(const end_t* end) {
  const uint64_t one = 1;
  return write(end->wake_fd, &one, sizeof one) == sizeof one ? 0 : -1;
}

static int receive(const end_t* end, _Atomic uint64_t* stamp, uint64_t warmup, uint64_t count) {
  uint64_t* pairs = calloc(count, 2 * sizeof *pairs);
  if (pairs == NULL) return bench_fail("calloc", "no memory");
  for (uint64_t i = 0; i < warmup + count; i++) {
    if (await(end) < 0) return bench_fail("epoll_wait", "failed");
    const uint64_t sent = atomic_load_explicit(stamp, memory_order_acquire);
    const uint64_t passed = bench_now_ns() - sent;
    if (i >= warmup) pairs[2 * (i - warmup)] = pairs[2 * (i - warmup) + 1] = passed;
    if (wake(end) < 0) return bench_fail("eventfd", "cannot be written");
  }
  return bench_write(pairs, count);
}

static int send_all(const end_t* end, _Atomic uint64_t* stamp, uint64_t total) {
  for (uint64_t i = 0; i < total; i++) {
    bench_pause();
    atomic_store_explicit(stamp, bench_now_ns(), memory_order_release);
    if (wake(end) < 0 || await(end) < 0) return bench_fail("eventfd", "failed");
  }
  return 0;
}

int main(void) {
  const uint64_t warmup = bench_setting("BENCH_WARMUP");
  const uint64_t count = bench_setting("BENCH_COUNT");
  /* Neither of the two is left behind when whoever started it is killed. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int ping = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int pong = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  _Atomic uint64_t* stamp = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (ping < 0 || pong < 0 || stamp == MAP_FAILED) return bench_fail("eventfd", "cannot be made");
  const pid_t child = fork();
  if (child < 0) return bench_fail("fork", "failed");
  end_t end;
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bench_place(BENCH_RECEIVER_CORE);
    if (open_end(&end, ping, pong) < 0) return bench_fail("epoll", "cannot be made");
    return receive(&end, stamp, warmup, count);
  }
  bench_place(BENCH_SENDER_CORE);
  if (open_end(&end, pong, ping) < 0 || send_all(&end, stamp, warmup + count) != 0) {
    kill(child, SIGKILL);
    return bench_fail("epoll", "failed");
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return bench_fail("the receiver", "did not end");
  return WEXITSTATUS(status);
}
