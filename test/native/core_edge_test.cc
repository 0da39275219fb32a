// One publisher and its edges inside one process: policies, counts, holding, retaining, death and return, hostile
// readers and writers.
#include <sched.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "edge_pair.h"

using namespace dora;
using namespace dora::test;

namespace {

constexpr uint64_t kMap = 16 << 20;
constexpr uint32_t kSlots = 1024;

struct Bench {
  FixedBudget budget{kMap};
  Hlc hlc;
  Publisher publisher;
  EdgePair edge;
  Bench(Policy policy, uint32_t queue, uint32_t hold = 16, uint32_t retain = 0, uint32_t slots = kSlots)
      : publisher({"out", kMap, slots, retain}, &budget, &hlc), edge(policy, queue, slots, hold) {
    REQUIRE(publisher.init(&edge.error) == Status::ok);
    REQUIRE(edge.open_writer(publisher) == Status::ok);
    REQUIRE(edge.open_reader(publisher, kMap, slots) == Status::ok);
  }
  Status claim(ClaimedSample* out) { return edge.reader.claim(out, &edge.error); }
  EdgeShared* shared() {
    static std::vector<Mapping> maps;
    maps.emplace_back();
    Error error;
    REQUIRE(Mapping::map(edge.region.get(), file_size(edge.region.get()), true, &maps.back(), &error) == Status::ok);
    return reinterpret_cast<EdgeShared*>(maps.back().data());
  }
};

}  // namespace

TEST_CASE("messages arrive in order with their payload, and their slots come back") {
  Bench b(Policy::backpressure, 4);
  for (uint64_t round = 0; round < 100; round++) {
    for (uint64_t i = 0; i < 4; i++) REQUIRE(send_number(b.publisher, round * 4 + i) == Status::ok);
    for (uint64_t i = 0; i < 4; i++) {
      ClaimedSample sample;
      REQUIRE(b.claim(&sample) == Status::ok);
      CHECK(number_of(sample) == round * 4 + i);
      CHECK(sample.sequence == round * 4 + i + 1);
      CHECK(sample.dropped == 0);
      CHECK(reinterpret_cast<uintptr_t>(sample.data) % 64 == 0);
      b.edge.reader.release(sample.slot);
    }
    ClaimedSample none;
    CHECK(b.claim(&none) == Status::empty);
  }
  CHECK(b.publisher.busy_slots() == 0);
  CHECK(b.edge.reader.held() == 0);
}

TEST_CASE("of large slots two go round while the reader keeps up, however many there are") {
  constexpr uint64_t kLarge = 512 * 1024;
  Bench b(Policy::backpressure, 8);
  for (uint64_t i = 0; i < 8; i++) REQUIRE(send_number(b.publisher, i, false, kLarge) == Status::ok);
  ClaimedSample sample;
  for (uint64_t i = 0; i < 8; i++) {
    REQUIRE(b.claim(&sample) == Status::ok);
    b.edge.reader.release(sample.slot);
  }
  std::set<uint32_t> used;
  uint32_t unreleased = UINT32_MAX;
  for (uint64_t i = 8; i < 24; i++) {
    REQUIRE(send_number(b.publisher, i, false, kLarge) == Status::ok);
    if (unreleased != UINT32_MAX) b.edge.reader.release(unreleased);
    REQUIRE(b.claim(&sample) == Status::ok);
    CHECK(number_of(sample) == i);
    used.insert(unreleased = sample.slot);
  }
  CHECK(used.size() == 2);
  b.edge.reader.release(unreleased);
  CHECK(b.publisher.busy_slots() == 0);
}

TEST_CASE("drop_oldest keeps the newest and the reader counts exactly what was dropped") {
  Bench b(Policy::drop_oldest, 3);
  for (uint64_t i = 0; i < 10; i++) REQUIRE(send_number(b.publisher, i) == Status::ok);
  ClaimedSample sample;
  REQUIRE(b.claim(&sample) == Status::ok);
  CHECK(number_of(sample) == 7);
  CHECK(sample.dropped == 7);
  b.edge.reader.release(sample.slot);
  for (uint64_t expected : {8, 9}) {
    REQUIRE(b.claim(&sample) == Status::ok);
    CHECK(number_of(sample) == expected);
    CHECK(sample.dropped == 0);
    b.edge.reader.release(sample.slot);
  }
  CHECK(b.publisher.busy_slots() == 0);
}

TEST_CASE("a full backpressure edge refuses, nobody gets the message, and a claim rings the publisher") {
  Bench b(Policy::backpressure, 2);
  EdgePair other(Policy::drop_oldest, 2, kSlots, 16, 2, 2);
  REQUIRE(other.open_writer(b.publisher) == Status::ok);
  REQUIRE(other.open_reader(b.publisher, kMap, kSlots) == Status::ok);
  REQUIRE(send_number(b.publisher, 0) == Status::ok);
  REQUIRE(send_number(b.publisher, 1) == Status::ok);
  CHECK(send_number(b.publisher, 2, true) == Status::would_block);
  ClaimedSample sample;
  REQUIRE(other.reader.claim(&sample, &other.error) == Status::ok);
  CHECK(number_of(sample) == 0);
  REQUIRE(other.reader.claim(&sample, &other.error) == Status::ok);
  CHECK(other.reader.claim(&sample, &other.error) == Status::empty);
  CHECK_FALSE(rang(b.edge.writer_bell.get()));
  REQUIRE(b.claim(&sample) == Status::ok);
  CHECK(rang(b.edge.writer_bell.get()));
  CHECK(send_number(b.publisher, 2, true) == Status::ok);
}

TEST_CASE("a reader that keeps its samples is cut off, and drops for it are counted by position") {
  Bench b(Policy::drop_oldest, 2, 3);
  std::vector<ClaimedSample> kept;
  for (uint64_t i = 0; i < 5; i++) {  // queue 2 + 3 held
    REQUIRE(send_number(b.publisher, i) == Status::ok);
    ClaimedSample sample;
    REQUIRE(b.claim(&sample) == Status::ok);
    kept.push_back(sample);
  }
  for (uint64_t i = 5; i < 25; i++) REQUIRE(send_number(b.publisher, i) == Status::ok);
  ClaimedSample sample;
  CHECK(b.claim(&sample) == Status::empty);  // all 20 were skipped
  CHECK(b.publisher.busy_slots() == 5);
  for (uint64_t i = 0; i < 5; i++) {
    CHECK(number_of(kept[i]) == i);
    b.edge.reader.release(kept[i].slot);
  }
  REQUIRE(send_number(b.publisher, 25) == Status::ok);
  REQUIRE(b.claim(&sample) == Status::ok);
  CHECK(number_of(sample) == 25);
  CHECK(sample.dropped == 20);
  b.edge.reader.release(sample.slot);
  CHECK(b.publisher.busy_slots() == 0);
}

TEST_CASE("backpressure waits for a slot that a reader keeps, and the release rings") {
  Bench b(Policy::backpressure, 1, 1);
  ClaimedSample first, second;
  REQUIRE(send_number(b.publisher, 0) == Status::ok);
  REQUIRE(b.claim(&first) == Status::ok);
  REQUIRE(send_number(b.publisher, 1) == Status::ok);
  REQUIRE(b.claim(&second) == Status::ok);
  CHECK(send_number(b.publisher, 2, true) == Status::would_block);
  CHECK_FALSE(rang(b.edge.writer_bell.get()));
  b.edge.reader.release(first.slot);
  CHECK(rang(b.edge.writer_bell.get()));
  CHECK(send_number(b.publisher, 2, true) == Status::ok);
}

TEST_CASE("what the consumer releases at once counts and rings like any release, beside one that it keeps") {
  Bench b(Policy::backpressure, 1, 1);
  ClaimedSample kept, copied;
  REQUIRE(send_number(b.publisher, 0) == Status::ok);
  REQUIRE(b.claim(&kept) == Status::ok);
  CHECK(b.edge.reader.held() == 1);
  for (uint64_t i = 1; i < 20; i++) {
    REQUIRE(send_number(b.publisher, i) == Status::ok);
    REQUIRE(b.claim(&copied) == Status::ok);
    CHECK(number_of(copied) == i);
    CHECK(b.edge.reader.held() == 2);
    CHECK(send_number(b.publisher, i + 1, true) == Status::would_block);
    CHECK_FALSE(rang(b.edge.writer_bell.get()));
    b.edge.reader.release_at_once(copied.slot);
    CHECK(rang(b.edge.writer_bell.get()));
    CHECK(b.edge.reader.held() == 1);
  }
  b.edge.reader.release(kept.slot);
  CHECK(b.edge.reader.held() == 0);
  CHECK(b.publisher.busy_slots() == 0);
}

TEST_CASE("a late reader gets the newest retained messages in order") {
  Bench b(Policy::drop_oldest, 8, 16, 3);
  for (uint64_t i = 0; i < 10; i++) REQUIRE(send_number(b.publisher, i) == Status::ok);
  EdgePair late(Policy::drop_oldest, 2, kSlots, 16, 2, 2);
  REQUIRE(late.open_writer(b.publisher) == Status::ok);
  REQUIRE(late.open_reader(b.publisher, kMap, kSlots) == Status::ok);
  ClaimedSample sample;
  for (uint64_t expected : {8, 9}) {
    REQUIRE(late.reader.claim(&sample, &late.error) == Status::ok);
    CHECK(number_of(sample) == expected);
    CHECK(sample.dropped == 0);
    late.reader.release(sample.slot);
  }
  CHECK(late.reader.claim(&sample, &late.error) == Status::empty);
}

TEST_CASE("a reader that dies and returns gets what it had not claimed, once and in order") {
  Bench b(Policy::backpressure, 4);
  for (uint64_t i = 0; i < 4; i++) REQUIRE(send_number(b.publisher, i) == Status::ok);
  ClaimedSample sample;
  REQUIRE(b.claim(&sample) == Status::ok);  // 0 dies with it
  b.publisher.peer_died(1, 1);
  CHECK(send_number(b.publisher, 4) == Status::ok);
  CHECK(send_number(b.publisher, 5) == Status::would_block);  // the orphan's policy goes on
  EdgePair back(Policy::backpressure, 4, kSlots, 16, 1, 2);
  REQUIRE(back.open_writer(b.publisher, true) == Status::ok);
  REQUIRE(back.open_reader(b.publisher, kMap, kSlots) == Status::ok);
  for (uint64_t expected = 1; expected <= 4; expected++) {
    REQUIRE(back.reader.claim(&sample, &back.error) == Status::ok);
    CHECK(number_of(sample) == expected);
    CHECK(sample.dropped == 0);
    back.reader.release(sample.slot);
  }
  CHECK(back.reader.claim(&sample, &back.error) == Status::empty);
  CHECK(b.publisher.busy_slots() == 0);
}

TEST_CASE("a death does not free what is queued, even when the dead one's release map says so") {
  Bench b(Policy::drop_oldest, 2);
  REQUIRE(send_number(b.publisher, 0) == Status::ok);
  ClaimedSample sample;
  REQUIRE(b.claim(&sample) == Status::ok);
  auto* rel =
      reinterpret_cast<std::atomic<uint64_t>*>(reinterpret_cast<uint8_t*>(b.shared()) + b.edge.constants.rel_offset);
  REQUIRE(send_number(b.publisher, 1) == Status::ok);
  b.publisher.peer_died(1, 1);
  rel[0].store(~uint64_t{0});  // written "late" by the dead process
  REQUIRE(send_number(b.publisher, 2) == Status::ok);
  EdgePair back(Policy::drop_oldest, 2, kSlots, 16, 1, 2);
  REQUIRE(back.open_writer(b.publisher, true) == Status::ok);
  REQUIRE(back.open_reader(b.publisher, kMap, kSlots) == Status::ok);
  for (uint64_t expected : {1, 2}) {
    REQUIRE(back.reader.claim(&sample, &back.error) == Status::ok);
    CHECK(number_of(sample) == expected);
    back.reader.release(sample.slot);
  }
  CHECK(b.publisher.busy_slots() == 0);
}

TEST_CASE("closing an edge frees all that its reader had") {
  Bench b(Policy::backpressure, 4);
  for (uint64_t i = 0; i < 4; i++) REQUIRE(send_number(b.publisher, i) == Status::ok);
  ClaimedSample sample;
  REQUIRE(b.claim(&sample) == Status::ok);
  b.publisher.close_edge(1);
  CHECK(b.publisher.busy_slots() == 0);
  CHECK(send_number(b.publisher, 5) == Status::ok);
  CHECK(b.publisher.busy_slots() == 0);
}

TEST_CASE("an ended publisher refuses sends and its reader learns that nothing follows") {
  Bench b(Policy::drop_oldest, 4);
  REQUIRE(send_number(b.publisher, 0) == Status::ok);
  CHECK_FALSE(b.edge.reader.ended());
  b.publisher.end();
  CHECK(send_number(b.publisher, 1) == Status::ended);
  CHECK(b.edge.reader.ended());
  ClaimedSample sample;
  CHECK(b.claim(&sample) == Status::ok);
}

TEST_CASE("a reader that writes an impossible tail loses its own edge, and no other, when its queue looks full") {
  for (uint64_t tail : {uint64_t{100}, ~uint64_t{0}}) {
    Bench b(Policy::drop_oldest, 4);
    EdgePair honest(Policy::drop_oldest, 8, kSlots, 16, 2, 2);
    REQUIRE(honest.open_writer(b.publisher) == Status::ok);
    REQUIRE(honest.open_reader(b.publisher, kMap, kSlots) == Status::ok);
    b.shared()->tail.store(tail);
    for (uint64_t i = 0; i < 5; i++) CHECK(send_number(b.publisher, i) == Status::ok);
    CHECK(b.publisher.take_corrupt() == std::vector<uint64_t>{1});
    ClaimedSample sample;
    for (uint64_t i = 0; i < 5; i++) {
      REQUIRE(honest.reader.claim(&sample, &honest.error) == Status::ok);
      CHECK(number_of(sample) == i);
      honest.reader.release(sample.slot);
    }
    CHECK(b.publisher.busy_slots() == 0);
  }
}

TEST_CASE("release bits for slots that were never given free nothing") {
  Bench b(Policy::drop_oldest, 4);
  EdgePair other(Policy::drop_oldest, 4, kSlots, 16, 2, 2);
  REQUIRE(other.open_writer(b.publisher) == Status::ok);
  REQUIRE(other.open_reader(b.publisher, kMap, kSlots) == Status::ok);
  REQUIRE(send_number(b.publisher, 1) == Status::ok);
  auto* rel =
      reinterpret_cast<std::atomic<uint64_t>*>(reinterpret_cast<uint8_t*>(b.shared()) + b.edge.constants.rel_offset);
  for (int round = 0; round < 3; round++) {
    for (uint32_t w = 0; w < b.edge.constants.rel_words; w++) rel[w].store(~uint64_t{0});
    CHECK(b.publisher.busy_slots() == 1);  // the other edge still has it
  }
  ClaimedSample sample;
  REQUIRE(other.reader.claim(&sample, &other.error) == Status::ok);
  CHECK(number_of(sample) == 1);
}

TEST_CASE("every field of an entry that a hostile publisher could write is checked") {
  struct Lie {
    const char* what;
    void (*tell)(EdgeShared*, Cell*);
  };
  const Lie lies[] = {
      {"more entries", [](EdgeShared* e, Cell*) { e->head.store(1000); }},
      {"slot", [](EdgeShared*, Cell* c) { c->where.store(uint64_t{kSlots} | (c->where.load() >> 32 << 32)); }},
      {"offset",
       [](EdgeShared*, Cell* c) { c->where.store((c->where.load() & 0xffffffff) | uint64_t{0xffffffff} << 32); }},
      {"offset without memory",
       [](EdgeShared*, Cell* c) {
         c->where.store((c->where.load() & 0xffffffff) | uint64_t{(kMap - 128) / 64} << 32);
       }},
      {"payload", [](EdgeShared*, Cell* c) { c->payload_size.store(kMap); }},
      {"payload", [](EdgeShared*, Cell* c) { c->payload_size.store(~uint64_t{0}); }},
      {"payload", [](EdgeShared*, Cell* c) { c->payload_size.store(~uint64_t{0} - 70); }},
      {"generation", [](EdgeShared*, Cell* c) { c->generation.store(c->generation.load() + 1); }},
      {"length", [](EdgeShared*, Cell* c) { c->payload_size.store(9); }},
  };
  for (const Lie& lie : lies) {
    CAPTURE(lie.what);
    Bench b(Policy::drop_oldest, 4);
    REQUIRE(send_number(b.publisher, 1) == Status::ok);
    EdgeShared* shared = b.shared();
    lie.tell(shared, reinterpret_cast<Cell*>(reinterpret_cast<uint8_t*>(shared) + kCellsOffset));
    ClaimedSample sample;
    CHECK(b.claim(&sample) == Status::shm_corrupt);
    CHECK(b.edge.error.message.find("writer/out") != std::string::npos);
    CHECK(b.claim(&sample) == Status::empty);  // never read again
  }
}

TEST_CASE("the pool's memory cannot be mapped writable by a subscriber, and the owner can still grow it") {
  Bench b(Policy::drop_oldest, 4);
  REQUIRE(send_number(b.publisher, 1) == Status::ok);
  Mapping mapping;
  Error error;
  CHECK(Mapping::map(b.publisher.pool_fd(), 4096, true, &mapping, &error) != Status::ok);
  CHECK(ftruncate(b.publisher.pool_fd(), 0) != 0);
  CHECK(send_number(b.publisher, 2, false, 2 << 20) == Status::ok);
}

TEST_CASE("an exhausted budget is an error with figures, and a release makes the send work again") {
  FixedBudget budget(1 << 20);
  Hlc hlc;
  Publisher publisher({"out", kMap, kSlots, 0}, &budget, &hlc);
  EdgePair edge(Policy::backpressure, 64, kSlots);
  REQUIRE(publisher.init(&edge.error) == Status::ok);
  REQUIRE(edge.open_writer(publisher) == Status::ok);
  REQUIRE(edge.open_reader(publisher, kMap, kSlots) == Status::ok);
  uint64_t sent = 0;
  while (send_number(publisher, sent, false, 100'000) == Status::ok) sent++;
  CHECK(sent >= 7);
  uint32_t slot;
  uint8_t* data;
  uint64_t capacity;
  Error error;
  CHECK(publisher.loan(100'000, &slot, &data, &capacity, &error) == Status::shm_exhausted);
  CHECK(error.message.find("reader/in\" has " + std::to_string(sent)) != std::string::npos);
  ClaimedSample sample;
  REQUIRE(edge.reader.claim(&sample, &edge.error) == Status::ok);
  edge.reader.release(sample.slot);
  CHECK(rang(edge.writer_bell.get()));
  CHECK(send_number(publisher, 99, false, 100'000) == Status::ok);
}

TEST_CASE("metadata that does not fit behind the payload moves the message and arrives whole") {
  Bench b(Policy::drop_oldest, 4);
  Error error;
  uint32_t slot;
  uint8_t* data;
  uint64_t capacity;
  REQUIRE(b.publisher.loan(100, &slot, &data, &capacity, &error) == Status::ok);
  memset(data, 7, 100);
  const std::vector<uint8_t> metadata(5000, 9);
  Outgoing message;
  message.slot = slot;
  message.size = 100;
  message.metadata = metadata.data();
  message.metadata_size = 5000;
  REQUIRE(b.publisher.send(message, nullptr, &error) == Status::ok);
  ClaimedSample sample;
  REQUIRE(b.claim(&sample) == Status::ok);
  CHECK(sample.size == 100);
  CHECK(sample.data[99] == 7);
  REQUIRE(sample.metadata_size == 5000);
  CHECK(memcmp(sample.metadata, metadata.data(), 5000) == 0);
  b.edge.reader.release(sample.slot);
  CHECK(b.publisher.busy_slots() == 0);
}

TEST_CASE("publisher and reader threads at full speed: nothing torn, doubled or reordered, every message counted") {
  for (Policy policy : {Policy::drop_oldest, Policy::backpressure}) {
    for (uint32_t queue : {1u, 2u, 16u}) {
      CAPTURE(queue);
      Bench b(policy, queue, 2);
      constexpr uint64_t kMessages = 20'000;
      std::atomic<bool> done{false};
      std::thread writer([&] {
        for (uint64_t i = 0; i < kMessages; i++) {
          while (send_number(b.publisher, i) != Status::ok) std::this_thread::yield();
        }
        done.store(true);
      });
      uint64_t received = 0, dropped = 0, last = 0;
      bool ordered = true;
      for (;;) {
        const bool was_done = done.load();
        ClaimedSample sample;
        Error error;
        const Status s = b.edge.reader.claim(&sample, &error);
        if (s == Status::ok) {
          const uint64_t number = number_of(sample);
          ordered &= received == 0 || number > last;
          ordered &= number == received + dropped + sample.dropped;
          last = number;
          received++;
          dropped += sample.dropped;
          b.edge.reader.release(sample.slot);
        } else if (s == Status::empty && was_done) {
          break;
        } else {
          REQUIRE(s != Status::shm_corrupt);
        }
      }
      writer.join();
      CHECK(ordered);
      CHECK(last == kMessages - 1);
      CHECK(received + dropped == kMessages);
      if (policy == Policy::backpressure) CHECK(dropped == 0);
      CHECK(b.publisher.busy_slots() == 0);
    }
  }
}

TEST_CASE("an announcement wakes the only reader once, on another core only, and loses nothing if it sleeps again") {
  Bench b(Policy::drop_oldest, 4);
  // Where the reader says that it fell asleep.
  const auto sleep_on = [&](uint32_t core) {
    b.edge.inbox.set_asleep();
    REQUIRE(pwrite(b.edge.inbox_memory.get(), &core, sizeof core, offsetof(InboxShared, core)) == sizeof core);
  };
  const int bell = b.edge.reader_bell.get();
  constexpr uint32_t kElsewhere = UINT32_MAX;

  b.publisher.announce();
  CHECK_FALSE(rang(bell));  // awake

  sleep_on(kElsewhere);
  b.publisher.announce();
  CHECK(rang(bell));
  CHECK_FALSE(b.edge.inbox.any_ready());
  b.publisher.announce();
  REQUIRE(send_number(b.publisher, 1) == Status::ok);
  CHECK_FALSE(rang(bell));
  CHECK(b.edge.inbox.any_ready());

  uint64_t pending[kInboxWords] = {};
  CHECK(b.edge.inbox.scan(pending));
  sleep_on(kElsewhere);
  b.publisher.announce();
  CHECK(rang(bell));
  sleep_on(kElsewhere);
  REQUIRE(send_number(b.publisher, 2) == Status::ok);
  CHECK(rang(bell));

  cpu_set_t before, one;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  CPU_ZERO(&one);
  const int core = sched_getcpu();
  CPU_SET(static_cast<size_t>(core), &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  sleep_on(static_cast<uint32_t>(core));
  b.publisher.announce();
  CHECK_FALSE(rang(bell));
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);

  sleep_on(kElsewhere);
  EdgePair other(Policy::drop_oldest, 2, kSlots, 16, 2, 2);
  REQUIRE(other.open_writer(b.publisher) == Status::ok);
  b.publisher.announce();
  CHECK_FALSE(rang(bell));
  b.publisher.close_edge(2);
  b.publisher.end();
  rang(bell);
  sleep_on(kElsewhere);
  b.publisher.announce();
  CHECK_FALSE(rang(bell));
}

TEST_CASE("a sleeping reader is always woken") {
  Bench b(Policy::backpressure, 8);
  constexpr uint64_t kMessages = 50'000;
  std::thread writer([&] {
    for (uint64_t i = 0; i < kMessages; i++) {
      while (send_number(b.publisher, i) != Status::ok) std::this_thread::yield();
    }
  });
  uint64_t received = 0, pending[kInboxWords] = {}, sleeps = 0;
  while (received < kMessages) {
    b.edge.inbox.scan(pending);
    ClaimedSample sample;
    Error error;
    while (b.edge.reader.claim(&sample, &error) == Status::ok) {
      received++;
      b.edge.reader.release(sample.slot);
    }
    if (received == kMessages) break;
    b.edge.inbox.set_asleep();
    if (b.edge.inbox.any_ready()) {
      b.edge.inbox.set_awake();
      continue;
    }
    // A lost wake-up would hang here until the watchdog ends the test.
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(b.edge.reader_bell.get(), &readable);
    select(b.edge.reader_bell.get() + 1, &readable, nullptr, nullptr, nullptr);
    drain_doorbell(b.edge.reader_bell.get());
    b.edge.inbox.set_awake();
    sleeps++;
  }
  writer.join();
  CHECK(received == kMessages);
}
