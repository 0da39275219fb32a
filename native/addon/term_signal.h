// SIGTERM for a program that blocks its thread in recvSync(), where no JavaScript signal handler can run.
//
// While recvSync() waits, the first SIGTERM does not end the process but the wait: it shows as a stop event. Every
// other SIGTERM (outside of recvSync(), or a second one) does what it would do without us: what the program installed,
// or end the process.
#pragma once

namespace dora::addon {

/// For the time of one blocking wait of this thread.
class TermScope {
 public:
  /// `doorbell`: the eventfd whose ring ends the wait.
  explicit TermScope(int doorbell);
  ~TermScope();
  TermScope(const TermScope&) = delete;
  TermScope& operator=(const TermScope&) = delete;

  /// True once after a SIGTERM came.
  static bool take();
};

}  // namespace dora::addon
