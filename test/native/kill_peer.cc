// A publisher or a subscriber that a test kills at a labelled step (core/step.h). Built on the C node API, as a user's
// node would be.
//
//   kill_peer pub LOG COUNT FIRST SEED      sends COUNT numbers from FIRST; each is logged once its send has returned;
//   then
//                                           makes LOG.done and stays until it is told to stop
//   kill_peer sub LOG HOLD 0 SEED           logs each number it receives and keeps up to HOLD samples before it
//   releases the oldest
//
// A payload is its number, repeated; its length depends on the number, so that slots of several sizes are in use. The
// subscriber checks every word: a torn message ends it with status 3, a message held that changes under it with
// status 4. Who cannot join ends with status 1, or 7 when it was not told why. Log records are u64, one write each.
#include <dora/node.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <deque>
#include <string>
#include <vector>

namespace {

uint64_t words_of(uint64_t number) { return 1 + number * 2654435761u % 700; }

void log_number(int log, uint64_t number) {
  if (write(log, &number, sizeof number) != sizeof number) abort();
}

bool intact(const dora_event_t& event, uint64_t* number) {
  if (event.size < 8) return false;
  memcpy(number, event.data, 8);
  if (event.size != words_of(*number) * 8) return false;
  for (uint64_t i = 0; i < event.size; i += 8) {
    if (memcmp(event.data + i, number, 8) != 0) return false;
  }
  return true;
}

int publish(dora_node_t* node, int log, const char* log_path, uint64_t count, uint64_t first, unsigned seed) {
  std::vector<uint64_t> payload;
  for (uint64_t number = first; number < first + count; number++) {
    payload.assign(words_of(number), number);
    dora_error_t error;
    const int32_t s =
        dora_node_send(node, 0, payload.data(), payload.size() * 8, DORA_ENCODING_RAW, nullptr, 0, -1, &error);
    if (s == DORA_SHM_EXHAUSTED) {
      usleep(100);
      number--;
      continue;
    }
    if (s == DORA_ENDED) return 0;  // told to stop while a subscriber was full
    if (s != DORA_OK) {
      fprintf(stderr, "send: %d %s\n", s, s < 0 ? error.message : "");
      return 2;
    }
    log_number(log, number);
    if (rand_r(&seed) % 4 == 0) usleep(static_cast<useconds_t>(rand_r(&seed) % 200));
    // A source that never waits looks after its control traffic itself: late joiners, peers that died.
    dora_event_t event;
    if (dora_node_next(node, 0, &event) == DORA_OK) {
      if (event.type == DORA_EVENT_END) return 0;
      dora_event_release(node, &event);
    }
  }
  // Everything is sent: stays until it is told to stop.
  const std::string done = std::string(log_path) + ".done";
  if (close(open(done.c_str(), O_WRONLY | O_CREAT, 0600)) != 0) return 6;
  dora_event_t event;
  while (dora_node_next(node, -1, &event) == DORA_OK && event.type != DORA_EVENT_END) dora_event_release(node, &event);
  return 0;
}

int subscribe(dora_node_t* node, int log, uint64_t hold, unsigned seed) {
  struct Held {
    dora_event_t event;
    uint64_t number;
  };
  std::deque<Held> held;
  auto release = [&] {
    uint64_t number;
    if (!intact(held.front().event, &number) || number != held.front().number) exit(4);
    dora_event_release(node, &held.front().event);
    held.pop_front();
  };
  for (;;) {
    dora_event_t event;
    const int32_t s = dora_node_next(node, held.empty() ? -1 : 1'000'000, &event);
    if (s == DORA_TIMEOUT) {
      release();
      continue;
    }
    if (s != DORA_OK) return 2;
    if (event.type == DORA_EVENT_ERROR) {
      fprintf(stderr, "error event: %s\n", event.message);
      return 5;
    }
    if (event.type == DORA_EVENT_END) break;
    if (event.type != DORA_EVENT_INPUT) continue;
    uint64_t number;
    if (!intact(event, &number)) {
      fprintf(stderr, "torn: size %llu, number %llu\n", static_cast<unsigned long long>(event.size),
              static_cast<unsigned long long>(number));
      return 3;
    }
    log_number(log, number);
    held.push_back({event, number});
    if (held.size() > hold) release();
    if (rand_r(&seed) % 8 == 0) usleep(static_cast<useconds_t>(rand_r(&seed) % 150));
  }
  while (!held.empty()) release();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 64;
  const int log = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  dora_node_t* node;
  dora_error_t error{};
  if (log < 0 || dora_node_connect(nullptr, &node, &error) != DORA_OK) {
    fprintf(stderr, "kill_peer: %s %s\n", error.message, error.hint);
    return error.message[0] == 0 ? 7 : 1;
  }
  const unsigned seed = static_cast<unsigned>(strtoul(argv[5], nullptr, 10));
  const uint64_t number = strtoull(argv[3], nullptr, 10);
  const int status = strcmp(argv[1], "pub") == 0
                         ? publish(node, log, argv[2], number, strtoull(argv[4], nullptr, 10), seed)
                         : subscribe(node, log, number, seed);
  dora_node_close(node);
  return status;
}
