// Opening and closing of edges. See edges.h.
#include "broker/edges.h"

#include <fcntl.h>

#include <algorithm>
#include <new>
#include <utility>

#include "broker/counts.h"
#include "broker/registry.h"
#include "core/step.h"

namespace dora::broker {
namespace {

constexpr size_t kMovesUnheard = 256;  // packets that may wait for a process when another one moves a port

/// The node's process if it can take part now, else null.
Process* ready_process(const Node* node) {
  Process* process = node->process.get();
  if (process == nullptr || process->connection == nullptr || process->connection->doomed()) return nullptr;
  return process->ready && !process->bye && !process->dead ? process : nullptr;
}

bool is_pair(const Edge& edge, const Process& publisher, const Process& subscriber) {
  return edge.pair_publisher == publisher.incarnation && edge.pair_subscriber == subscriber.incarnation;
}

/// The publisher no longer holds this edge: the next time it is told it gets a new one.
void forget_at_publisher(Hub* hub, Edge* edge) {
  edge->told_publisher = 0;
  edge->id = hub->new_id();
}

/// Tells the publisher that this subscriber will not come back, if it holds the edge.
void close_out(Hub* hub, Edge* edge) {
  const Process* publisher = ready_process(edge->publisher);
  if (publisher != nullptr && edge->told_publisher == publisher->incarnation) {
    wire::CloseOut message;
    message.edge_id = edge->id;
    DORA_STEP("brk.close_out");
    publisher->connection->send(message);
  }
  if (edge->told_publisher != 0) forget_at_publisher(hub, edge);
}

/// A region with its constants written, sealed, mapped for counting, charged to the subscriber.
Status make_region(Hub* hub, const Edge& edge, const Process& publisher, const Process& subscriber,
                   std::shared_ptr<Region>* out, Error* error) {
  const BrokerInput& input = edge.subscriber->spec.inputs[edge.input];
  EdgeConstants constants{};
  constants.magic = kEdgeMagic;
  constants.version = kEdgeVersion;
  constants.policy = static_cast<uint16_t>(input.policy);
  constants.queue_size = input.queue_size;
  constants.cells = cells_for(input.queue_size);
  constants.rel_words = publisher.max_slots[edge.output] / 64;
  constants.rel_offset = rel_offset_for(constants.cells);
  constants.input_bit = edge.input_bit;
  constants.hold_limit = kHoldLimit;
  constants.edge_id = edge.id;
  constants.region_id = hub->new_id();

  const uint64_t size = round_to_page(edge_region_size(constants.cells, constants.rel_words));
  Account* account = &edge.subscriber->account;
  if (!hub->budget.charge(account, size)) {
    return error->fail(Status::shm_exhausted,
                       format_bytes(size) + " for its ring do not fit: " + hub->budget.figures(*account),
                       "Raise the memory limit, or lower the input's queue_size.");
  }
  auto region = std::make_shared<Region>();
  region->budget = &hub->budget;
  region->account = account;
  region->charged = size;
  region->id = constants.region_id;
  region->publisher = publisher.incarnation;
  region->subscriber = subscriber.incarnation;
  region->constants = constants;
  region->fd = std::make_shared<Fd>();
  DORA_STEP("brk.region");
  if (Status s = create_memfd("dora-edge", size, region->fd.get(), error); s != Status::ok) return s;
  {
    Mapping writable;
    if (Status s = Mapping::map(region->fd->get(), size, true, &writable, error); s != Status::ok) return s;
    (new (writable.data()) EdgeShared{})->constants = constants;
  }
  if (Status s = add_seals(region->fd->get(), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, error); s != Status::ok)
    return s;
  if (Status s = Mapping::map(region->fd->get(), size, false, &region->view, error); s != Status::ok) return s;
  *out = std::move(region);
  return Status::ok;
}

/// Tells the subscriber that nothing more comes, if it is time for that.
void flush_close_in(Edge* edge) {
  if (edge->close_reason == DORA_REASON_NONE || edge->close_in_sent) return;
  const Process* subscriber = ready_process(edge->subscriber);
  if (subscriber == nullptr || !subscriber->start_sent) return;
  const Process* publisher = ready_process(edge->publisher);
  // An OpenIn that is still to come goes first.
  if (publisher != nullptr && !(is_pair(*edge, *publisher, *subscriber) && edge->settled)) return;
  wire::CloseIn message;
  message.input = edge->input;
  message.reason = edge->close_reason;
  edge->close_in_sent = true;
  DORA_STEP("brk.close_in");
  subscriber->connection->send(message);
}

void close_in(Edge* edge, uint32_t reason) {
  if (edge->close_reason == DORA_REASON_NONE) edge->close_reason = reason;
  flush_close_in(edge);
}

/// The pair will not get this edge. People hear why, the subscriber hears that the input is closed.
void fail_edge(Hub* hub, Edge* edge, BrokerEvent::Kind kind, const std::string& why) {
  edge->settled = true;
  const BrokerNode& spec = edge->subscriber->spec;
  hub->events.push(kind, spec.dataflow, spec.node,
                   "the edge " + output_name(*edge) + " → " + input_name(*edge) + " cannot be opened: " + why);
  close_in(edge, DORA_REASON_FAILURE);
}

void refused_by_publisher(Hub* hub, Edge* edge, Status status) {
  if (status == Status::ended) {  // the output was closed while the request was on its way
    edge->settled = true;
    return close_in(edge, DORA_REASON_ENDED);
  }
  const auto kind = status == Status::shm_exhausted ? BrokerEvent::Kind::exhausted : BrokerEvent::Kind::refused;
  fail_edge(hub, edge, kind, edge->publisher->spec.node + " refused it (" + status_code(status) + ")");
}

void send_open_out(Edge* edge, const std::shared_ptr<Region>& region, Process* publisher, Process* subscriber) {
  wire::OpenOut message;
  message.edge_id = edge->id;
  message.region_id = region->id;
  message.peer_incarnation = subscriber->incarnation;
  message.output = edge->output;
  // Of this incarnation of the publisher: one that is new itself still owes its retained messages.
  message.is_return = edge->told_publisher == publisher->incarnation ? 1 : 0;
  message.constants = region->constants;
  message.peer = input_name(*edge);
  edge->told_publisher = publisher->incarnation;
  edge->opening.push_back(region);
  const ProcessPart& part = subscriber->parts[subscriber->part_of_input[edge->input]];
  DORA_STEP("brk.open_out");
  publisher->connection->send(message, {region->fd, part.inbox, part.doorbell, subscriber->pidfd});
}

void send_open_in(Edge* edge, const Region& region, const Process& publisher, const Process& subscriber) {
  wire::OpenIn message;
  message.edge_id = edge->id;
  message.region_id = region.id;
  message.peer_incarnation = publisher.incarnation;
  message.input = edge->input;
  message.max_slots = publisher.max_slots[edge->output];
  message.map_bytes = publisher.map_bytes[edge->output];
  message.constants = region.constants;
  message.peer = output_name(*edge);
  const SharedFd& doorbell = publisher.parts[publisher.part_of_output[edge->output]].doorbell;
  DORA_STEP("brk.open_in");
  subscriber.connection->send(message, {region.fd, publisher.pools[edge->output], doorbell, publisher.pidfd});
  edge->settled = true;
  edge->close_in_sent = false;
}

/// Opens the edge for the present pair of incarnations, if both are there and it was not done yet.
void try_open(Hub* hub, Edge* edge) {
  Process* publisher = ready_process(edge->publisher);
  Process* subscriber = ready_process(edge->subscriber);
  if (publisher == nullptr || subscriber == nullptr || is_pair(*edge, *publisher, *subscriber)) return;
  // An earlier life that still runs might still write or read: first it must be dead.
  if (!edge->publisher->former.empty() || !edge->subscriber->former.empty()) return;
  edge->pair_publisher = publisher->incarnation;
  edge->pair_subscriber = subscriber->incarnation;
  edge->settled = false;
  if (!publisher->external[edge->output]) {
    return fail_edge(
        hub, edge, BrokerEvent::Kind::refused,
        "when " + edge->publisher->spec.node +
            " started, nobody outside it was known to read this output, so it is not shared. Restart that node.");
  }
  // Streams of dead publishers that have been read to the end need no memory any more.
  for (size_t i = edge->streams.size(); i-- > 0;) {
    if (!hub->alive(edge->streams[i].publisher) && is_drained(edge->streams[i])) freeze_stream(edge, i);
  }
  std::shared_ptr<Region> region;
  Error error;
  if (make_region(hub, *edge, *publisher, *subscriber, &region, &error) != Status::ok)
    return fail_edge(hub, edge, BrokerEvent::Kind::exhausted, error.message);
  send_open_out(edge, region, publisher, subscriber);
}

/// The publisher has put what it kept for this edge into the new region, or it begins at 0.
void continue_stream(Hub* hub, Edge* edge, const std::shared_ptr<Region>& region) {
  for (Stream& stream : edge->streams) {
    const bool same =
        stream.publisher == region->publisher && stream.region->constants.edge_id == region->constants.edge_id;
    if (!same) continue;
    stream.region = region;
    return;
  }
  for (size_t i = edge->streams.size(); i-- > 0;)
    if (!hub->alive(edge->streams[i].region->subscriber)) freeze_stream(edge, i);
  edge->streams.push_back({region->publisher, region});
}

template <class F>
void each_edge(Node* node, F&& visit) {
  for (Edge* edge : node->in)
    if (edge != nullptr) visit(edge);
  for (const auto& edges : node->out)
    for (Edge* edge : edges)
      if (edge->subscriber != node) visit(edge);  // one to itself was visited above
}

void drop_opening(Edge* edge, uint64_t publisher) {
  std::erase_if(edge->opening, [&](const auto& region) { return region->publisher == publisher; });
}

bool barrier_is_complete(const Dataflow& dataflow) {
  for (const auto& node : dataflow.nodes)
    if (node->spec.barrier && !node->gone && ready_process(node.get()) == nullptr) return false;
  return true;
}

/// Every edge of this node whose other end is Ready has been handed out.
bool edges_are_settled(Node* node, bool barrier_only) {
  bool settled = true;
  each_edge(node, [&](const Edge* edge) {
    const Process* publisher = ready_process(edge->publisher);
    const Process* subscriber = ready_process(edge->subscriber);
    if (publisher == nullptr || subscriber == nullptr) return;
    if (barrier_only && !(edge->publisher->spec.barrier && edge->subscriber->spec.barrier)) return;
    settled = settled && is_pair(*edge, *publisher, *subscriber) && edge->settled;
  });
  return settled;
}

void send_start(Node* node) {
  Process* process = ready_process(node);
  process->start_sent = true;
  DORA_STEP("brk.start");
  process->connection->send(wire::Start{});
  for (Edge* edge : node->in)
    if (edge != nullptr) flush_close_in(edge);
}

}  // namespace

void announce_return(Node* node) {
  for (const auto& edges : node->out)
    for (Edge* edge : edges) edge->close_reason = DORA_REASON_NONE;
}

void edges_joined(Hub* hub, Process* process) {
  for (Edge* edge : process->node->in) {
    if (edge == nullptr) continue;
    edge->close_in_sent = false;
    const bool between_lives = edge->close_reason == DORA_REASON_CORRUPT || edge->close_reason == DORA_REASON_FAILURE;
    if (!between_lives) continue;
    edge->close_reason = DORA_REASON_NONE;  // it was between the publisher and the life before
    forget_at_publisher(hub, edge);
  }
}

void edges_ready(Hub* hub, Process* process) {
  if (!process->node->spec.barrier) process->start_sent = true;
  each_edge(process->node, [&](Edge* edge) {
    try_open(hub, edge);
    flush_close_in(edge);
  });
  try_start(hub, process->node->dataflow);
}

void edges_out_opened(Hub* hub, Process* publisher, const wire::OutOpened& message) {
  for (const auto& edges : publisher->node->out) {
    for (Edge* edge : edges) {
      const auto found = std::find_if(edge->opening.begin(), edge->opening.end(), [&](const auto& region) {
        return region->id == message.region_id && region->publisher == publisher->incarnation;
      });
      if (found == edge->opening.end()) continue;
      const std::shared_ptr<Region> region = std::move(*found);
      edge->opening.erase(found);
      const Process* subscriber = ready_process(edge->subscriber);
      const bool current = subscriber != nullptr && subscriber->incarnation == region->subscriber;
      if (message.status < 0) {
        forget_at_publisher(hub, edge);
        if (current) refused_by_publisher(hub, edge, static_cast<Status>(message.status));
      } else {
        continue_stream(hub, edge, region);
        if (current) {
          begin_counting(edge, subscriber->incarnation);
          send_open_in(edge, *region, *publisher, *subscriber);
        }
      }
      flush_close_in(edge);
      return try_start(hub, publisher->node->dataflow);
    }
  }
  // An answer for an edge that was closed in the meantime.
}

/// A peer that is slow to read must not be given up for what another process says again and again.
static bool can_hear(const Process& peer, Process* mover) {
  if (peer.connection->waiting() < kMovesUnheard) return true;
  mover->connection->doom("it moves inputs and outputs between its threads faster than its peers can hear of it");
  return false;
}

void edges_moved(Process* process, const wire::MovePort& message) {
  const ProcessPart& part = process->parts[message.part];
  const Node* node = process->node;
  if (message.is_output == 0) {
    process->part_of_input[message.index] = message.part;
    const Edge* edge = node->in[message.index];
    if (edge == nullptr) return;
    const Process* publisher = ready_process(edge->publisher);
    if (publisher == nullptr || edge->told_publisher != publisher->incarnation) return;
    if (!can_hear(*publisher, process)) return;
    publisher->connection->send(wire::MoveOut{edge->id}, {part.inbox, part.doorbell});
    return;
  }
  process->part_of_output[message.index] = message.part;
  for (const Edge* edge : node->out[message.index]) {
    const Process* subscriber = ready_process(edge->subscriber);
    // One whose OpenIn is still to come gets the new doorbell with it.
    if (subscriber == nullptr || !is_pair(*edge, *process, *subscriber) || !edge->settled) continue;
    if (!can_hear(*subscriber, process)) return;
    subscriber->connection->send(wire::MoveIn{edge->id, edge->input}, {part.doorbell});
  }
}

void edges_output_closed(Process* publisher, uint32_t output) {
  publisher->output_closed[output] = true;
  for (Edge* edge : publisher->node->out[output]) close_in(edge, DORA_REASON_ENDED);
}

void edges_corrupt(Hub* hub, Process* reporter, const wire::Corrupt& message) {
  const BrokerNode& spec = reporter->node->spec;
  for (Edge* edge : reporter->node->in) {
    if (edge == nullptr || edge->id != message.edge_id) continue;
    hub->events.push(BrokerEvent::Kind::corrupt, spec.dataflow, spec.node,
                     "input " + input_name(*edge) + ": " + output_name(*edge) +
                         " wrote nonsense into shared memory: " + message.what);
    return close_out(hub, edge);
  }
  for (const auto& edges : reporter->node->out) {
    for (Edge* edge : edges) {
      if (edge->id != message.edge_id) continue;
      hub->events.push(BrokerEvent::Kind::corrupt, spec.dataflow, spec.node,
                       "output " + output_name(*edge) + ": " + input_name(*edge) +
                           " wrote nonsense into shared memory: " + message.what);
      close_out(hub, edge);
      return close_in(edge, DORA_REASON_CORRUPT);
    }
  }
}

void edges_disconnected(Hub* hub, Process* process) {
  each_edge(process->node, [&](Edge* edge) {
    if (edge->publisher == process->node) drop_opening(edge, process->incarnation);
    flush_close_in(edge);
  });
  try_start(hub, process->node->dataflow);
}

void edges_died(Hub* hub, Process* process) {
  const Node* node = process->node;
  each_edge(process->node, [&](Edge* edge) {
    if (edge->subscriber == node) {
      count_claimed(edge, *process);
      edge->reader_left = process->bye;
    }
    if (edge->publisher == node) drop_opening(edge, process->incarnation);
    for (size_t i = edge->streams.size(); i-- > 0;) {
      const Stream& stream = edge->streams[i];
      const bool reader_is_over = !hub->alive(stream.region->subscriber);
      if (reader_is_over && (edge->subscriber->gone || !hub->alive(stream.publisher))) freeze_stream(edge, i);
    }
  });
}

void edges_retry(Hub* hub, Node* node) {
  each_edge(node, [&](Edge* edge) {
    try_open(hub, edge);
    flush_close_in(edge);
  });
  try_start(hub, node->dataflow);
}

void edges_gone(Hub* hub, Node* node) {
  for (Edge* edge : node->in) {
    if (edge == nullptr) continue;
    close_out(hub, edge);
    edge->opening.clear();
    for (size_t i = edge->streams.size(); i-- > 0;)
      if (!hub->alive(edge->streams[i].region->subscriber)) freeze_stream(edge, i);
  }
  for (const auto& edges : node->out)
    for (Edge* edge : edges) close_in(edge, node->gone_reason);
  try_start(hub, node->dataflow);
}

void try_start(Hub* hub, Dataflow* dataflow) {
  const bool first = !dataflow->started;
  if (first) {
    if (!barrier_is_complete(*dataflow)) return;
    bool anybody = false;
    for (const auto& node : dataflow->nodes) {
      if (!node->spec.barrier || ready_process(node.get()) == nullptr) continue;
      if (!edges_are_settled(node.get(), true)) return;
      anybody = true;
    }
    if (!anybody) return;
    dataflow->started = true;
    hub->events.push(BrokerEvent::Kind::started, dataflow->name, {});
  }
  for (const auto& node : dataflow->nodes) {
    const Process* process = ready_process(node.get());
    if (process != nullptr && !process->start_sent && (first || edges_are_settled(node.get(), false)))
      send_start(node.get());
  }
}

}  // namespace dora::broker
