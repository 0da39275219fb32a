// Rings of nodes that wait for each other, found and broken.
//
// A node says Waits while a send of it waits for room; then this looks at the edges of the dataflow, where every
// waiting send stands with the moment at which it began. A wait leads from whoever sends to whoever is to take. Where
// waits form a ring, and nothing in it moves for kStandingNs, the youngest wait is rejected, which names the ring; the
// others go on. Who waits may still take: one who does moves a tail, and one who sleeps until messages come is no part
// of a ring.
#pragma once

#include "broker/hub.h"

namespace dora::broker {

/// How long a ring has to stand still. Within a second of its closing one of its sends is rejected: the last to wait
/// says so after 150 ms, and again until this has passed.
constexpr uint64_t kStandingNs = 450'000'000;

void look_for_rings(Dataflow* dataflow);

}  // namespace dora::broker
