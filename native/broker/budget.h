// The memory budget: how many bytes of shared memory each node and the whole machine may hold.
//
// A memfd has no limit of its own before the machine runs out of memory and the kernel kills at random; so every byte
// is granted here before it is allocated. Everything counts: grants to publishers (pools), and the fixed regions that
// the broker makes (inbox, ledger, edges; an edge is charged to its subscriber). Figures are in bytes, whole pages for
// regions.
//
// A grant is returned when its process is dead (pidfd) and the daemon has said so (node_ended, which is when its
// subscribers are told). The memory of a dead publisher lives on while a subscriber still reads it, so for that time
// the machine may hold more than the budget says: at most what that publisher had. An edge's region is given back when
// the broker lets go of it (both ends dead, replaced, or read to its end), also a moment before its reader unmaps it.
// Owned by the broker, used under its lock.
#pragma once

#include <cstdint>
#include <string>

namespace dora::broker {

/// What one node may hold and holds.
struct Account {
  uint64_t limit = 0;
  uint64_t used = 0;
};

class Budget {
 public:
  /// limit 0: half of what the machine has available now.
  explicit Budget(uint64_t limit);

  uint64_t limit() const { return limit_; }
  uint64_t used() const { return used_; }
  /// Bytes that this account could still get.
  uint64_t available(const Account& account) const;
  /// All or nothing; false: over one of the two limits, nothing changed.
  bool charge(Account* account, uint64_t bytes);
  void release(Account* account, uint64_t bytes);
  /// "node 3 of 4 MiB, machine 10 of 16 MiB", for messages.
  std::string figures(const Account& account) const;

 private:
  uint64_t limit_;
  uint64_t used_ = 0;
};

/// Memory that can be had without pushing anything out, in bytes: MemAvailable, or less when our cgroup has a limit.
uint64_t available_memory();
/// "1.5 MiB", for messages.
std::string format_bytes(uint64_t bytes);

}  // namespace dora::broker
