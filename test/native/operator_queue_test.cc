// The run queue: best first whatever the order of coming, against a sorted list.
#include "operator/run_queue.h"

#include <algorithm>
#include <random>

#include "doctest/doctest.h"

using namespace dora;

TEST_CASE("operators come out by priority, then arrival, with pushes in between") {
  for (unsigned seed = 1; seed <= 20; seed++) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::vector<Operator> all(200);
    RunQueue queue;
    std::vector<Operator*> in;
    for (int step = 0; step < 4000; step++) {
      if (random() % 2 == 0) {
        Operator* op = &all[random() % all.size()];
        if (op->queued) continue;
        op->priority = static_cast<uint8_t>(random() % 4);
        op->arrival = static_cast<uint64_t>(step) - random() % 100;
        queue.push(op);
        in.push_back(op);
        continue;
      }
      CHECK(queue.empty() == in.empty());
      Operator* popped = queue.pop();
      if (in.empty()) {
        CHECK(popped == nullptr);
        continue;
      }
      const auto best = std::min_element(in.begin(), in.end(), [](Operator* a, Operator* b) {
        return a->priority != b->priority ? a->priority > b->priority : a->arrival < b->arrival;
      });
      REQUIRE(popped != nullptr);
      CHECK(popped->priority == (*best)->priority);
      CHECK(popped->arrival == (*best)->arrival);
      CHECK_FALSE(popped->queued);
      in.erase(std::find(in.begin(), in.end(), popped));
    }
  }
}

TEST_CASE("ten thousand runnable operators drain without recursion") {
  std::vector<Operator> all(10000);
  RunQueue queue;
  for (size_t i = 0; i < all.size(); i++) {
    all[i].arrival = (i * 7919) % all.size();
    queue.push(&all[i]);
  }
  for (size_t i = 0; i < all.size(); i++) REQUIRE(queue.pop()->arrival == i);
  CHECK(queue.empty());
}
