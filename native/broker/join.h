// Joining: Hello, the node's description with its fixed memory, its pools, Ready.
#pragma once

#include "broker/hub.h"

namespace dora::broker {

/// Shared memory a process may use without asking, for each output that others can read.
constexpr uint64_t kInitialGrant = 1 << 20;

/// The first packet of a connection, whatever it is.
void on_hello(Hub* hub, Connection* connection, const Packet& packet);
void on_pool(Connection* connection, Packet& packet);
void on_ready(Hub* hub, Connection* connection);

}  // namespace dora::broker
