// Machine clock by timerfd, manual clock by eventfd. See clock.h.
#include "node/clock.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace dora {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

uint64_t read_clock(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

timespec to_timespec(uint64_t ns) { return {static_cast<time_t>(ns / kSecond), static_cast<long>(ns % kSecond)}; }

uint64_t read_count(int fd) {
  uint64_t count = 0;
  ssize_t n;
  do {
    n = read(fd, &count, sizeof count);
  } while (n < 0 && errno == EINTR);
  return n == sizeof count ? count : 0;
}

class MachineClock final : public Clock {
 public:
  uint64_t wall_ns() override { return read_clock(CLOCK_REALTIME); }

  Status make_timer(uint64_t period_ns, Fd* out, Error* error) override {
    Fd fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!fd.valid()) return error->fail_os("timerfd_create", "cannot make a timer");
    const uint64_t first = (read_clock(CLOCK_MONOTONIC) / period_ns + 1) * period_ns;
    const itimerspec when{to_timespec(period_ns), to_timespec(first)};
    if (timerfd_settime(fd.get(), TFD_TIMER_ABSTIME, &when, nullptr) != 0)
      return error->fail_os("timerfd_settime", "cannot start a timer");
    *out = std::move(fd);
    return Status::ok;
  }

  uint64_t read_timer(int timer) override { return read_count(timer); }

  uint64_t steady_ns() override { return read_clock(CLOCK_MONOTONIC); }

  Status make_alarm(Fd* out, Error* error) override {
    Fd fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!fd.valid()) return error->fail_os("timerfd_create", "cannot make an alarm");
    *out = std::move(fd);
    return Status::ok;
  }

  void set_alarm(int alarm, uint64_t at_ns) override {
    // Zero would mean never to the kernel, and a moment beyond its range is never to us.
    const uint64_t at = at_ns > INT64_MAX ? 0 : std::max<uint64_t>(at_ns, 1);
    const itimerspec when{{0, 0}, to_timespec(at)};
    timerfd_settime(alarm, TFD_TIMER_ABSTIME, &when, nullptr);
  }
};

void ring(int bell, uint64_t count) {
  ssize_t n;
  do {
    n = write(bell, &count, sizeof count);
  } while (n < 0 && errno == EINTR);
}

/// An eventfd for the owner and a duplicate for the clock, since the owner may close its own at any time.
Status make_bell(Fd* out, Fd* bell, Error* error) {
  Fd fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.valid()) return error->fail_os("eventfd", "cannot make a timer");
  bell->reset(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!bell->valid()) return error->fail_os("fcntl(F_DUPFD_CLOEXEC)", "cannot make a timer");
  *out = std::move(fd);
  return Status::ok;
}

}  // namespace

Clock& machine_clock() {
  static MachineClock clock;
  return clock;
}

uint64_t ManualClock::wall_ns() {
  std::lock_guard guard(lock_);
  return now_ns_;
}

Status ManualClock::make_timer(uint64_t period_ns, Fd* out, Error* error) {
  Fd bell;
  if (Status s = make_bell(out, &bell, error); s != Status::ok) return s;
  std::lock_guard guard(lock_);
  timers_.push_back({period_ns, std::move(bell)});
  return Status::ok;
}

Status ManualClock::make_alarm(Fd* out, Error* error) {
  Fd bell;
  if (Status s = make_bell(out, &bell, error); s != Status::ok) return s;
  std::lock_guard guard(lock_);
  // A number that is free again belonged to an alarm whose owner is gone.
  std::erase_if(alarms_, [&](const Alarm& old) { return old.fd == out->get(); });
  alarms_.push_back({out->get(), kNever, std::move(bell)});
  return Status::ok;
}

void ManualClock::set_alarm(int alarm, uint64_t at_ns) {
  std::lock_guard guard(lock_);
  for (Alarm& known : alarms_) {
    if (known.fd != alarm) continue;
    known.at_ns = at_ns;
    ring_if_due(&known);
  }
}

/// Under lock_.
void ManualClock::ring_if_due(Alarm* alarm) {
  if (alarm->at_ns > now_ns_) return;
  alarm->at_ns = kNever;
  ring(alarm->bell.get(), 1);
}

uint64_t ManualClock::read_timer(int timer) { return read_count(timer); }

void ManualClock::advance(uint64_t by_ns) {
  std::lock_guard guard(lock_);
  for (Timer& timer : timers_) {
    const uint64_t ticks = (now_ns_ + by_ns) / timer.period_ns - now_ns_ / timer.period_ns;
    if (ticks > 0) ring(timer.bell.get(), ticks);
  }
  now_ns_ += by_ns;
  for (Alarm& alarm : alarms_) ring_if_due(&alarm);
}

}  // namespace dora
