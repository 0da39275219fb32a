// A node of restart_test: sends when it has an output, takes when it has inputs, until it is killed or told to stop.
//
//   restart_peer STATE INDEX LIFE SEED HOLD POLICIES
//
// INDEX is its place in the state file, LIFE counts its restarts, HOLD is how many samples of an input it keeps, and
// POLICIES has a letter an input: b for backpressure, d for drop_oldest. Message number i of a life is LIFE << 32 | i;
// a payload is its number, repeated, of a length that depends on it. What it checks of every message that it takes: it
// is whole, also when it is released; it is newer than the last one of its input, also across lives of either end; its
// sequence says that its publisher's life began with nothing; and on a backpressure input none is missing, but for what
// a life of this node before took with it. The first violation is written down and ends it with status 3.
#include <dora/node.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <deque>
#include <vector>

#include "restart_state.h"

using dora::test::RestartState;

namespace {

constexpr int64_t kMillisecond = 1'000'000;

struct Held {
  dora_event_t event;
  uint64_t number;
};

struct Peer {
  dora_node_t* node;
  RestartState* state;
  RestartState::Node* mine;
  uint64_t life;
  unsigned seed;
  size_t hold;
  const char* policies;
  int32_t output;
  uint64_t next_number = 0;
  std::deque<Held> held[dora::test::kMostInputs] = {};
  bool has_taken[dora::test::kMostInputs] = {};

  [[noreturn]] __attribute__((format(printf, 2, 3))) void fail(const char* format, ...) {
    va_list words;
    va_start(words, format);
    vsnprintf(mine->failure, sizeof mine->failure, format, words);
    va_end(words);
    exit(3);
  }
  bool chance(unsigned one_in) { return static_cast<unsigned>(rand_r(&seed)) % one_in == 0; }

  static uint64_t words_of(uint64_t number) { return 1 + number * 2654435761u % 700; }
  static bool intact(const dora_event_t& event, uint64_t* number) {
    if (event.size < 8) return false;
    memcpy(number, event.data, 8);
    if (event.size != words_of(*number) * 8) return false;
    for (uint64_t i = 0; i < event.size; i += 8) {
      if (memcmp(event.data + i, number, 8) != 0) return false;
    }
    return true;
  }

  void release(std::deque<Held>& from) {
    uint64_t number;
    if (!intact(from.front().event, &number) || number != from.front().number)
      fail("message %llx changed while it was held", static_cast<unsigned long long>(from.front().number));
    dora_event_release(node, &from.front().event);
    from.pop_front();
  }
  bool release_oldest() {
    bool any = false;
    for (auto& samples : held) {
      if (samples.empty()) continue;
      release(samples);
      any = true;
    }
    return any;
  }

  void receive(const dora_event_t& event, size_t most) {
    auto& input = mine->inputs[event.input];
    uint64_t number;
    if (!intact(event, &number)) fail("input %u: torn, %llu bytes", event.input, (unsigned long long)event.size);
    const uint64_t last = input.last.load(std::memory_order_relaxed), i = number & UINT32_MAX;
    if (number <= last)
      fail("input %u: %llx after %llx", event.input, (unsigned long long)number, (unsigned long long)last);
    if (event.sequence != i)
      fail("input %u: %llx has sequence %llu", event.input, (unsigned long long)number,
           (unsigned long long)event.sequence);
    // Messages are numbered from 1, so the first one of a life follows its life's 0.
    const uint64_t before = number >> 32 == last >> 32 ? last : number & ~uint64_t{UINT32_MAX};
    if (policies[event.input] == 'b' && has_taken[event.input] && number != before + 1)
      fail("input %u: %llx is missing", event.input, (unsigned long long)(before + 1));
    has_taken[event.input] = true;
    input.last.store(number, std::memory_order_relaxed);
    input.received.store(input.received.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    held[event.input].push_back({event, number});
    if (held[event.input].size() > most) release(held[event.input]);
  }

  /// Takes what there is, at first waiting for it, and keeps at most so much of an input. False when the stream has
  /// ended.
  bool take(int64_t wait_ns, size_t most) {
    for (int taken = 0; taken < 64; taken++) {
      dora_event_t event;
      const int32_t s = dora_node_next(node, taken == 0 ? wait_ns : 0, &event);
      if (s == DORA_TIMEOUT || s == DORA_EMPTY) {
        release_oldest();
        return true;
      }
      if (s != DORA_OK) fail("next: %d", s);
      if (event.type == DORA_EVENT_END) return false;
      if (event.type == DORA_EVENT_ERROR) fail("error event: %s", event.message);
      if (event.type == DORA_EVENT_INPUT) receive(event, most);
    }
    return true;
  }

  void send() {
    const uint64_t number = life << 32 | (next_number + 1);
    const std::vector<uint64_t> payload(words_of(number), number);
    dora_error_t error;
    const int32_t s = dora_node_send(node, output, payload.data(), payload.size() * 8, DORA_ENCODING_RAW, nullptr, 0,
                                     5 * kMillisecond, &error);
    if (s == DORA_TIMEOUT || s == DORA_WOULD_BLOCK) return;
    if (s == DORA_SHM_EXHAUSTED) return;  // readers may keep all there is, for a moment
    if (s != DORA_OK) fail("send: %d %s", s, error.message);
    next_number++;
    mine->sent.store(mine->sent.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  /// With nobody else holding any, all slots of the output are there to be had.
  void loan_all() {
    std::vector<dora_loan_t> loans;
    dora_error_t error;
    for (;;) {
      dora_loan_t loan;
      const int32_t s = dora_node_loan(node, output, 8, &loan, &error);
      if (s == DORA_SHM_EXHAUSTED) break;
      if (s != DORA_OK) fail("loan: %d %s", s, error.message);
      loans.push_back(loan);
    }
    for (auto& loan : loans) dora_loan_discard(node, &loan);
    mine->loans.store(loans.size(), std::memory_order_relaxed);
  }

  void run() {
    for (;;) {
      const uint32_t request = state->request.load(std::memory_order_relaxed), kind = request % dora::test::kRequests;
      const bool asked = mine->done.load(std::memory_order_relaxed) != request;
      if (asked && kind != dora::test::kStream) {
        while (release_oldest()) continue;
        if (kind == dora::test::kLoanAll && output >= 0) loan_all();
      }
      if (asked) mine->done.store(request, std::memory_order_relaxed);
      const bool sends = output >= 0 && kind == dora::test::kStream;
      if (!take(sends ? 0 : kMillisecond * (chance(4) ? 10 : 1), kind == dora::test::kStream ? hold : 0)) return;
      if (!sends) continue;
      send();
      if (!chance(4)) usleep(static_cast<useconds_t>(rand_r(&seed) % 400));
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 64;
  RestartState* state = dora::test::map_state(argv[1]);
  if (state == nullptr) return 65;
  Peer peer{nullptr,
            state,
            &state->nodes[strtoul(argv[2], nullptr, 10)],
            strtoull(argv[3], nullptr, 10),
            static_cast<unsigned>(strtoul(argv[4], nullptr, 10)),
            strtoul(argv[5], nullptr, 10),
            argv[6],
            -1};
  dora_error_t error;
  if (dora_node_connect(nullptr, &peer.node, &error) != DORA_OK) peer.fail("%s; %s", error.message, error.hint);
  peer.output = dora_node_output(peer.node, "x");
  peer.run();
  while (peer.release_oldest()) continue;
  dora_node_close(peer.node);
  return 0;
}
