// Peers with a bug or an enemy in them: what they may write into the memory that they share with others, and what must
// hold all the same. Nothing crashes (run it under the address sanitizer), nobody hangs, and edges that the hostile
// process has no part in stay exact.
//
// The hostile side maps the same descriptors that a real process is given, and writes what an honest one never would.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "edge_pair.h"
#include "node/fault.h"
#include "node_world.h"

using namespace dora;
using namespace dora::test;

namespace {

constexpr uint64_t kMap = 16 << 20;
constexpr uint32_t kSlots = 1024;

/// A publisher with one edge; `shared()` is the hostile view of it.
struct Bench {
  FixedBudget budget{kMap};
  Hlc hlc;
  Publisher publisher;
  EdgePair edge;
  Mapping view;
  Bench(Policy policy, uint32_t queue, uint32_t hold = 16)
      : publisher({"out", kMap, kSlots, 0}, &budget, &hlc), edge(policy, queue, kSlots, hold) {
    REQUIRE(publisher.init(&edge.error) == Status::ok);
    REQUIRE(edge.open_writer(publisher) == Status::ok);
    REQUIRE(edge.open_reader(publisher, kMap, kSlots) == Status::ok);
    REQUIRE(Mapping::map(edge.region.get(), file_size(edge.region.get()), true, &view, &edge.error) == Status::ok);
  }
  EdgeShared* shared() { return reinterpret_cast<EdgeShared*>(view.data()); }
  std::atomic<uint64_t>* rel() {
    return reinterpret_cast<std::atomic<uint64_t>*>(view.data() + edge.constants.rel_offset);
  }
};

/// Every region of a kind that this process has, found as a stranger would: by its descriptors.
std::vector<Mapping> map_all(const char* name) {
  std::vector<Mapping> found;
  std::vector<ino_t> seen;
  for (int fd = 3; fd < 1024; fd++) {
    char link[64], target[128];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, target, sizeof target - 1);
    if (n <= 0) continue;
    target[n] = 0;
    struct stat info;
    if (strstr(target, name) == nullptr || fstat(fd, &info) != 0) continue;
    if (std::find(seen.begin(), seen.end(), info.st_ino) != seen.end()) continue;
    seen.push_back(info.st_ino);
    found.emplace_back();
    Error error;
    REQUIRE(Mapping::map(fd, static_cast<uint64_t>(info.st_size), true, &found.back(), &error) == Status::ok);
  }
  return found;
}

/// The region of the only edge with this input bit and queue size.
Mapping map_edge(uint32_t queue_size) {
  for (Mapping& mapping : map_all("memfd:dora-edge")) {
    EdgeConstants constants;
    memcpy(&constants, mapping.data(), sizeof constants);
    if (constants.queue_size == queue_size) return std::move(mapping);
  }
  FAIL("no such edge");
  return {};
}

/// Writes random words all over a region until it is told to stop.
class Scribbler {
 public:
  Scribbler(std::vector<Mapping> regions, uint64_t seed)
      : regions_(std::move(regions)), thread_([this, seed] { run(seed); }) {}
  ~Scribbler() {
    stop_.store(true);
    thread_.join();
  }

 private:
  void run(uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!stop_.load(std::memory_order_relaxed)) {
      for (Mapping& region : regions_) {
        auto* words = reinterpret_cast<std::atomic<uint64_t>*>(region.data());
        for (int i = 0; i < 64; i++) {
          // Small numbers are the more dangerous ones: they are nearly right.
          const uint64_t value = random() >> (random() % 64);
          const uint64_t at = random() % 4 == 0 ? random() % 32 : random() % (region.size() / 8);
          words[at].store(value, std::memory_order_relaxed);
        }
      }
      std::this_thread::yield();
    }
  }
  std::vector<Mapping> regions_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace

// ---- a hostile subscriber -------------------------------------------------------------------------------------------

TEST_CASE("a reader that moves its tail back loses its edge, when its queue looks full") {
  for (uint64_t back : {1, 2, 4}) {
    Bench b(Policy::drop_oldest, 4);
    for (uint64_t i = 0; i < 8; i++) REQUIRE(send_number(b.publisher, i) == Status::ok);
    for (int i = 0; i < 4; i++) {
      ClaimedSample sample;
      REQUIRE(b.edge.reader.claim(&sample, &b.edge.error) == Status::ok);
    }
    REQUIRE(b.publisher.has_room(false));  // a look at tail, which the publisher remembers
    REQUIRE(send_number(b.publisher, 8) == Status::ok);
    b.shared()->tail.fetch_sub(back);  // for 1 and 2 the ring would not be over-full
    for (uint64_t i = 9; i < 13; i++) REQUIRE(send_number(b.publisher, i) == Status::ok);
    CHECK(b.publisher.take_corrupt() == std::vector<uint64_t>{1});
    CHECK(b.publisher.busy_slots() == 0);
  }
}

TEST_CASE("a reader at its limit that keeps moving its tail back does not keep the publisher busy for ever") {
  Bench b(Policy::drop_oldest, 64, 0);
  for (uint64_t i = 0; i < 64; i++) {  // all it may hold, and the ring is empty
    REQUIRE(send_number(b.publisher, i) == Status::ok);
    ClaimedSample sample;
    REQUIRE(b.edge.reader.claim(&sample, &b.edge.error) == Status::ok);
  }
  std::atomic<bool> stop{false};
  std::thread hostile([&] {
    while (!stop.load(std::memory_order_relaxed)) b.shared()->tail.store(b.shared()->head.load() - 60);
  });
  for (uint64_t i = 0; i < 5'000'000 && !b.publisher.has_corrupt(); i++)
    REQUIRE(send_number(b.publisher, i) == Status::ok);
  stop.store(true);
  hostile.join();
  CHECK(b.publisher.take_corrupt() == std::vector<uint64_t>{1});
  CHECK(b.publisher.busy_slots() == 0);
}

TEST_CASE("what a reader released while it was queued is not offered to its successor") {
  Bench b(Policy::drop_oldest, 4);
  for (uint64_t i = 0; i < 4; i++) REQUIRE(send_number(b.publisher, i) == Status::ok);
  b.rel()[0].store(0b0010);  // the slot of message 1, which it never claimed
  CHECK(b.publisher.busy_slots() == 3);
  b.publisher.peer_died(1, 1);
  EdgePair next(Policy::drop_oldest, 4, kSlots, 16, 1, 2);
  REQUIRE_MESSAGE(next.open_writer(b.publisher, true) == Status::ok, next.error.message);
  REQUIRE(next.open_reader(b.publisher, kMap, kSlots) == Status::ok);
  for (uint64_t expected : {2, 3}) {
    ClaimedSample sample;
    REQUIRE_MESSAGE(next.reader.claim(&sample, &next.error) == Status::ok, next.error.message);
    CHECK(number_of(sample) == expected);
    next.reader.release(sample.slot);
  }
  CHECK(b.publisher.busy_slots() == 0);
}

TEST_CASE("a return that cannot be opened leaves the dead reader's slots free") {
  Bench b(Policy::backpressure, 4);
  REQUIRE(send_number(b.publisher, 0) == Status::ok);
  ClaimedSample sample;
  REQUIRE(b.edge.reader.claim(&sample, &b.edge.error) == Status::ok);
  EdgePair next(Policy::backpressure, 4, kSlots, 16, 1, 2);
  next.constants.queue_size = 5;  // not what stands in the region
  CHECK(next.open_writer(b.publisher, true) == Status::shm_corrupt);
  CHECK(b.publisher.open_edges() == 0);
  CHECK(b.publisher.busy_slots() == 0);
}

TEST_CASE("a hold limit near the end of 32 bits is no small one") {
  Bench b(Policy::backpressure, 4, UINT32_MAX);
  for (uint64_t i = 0; i < 4; i++) CHECK(send_number(b.publisher, i) == Status::ok);
}

TEST_CASE("a doorbell that its owner has filled and made blocking keeps nobody waiting") {
  Bench b(Policy::drop_oldest, 4);
  const int bell = b.edge.reader_bell.get();
  REQUIRE(fcntl(bell, F_SETFL, fcntl(bell, F_GETFL) & ~O_NONBLOCK) == 0);
  const uint64_t full = UINT64_MAX - 1;
  REQUIRE(write(bell, &full, sizeof full) == sizeof full);
  b.edge.inbox.set_asleep();
  CHECK(send_number(b.publisher, 0) == Status::ok);  // rings
  drain_doorbell(bell);
  pollfd look{bell, POLLIN, 0};
  CHECK(poll(&look, 1, 0) == 0);
  drain_doorbell(bell);  // empty, and blocking
  b.edge.inbox.set_asleep();
  CHECK(send_number(b.publisher, 1) == Status::ok);
  CHECK(poll(&look, 1, 0) == 1);
}

TEST_CASE("a corrupt subscriber is reported although its publisher does nothing but send") {
  World world;
  std::unique_ptr<Node> a, b;
  world.pair(&a, &b, Policy::drop_oldest, 3);
  {
    const Mapping edge = map_edge(3);
    reinterpret_cast<EdgeShared*>(edge.data())->tail.store(1000);
  }
  REQUIRE(send_text(*a, 0, "1") == Status::ok);
  REQUIRE(a->wait(kWaitNs) == Status::ok);  // the send has woken its own consumer
  Event event = next(*b);
  while (event.type == EventType::error) event = next(*b);
  CHECK(event.type == EventType::input_closed);
  CHECK(event.reason == DORA_REASON_CORRUPT);
}

// ---- a hostile publisher --------------------------------------------------------------------------------------------

TEST_CASE("an unfinished skip is an empty ring, anything beyond it is corrupt") {
  ClaimedSample sample;
  {
    Bench b(Policy::drop_oldest, 4);
    b.shared()->tail.store(1);
    CHECK(b.edge.reader.claim(&sample, &b.edge.error) == Status::empty);
    b.shared()->head.store(1);
    CHECK(b.edge.reader.claim(&sample, &b.edge.error) == Status::empty);
    b.shared()->tail.store(3);
    CHECK(b.edge.reader.claim(&sample, &b.edge.error) == Status::shm_corrupt);
  }
  Bench b(Policy::backpressure, 4);
  b.shared()->tail.store(1);  // a backpressure edge knows no skip
  CHECK(b.edge.reader.claim(&sample, &b.edge.error) == Status::shm_corrupt);
}

TEST_CASE("an entry that is refused is not held, so the edge can be freed") {
  Bench b(Policy::drop_oldest, 4);
  REQUIRE(send_number(b.publisher, 0) == Status::ok);
  reinterpret_cast<Cell*>(b.view.data() + kCellsOffset)->where.store(~uint64_t{0});
  ClaimedSample sample;
  CHECK(b.edge.reader.claim(&sample, &b.edge.error) == Status::shm_corrupt);
  CHECK(b.edge.reader.held() == 0);
}

TEST_CASE("a publisher that stays in the middle of a skip does not keep its reader from other inputs") {
  World world;
  auto configs = world.add({node_of("bad", {}, {"x"}), node_of("good", {}, {"y"}),
                            node_of("b",
                                    {edge_input("bad", "bad", "x", Policy::drop_oldest, 3),
                                     edge_input("good", "good", "y", Policy::drop_oldest, 5)},
                                    {})});
  auto bad = world.join(configs[0]), good = world.join(configs[1]), b = world.join(configs[2]);
  start_all({bad.get(), good.get(), b.get()});
  const Mapping edge = map_edge(3);
  reinterpret_cast<EdgeShared*>(edge.data())->tail.store(1);
  for (Mapping& inbox : map_all("memfd:dora-inbox"))
    reinterpret_cast<InboxShared*>(inbox.data())->ready[0].store(~uint64_t{0});
  REQUIRE(send_text(*good, 0, "1") == Status::ok);
  const Event event = next(*b);
  REQUIRE(event.type == EventType::input);
  CHECK(text_of(event) == "1");
  b->release(event.sample);
  for (int wakes = 0; b->wait(50'000'000) != Status::timeout; wakes++) {  // and it can sleep
    REQUIRE(wakes < 10);
    Event none;
    CHECK(b->take(&none) == Status::empty);
  }
}

TEST_CASE("a corrupt input is closed and unmapped, its node goes on, its publisher is told") {
  World world;
  auto configs = world.add({node_of("bad", {}, {"x"}), node_of("good", {}, {"y"}),
                            node_of("b",
                                    {edge_input("bad", "bad", "x", Policy::backpressure, 3),
                                     edge_input("good", "good", "y", Policy::backpressure, 5)},
                                    {})});
  auto bad = world.join(configs[0]), good = world.join(configs[1]), b = world.join(configs[2]);
  start_all({bad.get(), good.get(), b.get()});
  REQUIRE(send_text(*bad, 0, "1") == Status::ok);
  const Event kept = next(*b);
  REQUIRE(kept.type == EventType::input);
  REQUIRE(send_text(*bad, 0, "2") == Status::ok);
  {
    const Mapping edge = map_edge(3);
    for (uint32_t i = 0; i < 4; i++)
      reinterpret_cast<Cell*>(edge.data() + kCellsOffset)[i].generation.store(UINT64_MAX);
  }
  Event event = next(*b);
  CHECK(event.type == EventType::error);
  CHECK(event.error.message.find("bad/x") != std::string::npos);
  event = next(*b);
  CHECK(event.type == EventType::input_closed);
  CHECK(event.reason == DORA_REASON_CORRUPT);
  CHECK(text_of(kept) == "1");  // what it had stays readable
  char words[200];
  CHECK(describe_fault(kept.sample.data, words, sizeof words));
  b->release(kept.sample);
  b->awake(false, false);
  CHECK_FALSE(describe_fault(kept.sample.data, words, sizeof words));
  for (int i = 0; i < 500 && bad->subscribers(0) != 0; i++) bad->wait(10'000'000);
  CHECK(bad->subscribers(0) == 0);
  for (int i = 0; i < 10; i++) CHECK(send_text(*bad, 0, "nobody") == Status::ok);
  REQUIRE(send_text(*good, 0, "3") == Status::ok);
  event = next(*b);
  REQUIRE(event.type == EventType::input);
  CHECK(text_of(event) == "3");
  b->release(event.sample);
}

// ---- everything at once ---------------------------------------------------------------------------------------------

TEST_CASE("random writes into one edge and every inbox leave the edges of others exact") {
  World world;
  auto configs =
      world.add({node_of("a", {}, {"x"}), node_of("honest", {edge_input("in", "a", "x", Policy::backpressure, 5)}, {}),
                 node_of("hostile", {edge_input("in", "a", "x", Policy::drop_oldest, 3)}, {})});
  auto a = world.join(configs[0]), honest = world.join(configs[1]), hostile = world.join(configs[2]);
  start_all({a.get(), honest.get(), hostile.get()});
  constexpr uint64_t kMessages = 4000;

  std::vector<Mapping> regions;
  regions.push_back(map_edge(3));
  for (Mapping& inbox : map_all("memfd:dora-inbox")) regions.push_back(std::move(inbox));
  std::atomic<bool> over{false};
  std::thread victim([&] {  // the hostile process's own library survives as well
    while (!over.load()) {
      Event event;
      if (hostile->take(&event) != Status::ok) {
        hostile->wait(1'000'000);
      } else if (event.type == EventType::input) {
        hostile->release(event.sample);
      } else if (event.type == EventType::end) {
        break;
      }
    }
  });
  std::thread reader([&] {
    for (uint64_t expected = 0; expected < kMessages;) {
      Event event;
      if (honest->take(&event) != Status::ok) {
        honest->wait(1'000'000);  // inboxes are scribbled on: that may delay, so nobody sleeps for long
        continue;
      }
      REQUIRE(event.type == EventType::input);
      CHECK(event.dropped == 0);
      REQUIRE(event.sample.size == 64);
      uint64_t words[8];
      memcpy(words, event.sample.data, sizeof words);
      for (uint64_t word : words) REQUIRE(word == expected);
      REQUIRE(event.sample.sequence == expected + 1);
      honest->release(event.sample);
      expected++;
    }
  });
  {
    const Scribbler scribbler(std::move(regions), 42);
    for (uint64_t i = 0; i < kMessages; i++) {
      const uint64_t words[8] = {i, i, i, i, i, i, i, i};
      SendArgs args;
      args.arm = true;
      Error error;
      Status s;
      while ((s = a->send_copy(0, words, sizeof words, args, nullptr, &error)) == Status::would_block)
        a->wait_room(1'000'000);
      REQUIRE_MESSAGE(s == Status::ok, error.message);
    }
    reader.join();
  }
  over.store(true);
  victim.join();
  CHECK(a->sent(0) == kMessages);
  CHECK(honest->received(0) == kMessages);
}
