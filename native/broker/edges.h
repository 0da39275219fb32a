// Edges: making their regions, the order in which the two ends learn of them, their closing, and the start barrier.
//
// An edge opens when both ends are Ready and all their earlier incarnations are known dead:
//   region → OpenOut to the publisher → its OutOpened → OpenIn to the subscriber.
// A new incarnation of either end gives a new region by the same steps. CloseIn never overtakes an OpenIn that is on
// its way, and is not sent before Start. The barrier is released when every node of it is Ready or gone for good, and
// all edges between Ready ones are settled (OpenIn sent, or failed); a node that joins with `barrier` after that gets
// its own Start by the same rule.
//
// An edge that was closed for good at the publisher (CloseOut) and opens again later does so under a new edge id: to
// the publisher it is a new one.
#pragma once

#include <string>

#include "broker/hub.h"

namespace dora::broker {

/// The daemon announced an ended node again: its outputs are expected to go on.
void announce_return(Node* node);
/// Hello was accepted: a new incarnation.
void edges_joined(Hub* hub, Process* process);
/// All its pools are there.
void edges_ready(Hub* hub, Process* process);
void edges_out_opened(Hub* hub, Process* publisher, const wire::OutOpened& message);
/// An input or output of this process is another consumer's in it now: who rings there hears of it.
void edges_moved(Process* process, const wire::MovePort& message);
void edges_output_closed(Process* publisher, uint32_t output);
/// A process closed its end of an edge because the other end wrote nonsense.
void edges_corrupt(Hub* hub, Process* reporter, const wire::Corrupt& message);
/// Nothing more comes from or goes to this process through the broker; it may still run.
void edges_disconnected(Hub* hub, Process* process);
/// Its pidfd is readable. Before its ledger is folded.
void edges_died(Hub* hub, Process* process);
/// After edges_died and the end of the process's bookkeeping: edges that waited for this death.
void edges_retry(Hub* hub, Node* node);
/// It will not come back.
void edges_gone(Hub* hub, Node* node);
/// Releases the barrier, or gives late members their Start, if it is time.
void try_start(Hub* hub, Dataflow* dataflow);

}  // namespace dora::broker
