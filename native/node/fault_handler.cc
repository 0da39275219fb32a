// The SIGSEGV handler. See fault_handler.h. Async-signal-safe: no allocation, no lock, write() only.
#include "node/fault_handler.h"

#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <mutex>

#include "node/fault.h"

namespace dora {
namespace {

const char* copy_words = "";  // written once, before the handler is there
struct sigaction previous;

void say(const char* text) { [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text, strlen(text)); }

/// The faulting instruction runs again: it goes to whom it would have gone without us, such as a crash reporter of the
/// program's own, or ends the process.
void step_aside(int number) { sigaction(number, &previous, nullptr); }

void on_fault(int number, siginfo_t* info, void* context) {
  char where[256];
  if (info->si_code == SEGV_ACCERR && describe_fault(info->si_addr, where, sizeof where)) {
    say("dora: a store into received data: ");
    say(where);
    say("\nhint: what a node receives is shared with others and read-only; take a copy to change: ");
    say(copy_words);
    say("\n");
    step_aside(number);
    return;
  }
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(number, info, context);
  } else if (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) {
    step_aside(number);
  } else {
    previous.sa_handler(number);
  }
}

}  // namespace

void install_fault_handler(const char* way_out) {
  static std::once_flag once;
  std::call_once(once, [way_out] {
    copy_words = way_out;
    struct sigaction action{};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &previous);
  });
}

}  // namespace dora
