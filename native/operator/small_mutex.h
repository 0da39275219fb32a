// A mutex of four bytes, for locks that are held for some ten instructions and rarely contended.
//
// 10,000 operators have one each, and the run queue's is taken twice for every message, so size and the uncontended
// path count: one compare-and-swap to lock, one exchange to unlock, the kernel only when somebody waits. Works with
// std::lock_guard.
#pragma once

#include <atomic>
#include <cstdint>

namespace dora {

class SmallMutex {
 public:
  void lock() {
    uint32_t expected = kFree;
    // SYNC: small-mutex. Acquire pairs with unlock()'s release: what the last holder wrote is seen.
    if (!state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire, std::memory_order_relaxed)) wait();
  }
  void unlock() {
    // SYNC: small-mutex. Publishes what was written under the lock.
    if (state_.exchange(kFree, std::memory_order_release) == kWaitedFor) state_.notify_one();
  }

 private:
  static constexpr uint32_t kFree = 0, kHeld = 1, kWaitedFor = 2;

  void wait() {
    // Whoever comes out of here keeps the mark "waited for": at worst one wake-up too many.
    while (state_.exchange(kWaitedFor, std::memory_order_acquire) != kFree) {
      state_.wait(kWaitedFor, std::memory_order_relaxed);
    }
  }

  std::atomic<uint32_t> state_{kFree};
};

}  // namespace dora
