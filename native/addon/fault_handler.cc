// The SIGSEGV handler. See fault_handler.h. Async-signal-safe: no allocation, no lock, write() only.
#include "addon/fault_handler.h"

#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <mutex>

#include "node/fault.h"

namespace dora::addon {

namespace {

struct sigaction previous;

void say(const char* text) { [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text, strlen(text)); }

/// Lets the process die of `number` when the faulting instruction runs again.
void restore_default(int number) {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  sigaction(number, &standard, nullptr);
}

void on_fault(int number, siginfo_t* info, void* context) {
  char where[256];
  if (info->si_code == SEGV_ACCERR && describe_fault(info->si_addr, where, sizeof where)) {
    say("dora: a store into received data: ");
    say(where);
    say("\nhint: what a node receives is shared with others and read-only; take a copy to change: `const mine = "
        "event.copy()`\n");
    restore_default(number);
    return;
  }
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(number, info, context);
  } else if (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) {
    restore_default(number);
  } else {
    previous.sa_handler(number);
  }
}

}  // namespace

void install_fault_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action{};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &previous);
  });
}

}  // namespace dora::addon
