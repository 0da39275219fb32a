// Exact counts of messages, also of dead processes, read from ledgers and edge regions that outlive them.
//
// Called under the broker's lock: for Broker::counts(), and at the moments after which a region cannot be read any more
// (a death, the end of an edge). counts.cc has the arithmetic and why it is exact.
#pragma once

#include <vector>

#include "broker/hub.h"

namespace dora::broker {

/// The subscriber of this edge got its first region: what it claims is counted from here.
void begin_counting(Edge* edge, uint64_t subscriber);
/// The subscriber's process is dead; before its ledger is folded. Finds what it had claimed and not counted.
void count_claimed(Edge* edge, const Process& subscriber);
/// Nobody will read this stream any more: its figures are final, its region is let go.
void freeze_stream(Edge* edge, size_t stream);
/// True when nothing is left to read in it.
bool is_drained(const Stream& stream);
/// The process is dead: adds its ledger to the node's sums.
void fold_ledger(const Process& process);
std::vector<NodeCounts> collect_counts(const Dataflow& dataflow);

}  // namespace dora::broker
