// See term_signal.h. The handler is async-signal-safe: atomics, write(), sigaction() and raise().
#include "addon/term_signal.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace dora::addon {

namespace {

std::atomic<int> waiting_doorbell{-1};
std::atomic<bool> installed{false};
std::atomic<bool> came{false};
std::atomic<bool> shown{false};
struct sigaction previous;

void on_term(int number) {
  const int doorbell = waiting_doorbell.load();
  if (doorbell >= 0 && !shown.exchange(true)) {
    const int saved = errno;
    came.store(true);
    const uint64_t ring = 1;
    [[maybe_unused]] const ssize_t written = write(doorbell, &ring, sizeof ring);
    errno = saved;
    return;
  }
  // What was there before takes it as if we had never been: by its own handler and flags, or by ending the process.
  installed.store(false);
  sigaction(number, &previous, nullptr);
  raise(number);  // delivered when this handler returns
}

void install() {
  if (installed.exchange(true)) return;
  struct sigaction action{};
  action.sa_handler = on_term;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, &previous);
}

}  // namespace

TermScope::TermScope(int doorbell) {
  install();
  waiting_doorbell.store(doorbell);
}

TermScope::~TermScope() { waiting_doorbell.store(-1); }

bool TermScope::take() { return came.exchange(false); }

}  // namespace dora::addon
