// Joining: Hello, the node's description with its fixed memory, its pools, Ready.
//
// Everything that a process says before it takes part. Edges are opened by edges.h once it is Ready; who may say what
// when is in node/wire.h. Called on the broker's thread, under its lock.
#pragma once

#include "broker/hub.h"

namespace dora::broker {

/// Shared memory a process may use without asking, for each output that others can read.
constexpr uint64_t kInitialGrant = 1 << 20;

/// The first packet of a connection, whatever it is.
void on_hello(Hub* hub, Connection* connection, const Packet& packet);
void on_pool(Connection* connection, Packet& packet);
void on_add_part(Hub* hub, Connection* connection, const wire::AddPart& message);
void on_ready(Hub* hub, Connection* connection, const wire::Ready& message);

}  // namespace dora::broker
