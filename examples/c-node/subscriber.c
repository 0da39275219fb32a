/*
 * A subscriber in C with a loop of its own: epoll waits for the node and for a timer of this program, as it would for
 * sockets or devices. The rule: take until there is nothing, ask dora_node_prepare_wait(), and wait only when it says
 * so.
 *
 * Checks every reading. Exit code 1 when one is wrong or missing, or not as many came as the argument says.
 */
#define _GNU_SOURCE
#include <dora/node.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "reading.h"

#define REPORT_NS 250000000L
#define AT_ONCE 64 /* events taken before the loop looks at its other descriptors */

typedef struct subscriber {
  dora_node_t* node;
  int64_t received;
  int64_t dropped;
  int64_t wrong;
  uint64_t bytes;
  int ended;
} subscriber_t;

static void check_reading(subscriber_t* self, const dora_event_t* event) {
  uint32_t type;
  uint64_t size;
  const void* value;
  int64_t number = -1;
  if (event->metadata != NULL &&
      dora_metadata_get(event->metadata, event->metadata_size, "number", &type, &value, &size) == DORA_OK &&
      type == DORA_META_INT64) {
    memcpy(&number, value, sizeof number);
  }
  int wrong = number != self->received || event->size != reading_samples(number) * sizeof(uint32_t);
  const uint32_t* samples = (const uint32_t*)event->data; /* where the publisher wrote them; aligned to 64 bytes */
  for (uint64_t i = 0; !wrong && i < reading_samples(number); i++) wrong = samples[i] != reading_sample(number, i);
  self->wrong += wrong;
  self->received++;
  self->dropped += (int64_t)event->dropped;
  self->bytes += event->size;
}

/* Takes what there is. Returns 0 when there may be more, 1 when there is nothing, -1 after a failure. */
static int take(subscriber_t* self) {
  dora_event_t event;
  for (int i = 0; i < AT_ONCE && !self->ended; i++) {
    int32_t status = dora_node_next(self->node, 0, &event);
    if (status == DORA_EMPTY) return 1;
    if (status != DORA_OK) {
      fprintf(stderr, "dora_node_next: status %d\n", status);
      return -1;
    }
    if (event.type == DORA_EVENT_INPUT) check_reading(self, &event);
    if (event.type == DORA_EVENT_END) self->ended = 1;
    dora_event_release(self->node, &event);
  }
  return 0;
}

static int add(int epoll, int fd) {
  struct epoll_event interest = {.events = EPOLLIN, .data.fd = fd};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest);
}

static int run(subscriber_t* self, int epoll, int timer) {
  while (!self->ended) {
    int idle = take(self);
    if (idle < 0) return -1;
    /* Between two rounds of taking it only looks at the other descriptors. */
    int timeout_ms = idle && dora_node_prepare_wait(self->node) ? -1 : 0;
    struct epoll_event ready[2];
    int count = self->ended ? 0 : epoll_wait(epoll, ready, 2, timeout_ms);
    for (int i = 0; i < count; i++) {
      uint64_t expirations;
      if (ready[i].data.fd != timer || read(timer, &expirations, sizeof expirations) < 0) continue;
      printf("%lld readings so far\n", (long long)self->received);
      fflush(stdout);
    }
  }
  return 0;
}

int main(int argc, char** argv) {
  subscriber_t self = {0};
  dora_error_t error = {0};
  int64_t wanted = argc > 1 ? atoll(argv[1]) : 200;
  if (dora_node_connect(NULL, &self.node, &error) != DORA_OK) {
    fprintf(stderr, "%s\n%s\n", error.message, error.hint);
    return 1;
  }
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct itimerspec period = {.it_interval.tv_nsec = REPORT_NS, .it_value.tv_nsec = REPORT_NS};
  if (epoll < 0 || timer < 0 || timerfd_settime(timer, 0, &period, NULL) < 0 || add(epoll, timer) < 0 ||
      add(epoll, dora_node_fd(self.node)) < 0) {
    perror("epoll");
    return 1;
  }
  int result = run(&self, epoll, timer);
  printf("%lld readings received, %lld dropped, %lld wrong, %llu bytes\n", (long long)self.received,
         (long long)self.dropped, (long long)self.wrong, (unsigned long long)self.bytes);
  dora_node_close(self.node);
  close(timer);
  close(epoll);
  return result == 0 && self.received == wanted && self.dropped == 0 && self.wrong == 0 ? 0 : 1;
}
