// Slots: size classes, reuse, references, growth within a budget; clocks.
#include <poll.h>
#include <unistd.h>

#include <functional>
#include <random>
#include <set>

#include "edge_pair.h"
#include "node/clock.h"

using namespace dora;
using namespace dora::test;

TEST_CASE("a size class holds its request, wastes at most a quarter, and is a multiple of 64") {
  for (uint64_t bytes = 1; bytes < 1 << 20; bytes += 61) {
    const uint64_t capacity = Pool::class_capacity(bytes);
    CHECK(capacity >= bytes);
    CHECK(capacity % 64 == 0);
    CHECK(capacity <= std::max<uint64_t>(256, bytes + bytes / 4 + 64));
    CHECK(Pool::class_capacity(capacity) == capacity);
  }
}

TEST_CASE("the slot freed last is lent first, with a new generation") {
  FixedBudget budget(1 << 20);
  Pool pool("out", 1 << 20, 64, &budget);
  Error error;
  REQUIRE(pool.init(&error) == Status::ok);
  uint32_t a, b, c;
  REQUIRE(pool.allocate(300, true, &a, &error) == Status::ok);
  REQUIRE(pool.allocate(300, true, &b, &error) == Status::ok);
  const uint64_t generation = pool.info(a).generation;
  pool.unref(b);
  pool.unref(a);
  REQUIRE(pool.allocate(300, false, &c, &error) == Status::ok);
  CHECK(c == a);
  CHECK(pool.info(c).generation == generation + 1);
}

TEST_CASE("a slot with several references is free after the last") {
  FixedBudget budget(1 << 20);
  Pool pool("out", 1 << 20, 64, &budget);
  Error error;
  REQUIRE(pool.init(&error) == Status::ok);
  uint32_t slot;
  REQUIRE(pool.allocate(100, true, &slot, &error) == Status::ok);
  pool.add_ref(slot);
  pool.unref(slot);
  CHECK(pool.free_count() == 0);
  pool.unref(slot);
  CHECK(pool.free_count() == 1);
}

TEST_CASE("slots do not overlap, and memory never exceeds the budget") {
  FixedBudget budget(2 << 20);
  Pool pool("out", 64 << 20, 4096, &budget);
  Error error;
  REQUIRE(pool.init(&error) == Status::ok);
  std::set<std::pair<uint64_t, uint64_t>> taken;
  uint32_t slot;
  for (uint64_t bytes = 100; pool.allocate(bytes, true, &slot, &error) == Status::ok;
       bytes = bytes * 5 / 4 % 200'000 + 100) {
    const SlotInfo& info = pool.info(slot);
    auto after = taken.lower_bound({info.offset, 0});
    if (after != taken.end()) CHECK(info.offset + info.capacity <= after->first);
    if (after != taken.begin()) CHECK(std::prev(after)->second <= info.offset);
    taken.emplace(info.offset, info.offset + info.capacity);
    info.base[info.capacity - 1] = 1;
  }
  CHECK(taken.size() > 5);
  CHECK(error.status == Status::shm_exhausted);
  CHECK(budget.used <= 2 << 20);
  CHECK(file_size(pool.fd()) == pool.bytes());
}

TEST_CASE("with the budget used up a larger free slot serves a smaller request") {
  FixedBudget budget(256 * 1024);
  Pool pool("out", 1 << 20, 64, &budget);
  Error error;
  REQUIRE(pool.init(&error) == Status::ok);
  uint32_t large, small;
  REQUIRE(pool.allocate(200'000, true, &large, &error) == Status::ok);
  pool.unref(large);
  REQUIRE(pool.allocate(60'000, true, &small, &error) == Status::ok);
  CHECK(small == large);
}

TEST_CASE("sizes that change use up neither slots nor memory: what nobody holds can be had, in any size") {
  constexpr uint64_t kMap = 512 * 1024, kLargest = 448 * 1024;
  FixedBudget budget(kMap);
  Pool pool("out", kMap, 16, &budget);
  Error error;
  REQUIRE(pool.init(&error) == Status::ok);
  uint32_t slot;
  std::vector<uint32_t> held;
  for (uint64_t bytes = 100; bytes <= kLargest; bytes += bytes / 4) {  // every size class, several slots of each
    INFO(bytes);
    for (uint64_t i = 0; i < 16 && (i + 1) * Pool::class_capacity(bytes) <= kMap; i++) {
      REQUIRE_MESSAGE(pool.allocate(bytes, true, &slot, &error) == Status::ok, error.message);
      held.push_back(slot);
    }
    for (uint32_t each : held) pool.unref(each);
    held.clear();
  }
  for (int i = 0; i < 16; i++) REQUIRE(pool.allocate(100, true, &slot, &error) == Status::ok);
  CHECK(pool.allocate(100, true, &slot, &error) == Status::shm_exhausted);
  CHECK(error.message.find("16 of 16 slots are made (0 free)") != std::string::npos);
}

TEST_CASE("slots that are held keep their place and content while free ones are cut anew around them") {
  constexpr uint64_t kMap = 1 << 20;
  FixedBudget budget(kMap);
  Pool pool("out", kMap, 64, &budget);
  Error error;
  REQUIRE(pool.init(&error) == Status::ok);
  std::mt19937_64 random(3);
  struct Held {
    uint32_t slot;
    uint64_t offset, bytes, word, generation;
  };
  std::vector<Held> held;
  uint64_t words = 0, refused = 0;
  auto let_go = [&](size_t index) {
    const Held& one = held[index];
    const SlotInfo& info = pool.info(one.slot);
    REQUIRE(info.offset == one.offset);
    REQUIRE(info.generation == one.generation);
    for (uint64_t at : {uint64_t{0}, (one.bytes - 8) / 8 * 8}) REQUIRE(memcmp(info.base + at, &one.word, 8) == 0);
    pool.unref(one.slot);
    held.erase(held.begin() + static_cast<ptrdiff_t>(index));
  };
  std::vector<uint64_t> generations(64);
  for (int turn = 0; turn < 20'000; turn++) {
    if (!held.empty() && random() % 16 < 7) {
      let_go(random() % held.size());
      continue;
    }
    const uint64_t bytes = 64 + random() % (uint64_t{1} << (6 + random() % 13));
    uint32_t slot;
    if (pool.allocate(bytes, true, &slot, &error) != Status::ok) {
      REQUIRE(error.status == Status::shm_exhausted);
      refused++;
      while (!held.empty()) let_go(random() % held.size());
      REQUIRE_MESSAGE(pool.allocate(bytes, true, &slot, &error) == Status::ok, error.message);
    }
    const SlotInfo& info = pool.info(slot);
    REQUIRE(info.capacity >= bytes);
    REQUIRE(info.offset + info.capacity <= pool.bytes());
    REQUIRE(info.generation > generations[slot]);
    generations[slot] = info.generation;
    for (const Held& other : held) {
      REQUIRE(other.slot != slot);
      REQUIRE((info.offset + info.capacity <= other.offset || other.offset + other.bytes <= info.offset));
    }
    held.push_back({slot, info.offset, bytes, ++words, info.generation});
    memcpy(info.base, &words, 8);
    memcpy(info.base + (bytes - 8) / 8 * 8, &words, 8);
  }
  CHECK(refused > 10);
  while (!held.empty()) let_go(0);
  CHECK(pool.free_count() == pool.slot_count());
  uint32_t slot;
  CHECK(pool.allocate(kMap, true, &slot, &error) == Status::ok);  // all of it, in one piece
}

TEST_CASE("a stamp is never older than one seen, and an unbelievable one is ignored") {
  Hlc hlc;
  const uint64_t first = hlc.stamp(1000);
  CHECK(hlc.stamp(1000) == first + 1);
  hlc.observe(5000, 1000);
  CHECK(hlc.stamp(1000) == 5001);
  hlc.observe(5'000'000'000'000, 1000);
  CHECK(hlc.stamp(1000) == 5002);
}

TEST_CASE("a manual clock's timer counts the multiples of its period that were passed") {
  ManualClock clock(1'000);
  Error error;
  Fd timer;
  REQUIRE(clock.make_timer(100, &timer, &error) == Status::ok);
  CHECK(clock.read_timer(timer.get()) == 0);
  clock.advance(99);
  CHECK(clock.read_timer(timer.get()) == 0);
  clock.advance(1);
  CHECK(clock.read_timer(timer.get()) == 1);
  clock.advance(350);
  CHECK(clock.read_timer(timer.get()) == 3);
  CHECK(clock.wall_ns() == 1'450);
}

TEST_CASE("an alarm goes off once, at its moment or at once when that has passed, and can be moved") {
  const auto check = [](Clock& clock, const std::function<void(uint64_t)>& pass) {
    Error error;
    Fd alarm, other;
    REQUIRE(clock.make_alarm(&alarm, &error) == Status::ok);
    REQUIRE(clock.make_alarm(&other, &error) == Status::ok);
    const uint64_t start = clock.steady_ns();
    clock.set_alarm(alarm.get(), start + 10'000'000);
    CHECK(clock.read_timer(alarm.get()) == 0);
    pass(10'000'000);
    CHECK(clock.read_timer(alarm.get()) == 1);
    CHECK(clock.read_timer(alarm.get()) == 0);
    clock.set_alarm(alarm.get(), start);
    pass(1'000'000);
    CHECK(clock.read_timer(alarm.get()) == 1);
    clock.set_alarm(alarm.get(), start + 20'000'000);
    clock.set_alarm(alarm.get(), Clock::kNever);
    pass(20'000'000);
    CHECK(clock.read_timer(alarm.get()) == 0);
    CHECK(clock.read_timer(other.get()) == 0);
  };
  ManualClock manual(1'000'000'000);
  check(manual, [&](uint64_t ns) { manual.advance(ns); });
  check(machine_clock(), [](uint64_t ns) { usleep(static_cast<useconds_t>(ns / 1000 + 1000)); });
}

TEST_CASE("the machine's timer turns readable and does not burst") {
  Error error;
  Fd timer;
  REQUIRE(machine_clock().make_timer(1'000'000, &timer, &error) == Status::ok);
  pollfd readable{timer.get(), POLLIN, 0};
  REQUIRE(poll(&readable, 1, 5000) == 1);
  usleep(20'000);
  CHECK(machine_clock().read_timer(timer.get()) >= 10);
  CHECK(machine_clock().read_timer(timer.get()) <= 1);
}
