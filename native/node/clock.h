// The clock seam: all time in native/node comes from here, so that a dataflow can run on simulated time (tests,
// replay).
//
// A timer is a descriptor that turns readable when it is due, so real and simulated timers wake a node in the same way.
// Ticks lie on multiples of the period since the clock's origin; a late reader learns how many have passed and gets no
// burst.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "core/fd.h"
#include "core/status.h"

namespace dora {

class Clock {
 public:
  virtual ~Clock() = default;
  /// [any-thread] Wall time, ns since 1970.
  virtual uint64_t wall_ns() = 0;
  /// A non-blocking descriptor for a periodic timer that starts now.
  virtual Status make_timer(uint64_t period_ns, Fd* out, Error* error) = 0;
  /// Ticks since the last call; 0: none.
  virtual uint64_t read_timer(int timer) = 0;
};

/// The machine's clocks: CLOCK_REALTIME for stamps, CLOCK_MONOTONIC for timers (setting the wall clock moves no tick).
Clock& machine_clock();

/// Time that moves only by advance(). Timers fire for every multiple of their period that is passed.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(uint64_t start_ns) : now_ns_(start_ns) {}
  uint64_t wall_ns() override;
  Status make_timer(uint64_t period_ns, Fd* out, Error* error) override;
  uint64_t read_timer(int timer) override;
  void advance(uint64_t by_ns);

 private:
  struct Timer {
    uint64_t period_ns;
    Fd bell;  // a duplicate: the timer's owner may close its own at any time
  };
  std::mutex lock_;
  uint64_t now_ns_;
  std::vector<Timer> timers_;
};

}  // namespace dora
