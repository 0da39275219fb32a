// Which operator was it? Names operator, event and signal on stderr when an operator crashes, and lets the process die
// of that signal.
//
// Each worker has a record of what it is in, found by thread id (thread-local storage may allocate when a signal
// handler touches it first) and a stack of its own for signals (the usual crash that needs one is an endless
// recursion). The handler writes with write() only, then hands the signal to the handler that was there before
// (native/node explains stores into received messages), whose default ends the process with the right status. Callers:
// the scheduler's workers, and whoever runs init and destroy.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "dora/operator.h"

namespace dora {

struct Operator;

/// What a thread is doing now. Read by the signal handler of the same thread only, so program order suffices.
struct CrashRecord {
  std::atomic<int32_t> thread{0};  ///< kernel's thread id; 0: free
  const Operator* volatile op = nullptr;
  const dora_operator_event_t* volatile event = nullptr;  ///< null: `doing` says it
  const char* volatile doing = "";
};

/// Makes the calling thread one whose crashes are explained, for as long as it lives. Installs the handlers when it is
/// the first.
class CrashScope {
 public:
  CrashScope();
  ~CrashScope();
  CrashScope(const CrashScope&) = delete;
  CrashScope& operator=(const CrashScope&) = delete;

  void enter(const Operator* op, const dora_operator_event_t* event) {
    record_->event = event;
    record_->op = op;
  }
  void enter(const Operator* op, const char* doing) {
    record_->event = nullptr;
    record_->doing = doing;
    record_->op = op;
  }
  void leave() { record_->op = nullptr; }

  /// The operator that the calling thread is in, or null.
  static const Operator* current();

 private:
  CrashRecord* record_;
  CrashRecord unlisted_;  // for threads beyond the table: they run, unexplained
  std::unique_ptr<uint8_t[]> stack_;
};

}  // namespace dora
