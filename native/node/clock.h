// The clock seam: all time in native/node comes from here, so that a dataflow can run on simulated time (tests,
// replay).
//
// A timer is a descriptor that turns readable when it is due, so real and simulated timers wake a node in the same way.
// Ticks lie on multiples of the period since the clock's origin; a late reader learns how many have passed and gets no
// burst. An alarm is such a descriptor for one moment of steady time, which nobody's setting of the wall clock moves.
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
  /// Ticks of a timer, or whether an alarm went off, since the last call; 0: none.
  virtual uint64_t read_timer(int timer) = 0;
  /// [any-thread] Time that only goes forward, ns since some moment; for measuring how long something took.
  virtual uint64_t steady_ns() = 0;
  /// A non-blocking descriptor that set_alarm() makes readable at a moment of steady_ns().
  virtual Status make_alarm(Fd* out, Error* error) = 0;
  /// Moves an alarm of make_alarm(); kNever: it does not go off.
  virtual void set_alarm(int alarm, uint64_t at_ns) = 0;
  static constexpr uint64_t kNever = UINT64_MAX;
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
  uint64_t steady_ns() override { return wall_ns(); }
  Status make_alarm(Fd* out, Error* error) override;
  void set_alarm(int alarm, uint64_t at_ns) override;
  void advance(uint64_t by_ns);

 private:
  struct Timer {
    uint64_t period_ns;
    Fd bell;  // a duplicate: the timer's owner may close its own at any time
  };
  struct Alarm {
    int fd;  ///< the owner's, by which it names the alarm
    uint64_t at_ns;
    Fd bell;
  };
  void ring_if_due(Alarm* alarm);

  std::mutex lock_;
  uint64_t now_ns_;
  std::vector<Timer> timers_;
  std::vector<Alarm> alarms_;
};

}  // namespace dora
