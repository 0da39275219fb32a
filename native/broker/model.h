// What the broker knows: dataflows, their nodes, the processes that are those nodes, and the edges between them. Plain
// data.
//
// A *node* is what the descriptor names; it lives as long as its dataflow. A *process* is one life of it (an
// incarnation), made when its Hello is accepted, kept until its pidfd says that it is dead. An *edge* lives as long as
// the dataflow too; it has a new *region* for each pair of incarnations. A *stream* is what one incarnation of a
// publisher puts into an edge: its positions go on through all regions that the edge gets when the subscriber returns.
//
// Who changes what: membership.cc nodes and processes, edges.cc edges, registry.cc adds and removes. All under the
// broker's lock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "broker/budget.h"
#include "core/fd.h"
#include "core/layout.h"
#include "core/region.h"

namespace dora::broker {

class Connection;
struct Dataflow;
struct Node;

/// Shared, because a packet that waits in a queue still needs its descriptors.
using SharedFd = std::shared_ptr<Fd>;

/// A further consumer in a process.
struct ProcessPart {
  SharedFd inbox, doorbell;
};

/// One life of a node.
struct Process {
  Node* node = nullptr;
  uint64_t incarnation = 0;
  int32_t pid = 0;
  Connection* connection = nullptr;  ///< null: no longer connected
  SharedFd pidfd, inbox, doorbell, ledger;
  Mapping ledger_view;              ///< read-only
  std::vector<uint32_t> max_slots;  ///< by output, as told in its Output packets
  std::vector<uint64_t> map_bytes;  ///< by output
  std::vector<bool> external;       ///< by output
  std::vector<SharedFd> pools;      ///< by output; null until its Pool packet
  std::vector<bool> output_closed;  ///< by output
  uint64_t grant = 0;               ///< bytes for pools
  uint64_t fixed = 0;               ///< bytes of inboxes and ledger
  std::vector<ProcessPart> parts;   ///< [0] is the process's own inbox and doorbell
  std::vector<uint32_t> part_of_input, part_of_output;
  bool ready = false, start_sent = false;
  bool bye = false;       ///< it left in order
  bool reported = false;  ///< `left` or `lost` was said
  bool ended = false;     ///< the daemon said that this life is over
  bool dead = false;      ///< its pidfd is readable: no thread of it runs
};

/// Memory of one edge for one pair of incarnations. Unmapped when the last user lets go of it; `charged` goes back
/// then.
struct Region {
  Region() = default;
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region() {
    if (budget != nullptr) budget->release(account, charged);
  }

  uint64_t id = 0;
  uint64_t publisher = 0, subscriber = 0;  ///< incarnations
  EdgeConstants constants{};
  SharedFd fd;
  Mapping view;  ///< read-only
  uint64_t charged = 0;
  Budget* budget = nullptr;
  Account* account = nullptr;  ///< the subscriber's
};

/// What one incarnation of the publisher puts into an edge; `region` is the newest that it has answered for.
struct Stream {
  uint64_t publisher = 0;
  std::shared_ptr<Region> region;
};

struct Edge {
  uint64_t id = 0;  ///< changes when the edge was closed for good at the publisher and opens again all the same
  Node* publisher = nullptr;
  Node* subscriber = nullptr;
  uint32_t output = 0, input = 0, input_bit = 0;

  // ---- opening and closing (edges.cc) ----
  uint64_t pair_publisher = 0, pair_subscriber = 0;  ///< incarnations for which it was opened last, or could not be
  std::vector<std::shared_ptr<Region>> opening;      ///< OpenOut sent, not yet answered
  uint64_t told_publisher =
      0;                      ///< incarnation that holds this edge (got OpenOut, no CloseOut, did not refuse); 0: none
  bool settled = false;       ///< for the pair: OpenIn was sent, or the edge failed
  uint32_t close_reason = 0;  ///< DORA_REASON_*: no more will come from this publisher
  bool close_in_sent = false;

  // ---- counting (counts.cc explains) ----
  std::vector<Stream> streams;  ///< those whose entries can still be read
  uint64_t past_sent = 0, past_tail = 0, lost_unread = 0, lost_claimed = 0;
  bool reader_left = false;      ///< the last reader said Bye: what it left unread is in flight, not lost
  uint64_t base_subscriber = 0;  ///< the incarnation that tail_base is for
  uint64_t tail_base = 0;        ///< all tails when that incarnation got its first region
};

struct Node {
  BrokerNode spec;
  Dataflow* dataflow = nullptr;
  Account account;
  std::vector<Edge*> in;                         ///< by input; null: no edge
  std::vector<uint32_t> local_output;            ///< by input; for kind local
  std::vector<std::vector<Edge*>> out;           ///< by output
  std::vector<uint64_t> local_queues;            ///< by output: queue sizes of its readers inside; 0: it has none
  std::string token;                             ///< raw bytes, of the present announcement
  std::shared_ptr<Process> process;              ///< the present incarnation
  std::vector<std::shared_ptr<Process>> former;  ///< earlier ones that are not dead yet
  bool ended = false;                            ///< the daemon said so; false again when it is announced again
  bool gone = false;                             ///< ended for good
  uint32_t gone_reason = 0;                      ///< DORA_REASON_*, for edges that are made after that
  std::optional<wire::Stop> stop;                ///< asked for before it had joined
  // Sums over dead incarnations, from their ledgers.
  std::vector<uint64_t> received, dropped, sent, bytes;
};

/// A ring of waits that was found at some look, to be found unchanged at a later one (waits.cc).
struct StandingRing {
  std::vector<uint64_t> mark;
  uint64_t seen_ns = 0;
};

struct Dataflow {
  std::string name;
  std::vector<StandingRing> rings;
  uint64_t looked_ns = 0;                    ///< for rings
  bool started = false;                      ///< the barrier was released
  std::vector<std::unique_ptr<Node>> nodes;  ///< in the order they were added
  std::map<std::string, Node*> by_name;
  std::vector<std::unique_ptr<Edge>>
      edges;  ///< after `nodes`: destroyed first, for their regions give memory back to accounts
};

/// "camera/image"
inline std::string output_name(const Edge& edge) {
  return edge.publisher->spec.node + "/" + edge.publisher->spec.outputs[edge.output].id;
}
/// "plot/image"
inline std::string input_name(const Edge& edge) {
  return edge.subscriber->spec.node + "/" + edge.subscriber->spec.inputs[edge.input].id;
}

}  // namespace dora::broker
