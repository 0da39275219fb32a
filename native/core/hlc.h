// Hybrid logical clock of one process: wall time in ns that never repeats and never lies before what it has seen.
//
// Sending stamps with max(wall, last + 1); receiving moves `last` on, so that a message always has a larger stamp than
// the one that caused it. All processes of a machine read the same wall clock; stamps from more than a second ahead are
// not believed (a hostile or broken peer).
#pragma once

#include <atomic>
#include <cstdint>

namespace dora {

class Hlc {
 public:
  uint64_t stamp(uint64_t wall_ns) {
    uint64_t last = last_.load(std::memory_order_relaxed);
    uint64_t next;
    do {
      next = wall_ns > last ? wall_ns : last + 1;
    } while (!last_.compare_exchange_weak(last, next, std::memory_order_relaxed));
    return next;
  }
  static bool believable(uint64_t stamp, uint64_t wall_ns) { return stamp <= wall_ns + kBelievableNs; }
  void observe(uint64_t stamp, uint64_t wall_ns) {
    if (!believable(stamp, wall_ns)) return;
    uint64_t last = last_.load(std::memory_order_relaxed);
    while (stamp > last && !last_.compare_exchange_weak(last, stamp, std::memory_order_relaxed)) {
    }
  }

 private:
  static constexpr uint64_t kBelievableNs = 1'000'000'000;
  // Private memory; a maximum only: publishes nothing, so relaxed everywhere.
  std::atomic<uint64_t> last_{0};
};

}  // namespace dora
