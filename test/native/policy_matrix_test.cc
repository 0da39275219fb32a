// Queue policies under every ratio of speeds: no message is unaccounted for, ever.
//
// Step by step, a publisher and a subscriber move in turns, so many sends then so many takes, and a plain queue says
// what each count must be after each turn. Side by side, they are two threads that pause at random; what was received,
// dropped and is in flight must add up at every moment at which somebody looks, and say the truth at the end.
#include <atomic>
#include <chrono>
#include <cstring>
#include <deque>
#include <random>
#include <thread>

#include "node_world.h"

using namespace dora;
using dora::test::next;
using dora::test::World;

namespace {

constexpr Policy kPolicies[] = {Policy::drop_oldest, Policy::backpressure};
constexpr uint32_t kQueueSizes[] = {1, 2, 3, 10, 1000, 65536};

const char* name_of(Policy policy) { return policy == Policy::backpressure ? "backpressure" : "drop_oldest"; }

Status send_number(Node& node, uint64_t number, bool arm) {
  Error error;
  SendArgs args;
  args.arm = arm;
  return node.send_copy(0, &number, sizeof number, args, nullptr, &error);
}

uint64_t number_of(const Event& event) {
  uint64_t number = 0;
  REQUIRE(event.sample.size == sizeof number);
  memcpy(&number, event.sample.data, sizeof number);
  return number;
}

/// A publisher "a" with output "x", a subscriber "b".
struct Pair {
  World world{256 << 20};
  std::unique_ptr<Node> a, b;
  Pair(Policy policy, uint32_t queue) { world.pair(&a, &b, policy, queue); }

  InputCounts counts() {
    for (const auto& node : world.broker->counts("flow")) {
      if (node.node == "b") return node.inputs.at(0);
    }
    FAIL("no counts of \"b\"");
    return {};
  }
};

void check_exact(const InputCounts& counts, uint64_t sent, uint64_t received, uint64_t dropped, uint64_t in_flight) {
  CHECK(counts.sent == sent);
  CHECK(counts.received == received);
  CHECK(counts.dropped == dropped);
  CHECK(counts.in_flight == in_flight);
  CHECK(counts.lost == 0);
}

struct Turns {
  uint32_t sends, takes;
};

}  // namespace

TEST_CASE("in turns: after each, the counts are those of a plain queue") {
  for (const Policy policy : kPolicies) {
    for (const uint32_t queue : kQueueSizes) {
      // Ratios 1000:1 to 1:1000; and a subscriber that takes nothing.
      for (const Turns turns : {Turns{1000, 1}, {10, 1}, {3, 2}, {1, 1}, {2, 3}, {1, 10}, {1, 1000}, {500, 0}}) {
        CAPTURE(name_of(policy));
        CAPTURE(queue);
        CAPTURE(turns.sends);
        CAPTURE(turns.takes);
        Pair pair(policy, queue);
        std::deque<uint64_t> expected;  // what lies in the queue
        uint64_t sent = 0, received = 0, dropped = 0, told = 0, refused = 0;
        // At least once around a small ring, and over the edge of a large one where sends outrun takes.
        const int rounds = turns.sends >= 500 ? (queue > 10000 ? 140 : 4) : 60;
        for (int round = 0; round < rounds; round++) {
          for (uint32_t i = 0; i < turns.sends; i++) {
            const Status s = send_number(*pair.a, sent, false);
            if (policy == Policy::backpressure && expected.size() == queue) {
              REQUIRE(s == Status::would_block);
              refused++;
              break;
            }
            REQUIRE(s == Status::ok);
            expected.push_back(sent++);
            if (expected.size() <= queue) continue;
            expected.pop_front();
            dropped++;
          }
          for (uint32_t i = 0; i < turns.takes; i++) {
            Event event;
            const Status s = pair.b->take(&event);
            if (expected.empty()) {
              REQUIRE(s == Status::empty);
              break;
            }
            REQUIRE(s == Status::ok);
            REQUIRE(number_of(event) == expected.front());
            expected.pop_front();
            received++;
            told += event.dropped;
            pair.b->release(event.sample);
            REQUIRE(told == number_of(event) + 1 - received);  // this event's `dropped` is the gap before it
          }
          check_exact(pair.counts(), sent, received, dropped, expected.size());
          CHECK(pair.b->dropped(0) == dropped);
          CHECK(pair.b->received(0) == received);
          CHECK(pair.a->sent(0) == sent);
        }
        // Each ratio does what it is here for.
        if (policy == Policy::backpressure) CHECK(dropped == 0);
        if (policy == Policy::backpressure && turns.sends >= 500) CHECK(refused > 0);
        if (policy == Policy::drop_oldest && turns.sends >= 500) CHECK(dropped > 0);
      }
    }
  }
}

namespace {

/// How long each side works on a message, in microseconds at most; chance decides each time.
struct Speeds {
  uint32_t publisher_us, subscriber_us;
};

void work(std::minstd_rand* chance, uint32_t most_us) {
  if (most_us == 0) return;
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds((*chance)() % (most_us + 1));
  while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

/// Sends 0 … count - 1, waiting for room; then leaves, so that the subscriber's stream ends.
void publish(Node* node, uint64_t count, uint32_t most_us, uint32_t seed, Status* result) {
  std::minstd_rand chance(seed);
  for (uint64_t n = 0; n < count; n++) {
    work(&chance, most_us);
    Status s;
    while ((s = send_number(*node, n, true)) == Status::would_block) {
      if (node->wait_room(1'000'000'000) == Status::ended) break;
    }
    if (s != Status::ok) {
      *result = s;
      return;
    }
  }
  node->close();
}

struct Got {
  uint64_t received = 0, told = 0;
  bool in_order = true, gaps_told = true;
};

void subscribe(Node* node, uint32_t most_us, uint32_t seed, Got* got) {
  std::minstd_rand chance(seed);
  int64_t last = -1;
  for (;;) {
    Event event;
    if (node->take(&event) != Status::ok) {
      node->wait(1'000'000'000);
      continue;
    }
    if (event.type == EventType::end) return;
    if (event.type != EventType::input) continue;
    uint64_t number = 0;
    memcpy(&number, event.sample.data, sizeof number);
    got->in_order &= static_cast<int64_t>(number) > last;
    got->gaps_told &= event.dropped == number - static_cast<uint64_t>(last + 1);
    last = static_cast<int64_t>(number);
    got->received++;
    got->told += event.dropped;
    work(&chance, most_us);
    node->release(event.sample);
  }
}

}  // namespace

TEST_CASE("side by side: what was sent is received, dropped or in flight at every look, and all is told at the end") {
  const uint32_t seed = std::random_device()();
  CAPTURE(seed);
  for (const Policy policy : kPolicies) {
    for (const uint32_t queue : kQueueSizes) {
      for (const Speeds speeds : {Speeds{0, 0}, {0, 30}, {30, 0}, {20, 20}, {0, 300}}) {
        CAPTURE(name_of(policy));
        CAPTURE(queue);
        CAPTURE(speeds.publisher_us);
        CAPTURE(speeds.subscriber_us);
        Pair pair(policy, queue);
        const uint64_t count = speeds.subscriber_us > 100 ? 300 : 3000;
        Status result = Status::ok;
        Got got;
        std::thread publisher([&] { publish(pair.a.get(), count, speeds.publisher_us, seed, &result); });
        std::atomic<bool> over{false};
        std::thread subscriber([&] {
          subscribe(pair.b.get(), speeds.subscriber_us, seed + 1, &got);
          over = true;
        });
        InputCounts last;
        while (!over) {
          const InputCounts now = pair.counts();
          CHECK(now.sent == now.received + now.dropped + now.in_flight + now.lost);
          CHECK(now.in_flight <= queue);
          CHECK(now.sent >= last.sent);
          CHECK(now.received >= last.received);
          CHECK(now.lost == 0);
          if (policy == Policy::backpressure) CHECK(now.dropped == 0);
          last = now;
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        publisher.join();
        subscriber.join();
        CHECK(result == Status::ok);
        CHECK(got.in_order);
        CHECK(got.gaps_told);
        // The last message is never dropped, so each gap was told by the one after it.
        CHECK(got.received + got.told == count);
        check_exact(pair.counts(), count, got.received, got.told, 0);
        if (policy == Policy::backpressure) CHECK(got.received == count);
      }
    }
  }
}
