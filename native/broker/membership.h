// Processes: knocking, joining, what they ask for, and every way in which they leave.
//
// A process is over in steps that may come in any order: Bye, its socket closes, its pidfd becomes readable, the daemon
// has reaped it (node_ended). Whatever comes first reads what the socket still holds, so that a Bye or an answer sent
// just before death counts. `left` or `lost` is said once. A process that breaks the protocol is disconnected, not
// killed; that is its daemon's affair.
#pragma once

#include <string>

#include "broker/hub.h"

namespace dora::broker {

constexpr uint64_t kHelloTimeoutNs = 5'000'000'000;

/// Takes waiting connections. A failure (too many open files) means: try again later.
Status accept_connections(Hub* hub, int listener, uint64_t now_ns, Error* error);
/// Reads what has come, at most `limit` packets, and answers.
void handle_packets(Hub* hub, Connection* connection, int limit);
/// Its pidfd is readable.
void process_died(Hub* hub, uint64_t incarnation);
/// Ends doomed connections; what that causes may doom others: all are gone afterwards.
void sweep_connections(Hub* hub);

void end_node(Hub* hub, const std::string& dataflow, const std::string& node, bool final, bool crashed);
void stop_node(Hub* hub, const std::string& dataflow, const std::string& node, uint32_t reason, int64_t grace_ns);
/// A node that has ended for good and has no outputs: as if it had never been there. Any other is left alone.
void forget_node(Hub* hub, const std::string& dataflow, const std::string& node);
void remove_dataflow(Hub* hub, const std::string& dataflow);

}  // namespace dora::broker
