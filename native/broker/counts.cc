// Counting messages without a shared counter on any message's path.
//
// Of an edge the broker can read, at any time and after any death, `head` (entries ever put) and `tail` (ever claimed
// or taken back) of its region; of a process its ledger (R received, D dropped, as the receiver saw them, each by
// input). An edge's streams are summed, one for each incarnation of the publisher; within a stream head and tail go on
// through all regions, so the newest region speaks for the stream.
//
//   sent      = sum of heads                        T = sum of tails
//   in_flight = sum of (head - tail) of streams that somebody can still read, or that their last reader left behind in
//   order (Bye) received  = R, summed over the receiver's incarnations lost      = unread + claimed;  unread: head -
//   tail of a stream at the moment after which nobody reads it, when its
//               reader died without Bye;  claimed: below
//   dropped   = T - received - claimed
// So sent = received + dropped + in_flight + lost always, whatever the processes wrote: values that contradict this are
// cut to fit.
//
// Claimed: a receiver that dies without Bye may have claimed an entry and not yet written it to its ledger: u = T -
// T(at its join) - R - D of this incarnation is what neither counter has. With backpressure nobody takes entries back,
// so all of u was claimed. With drop_oldest u has also what the publisher took back since the last claim, which leaves
// no trace; a receiver claims one entry at a time, so one of u is put down as claimed, the rest as dropped: `lost` and
// `dropped` may then be wrong by one for each kill, their sum never.
//
// A live receiver writes its ledger just after it claimed, so that an entry between the two shows as dropped for an
// instant (backpressure: never). Reading is repeated while the tail moves.
#include "broker/counts.h"

#include <algorithm>

namespace dora::broker {
namespace {

struct Positions {
  uint64_t head = 0, tail = 0;
};

/// SYNC: ring-head, ring-tail. Tail first: head only grows, so it is at least as far. Nonsense is cut to fit.
Positions read_positions(const Region& region) {
  const auto* shared = reinterpret_cast<const EdgeShared*>(region.view.data());
  const uint64_t tail = shared->tail.load(std::memory_order_acquire);
  const uint64_t head = shared->head.load(std::memory_order_acquire);
  return {head, std::min(tail, head)};
}

Positions sum_positions(const Edge& edge) {
  Positions sum{0, edge.past_tail};
  for (const Stream& stream : edge.streams) {
    const Positions at = read_positions(*stream.region);
    sum.head += at.head;
    sum.tail += at.tail;
  }
  return sum;
}

/// Ledger entries by index; the broker wrote the layout, and the size is sealed.
const LedgerInput& ledger_input(const Process& process, size_t input) {
  return reinterpret_cast<const LedgerInput*>(process.ledger_view.data() + sizeof(LedgerHead))[input];
}
const LedgerOutput& ledger_output(const Process& process, size_t output) {
  const size_t inputs = process.node->spec.inputs.size();
  return reinterpret_cast<const LedgerOutput*>(process.ledger_view.data() + sizeof(LedgerHead) +
                                               inputs * sizeof(LedgerInput))[output];
}

uint64_t relaxed(const std::atomic<uint64_t>& value) { return value.load(std::memory_order_relaxed); }

/// Processes of the node whose ledger is not in the node's sums yet.
std::vector<const Process*> unfolded(const Node& node) {
  std::vector<const Process*> list;
  list.reserve(node.former.size() + 1);
  for (const auto& process : node.former) list.push_back(process.get());
  if (node.process != nullptr && !node.process->dead) list.push_back(node.process.get());
  return list;
}

struct Received {
  uint64_t received = 0, dropped = 0;
};

Received sum_received(const Node& node, size_t input) {
  Received sum{node.received[input], node.dropped[input]};
  for (const Process* process : unfolded(node)) {
    const LedgerInput& entry = ledger_input(*process, input);
    sum.received += relaxed(entry.received);
    sum.dropped += relaxed(entry.dropped);
  }
  return sum;
}

uint64_t sum_sent(const Node& node, size_t output) {
  uint64_t sum = node.sent[output];
  for (const Process* process : unfolded(node)) sum += relaxed(ledger_output(*process, output).sent);
  return sum;
}

InputCounts count_edge(const Edge& edge) {
  Positions at = sum_positions(edge);
  uint64_t received = 0;
  for (int i = 0; i < 64; i++) {
    received = sum_received(*edge.subscriber, edge.input).received;
    const Positions again = sum_positions(edge);
    const bool still = again.tail == at.tail;
    at = again;
    if (still) break;
  }
  const bool only_claims = edge.subscriber->spec.inputs[edge.input].policy == Policy::backpressure;
  const uint64_t claimed = std::min(edge.lost_claimed, at.tail);
  InputCounts counts;
  counts.sent = edge.past_sent + at.head;
  counts.lost = edge.lost_unread + claimed;
  counts.received = only_claims ? at.tail - claimed : std::min(received, at.tail - claimed);
  counts.dropped = at.tail - claimed - counts.received;
  counts.in_flight = counts.sent - at.tail - edge.lost_unread;
  return counts;
}

}  // namespace

void begin_counting(Edge* edge, uint64_t subscriber) {
  if (edge->base_subscriber == subscriber) return;
  edge->base_subscriber = subscriber;
  edge->reader_left = false;
  edge->tail_base = sum_positions(*edge).tail;
}

void count_claimed(Edge* edge, const Process& subscriber) {
  if (edge->base_subscriber != subscriber.incarnation || subscriber.bye) return;
  const LedgerInput& entry = ledger_input(subscriber, edge->input);
  const uint64_t tail = sum_positions(*edge).tail;
  const uint64_t span = tail - std::min(tail, edge->tail_base);
  const uint64_t received = std::min(span, relaxed(entry.received));
  const uint64_t dropped = std::min(span - received, relaxed(entry.dropped));
  const uint64_t unknown = span - received - dropped;
  const bool only_claims = edge->subscriber->spec.inputs[edge->input].policy == Policy::backpressure;
  edge->lost_claimed += only_claims ? unknown : std::min<uint64_t>(unknown, 1);
}

void freeze_stream(Edge* edge, size_t stream) {
  const Positions at = read_positions(*edge->streams[stream].region);
  edge->past_sent += at.head;
  edge->past_tail += at.tail;
  if (!edge->reader_left) edge->lost_unread += at.head - at.tail;
  edge->streams.erase(edge->streams.begin() + static_cast<std::ptrdiff_t>(stream));
}

bool is_drained(const Stream& stream) {
  const Positions at = read_positions(*stream.region);
  return at.head == at.tail;
}

void fold_ledger(const Process& process) {
  Node* node = process.node;
  for (size_t i = 0; i < node->received.size(); i++) {
    node->received[i] += relaxed(ledger_input(process, i).received);
    node->dropped[i] += relaxed(ledger_input(process, i).dropped);
  }
  for (size_t i = 0; i < node->sent.size(); i++) {
    node->sent[i] += relaxed(ledger_output(process, i).sent);
    node->bytes[i] += relaxed(ledger_output(process, i).bytes);
  }
}

std::vector<NodeCounts> collect_counts(const Dataflow& dataflow) {
  std::vector<NodeCounts> all;
  for (const auto& node : dataflow.nodes) {
    NodeCounts counts;
    counts.node = node->spec.node;
    counts.memory_granted = node->account.used;
    for (size_t i = 0; i < node->spec.inputs.size(); i++) {
      InputCounts input;
      if (node->in[i] != nullptr) {
        input = count_edge(*node->in[i]);
      } else {
        const Received sum = sum_received(*node, i);
        input.received = sum.received;
        input.dropped = sum.dropped;
        input.sent = sum.received + sum.dropped;
        if (node->spec.inputs[i].kind == wire::InputKind::local) {
          // Between operators of one process: what their output sent and nobody has read (yet, or any more) is in
          // flight.
          input.sent = std::max(input.sent, sum_sent(*node, node->local_output[i]));
          input.in_flight = input.sent - sum.received - sum.dropped;
        }
      }
      input.id = node->spec.inputs[i].id;
      input.source = node->spec.inputs[i].source_text;
      counts.inputs.push_back(std::move(input));
    }
    for (size_t i = 0; i < node->spec.outputs.size(); i++) {
      OutputCounts output{node->spec.outputs[i].id, sum_sent(*node, i), node->bytes[i]};
      for (const Process* process : unfolded(*node)) {
        output.bytes += relaxed(ledger_output(*process, i).bytes);
      }
      counts.outputs.push_back(std::move(output));
    }
    all.push_back(std::move(counts));
  }
  return all;
}

}  // namespace dora::broker
