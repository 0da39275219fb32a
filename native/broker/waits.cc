// Rings of waits. See waits.h.
//
// Who takes and sends is a node, or in a runtime node one operator (its ports are named "operator/port"): an operator
// that waits takes nothing, and its neighbours go on. Waits between operators have no edge; their runtime writes them
// into its ledger. Everything read here was written by nodes: a lie can at most have a send rejected that waits in the
// liar's own edges.
#include "broker/waits.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

namespace dora::broker {
namespace {

constexpr uint64_t kBetweenLooksNs = 20'000'000;

using Unit = std::pair<const Node*, std::string>;

struct Wait {
  Unit from, to;
  const Edge* edge = nullptr;  // null: between operators of one process
  uint64_t since_ns = 0;
  uint64_t tail = 0;
  uint64_t region_id = 0;
  std::string words;
};

uint64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

Unit unit_of(const Node& node, const std::string& port) {
  const size_t slash = port.find('/');
  return {&node, slash == std::string::npos ? std::string() : port.substr(0, slash)};
}

/// Whether its consumer sleeps until a message comes: then it is not kept from taking by a send. A runtime sleeps for
/// all its operators, so that says nothing of one of them.
bool wants_messages(const Unit& unit) {
  const Process* process = unit.first->process.get();
  if (!unit.second.empty() || process == nullptr || process->inbox == nullptr) return false;
  uint32_t asleep = 0;
  const ssize_t n = pread(process->inbox->get(), &asleep, sizeof asleep, offsetof(InboxShared, asleep));
  return n == sizeof asleep && asleep != 0;
}

bool runs(const Node& node) {
  return node.process != nullptr && !node.process->dead && node.process->connection != nullptr;
}

void add_edge_wait(const Edge& edge, std::vector<Wait>* waits) {
  if (edge.streams.empty() || !runs(*edge.publisher) || !runs(*edge.subscriber)) return;
  const Stream& stream = edge.streams.back();
  if (stream.publisher != edge.publisher->process->incarnation ||
      stream.region->subscriber != edge.subscriber->process->incarnation)
    return;
  const auto* shared = reinterpret_cast<const EdgeShared*>(stream.region->view.data());
  const uint64_t since_ns = shared->waits_since.load(std::memory_order_relaxed);
  if (since_ns == 0) return;
  const Unit to = unit_of(*edge.subscriber, edge.subscriber->spec.inputs[edge.input].id);
  if (wants_messages(to)) return;
  waits->push_back({unit_of(*edge.publisher, edge.publisher->spec.outputs[edge.output].id), to, &edge, since_ns,
                    shared->tail.load(std::memory_order_relaxed), stream.region->id,
                    "\"" + output_name(edge) + "\" for \"" + input_name(edge) + "\""});
}

void add_local_waits(const Node& node, std::vector<Wait>* waits) {
  if (!runs(node)) return;
  const auto* inputs = reinterpret_cast<const LedgerInput*>(node.process->ledger_view.data() + sizeof(LedgerHead));
  for (uint32_t i = 0; i < node.spec.inputs.size(); i++) {
    const BrokerInput& input = node.spec.inputs[i];
    if (input.kind != wire::InputKind::local || inputs[i].waited.load(std::memory_order_relaxed) == 0) continue;
    waits->push_back(
        {unit_of(node, input.source_output), unit_of(node, input.id), nullptr, 0,
         inputs[i].received.load(std::memory_order_relaxed), i,
         "\"" + node.spec.node + "/" + input.source_output + "\" for \"" + node.spec.node + "/" + input.id + "\""});
  }
}

/// Every ring that a depth-first walk meets; where rings share waits it may be some of them, and the rest are met once
/// those are broken. Without recursion: rings may be long.
std::vector<std::vector<const Wait*>> find_rings(const std::vector<Wait>& waits) {
  std::map<Unit, std::vector<const Wait*>> leaving;
  for (const Wait& wait : waits) leaving[wait.from].push_back(&wait);
  enum class Mark { open, done };
  std::map<Unit, Mark> marks;
  std::vector<std::vector<const Wait*>> rings;
  for (const auto& [start, ignored] : leaving) {
    if (marks.count(start) != 0) continue;
    struct At {
      Unit unit;
      const Wait* through;
      size_t next;
    };
    std::vector<At> path{{start, nullptr, 0}};
    marks[start] = Mark::open;
    while (!path.empty()) {
      At& at = path.back();
      const auto out = leaving.find(at.unit);
      if (out == leaving.end() || at.next == out->second.size()) {
        marks[at.unit] = Mark::done;
        path.pop_back();
        continue;
      }
      const Wait* wait = out->second[at.next++];
      const auto seen = marks.find(wait->to);
      if (seen == marks.end()) {
        marks[wait->to] = Mark::open;
        path.push_back({wait->to, wait, 0});
      } else if (seen->second == Mark::open) {
        std::vector<const Wait*> ring{wait};
        for (size_t i = path.size(); path[i - 1].unit != wait->to; i--) ring.push_back(path[i - 1].through);
        std::reverse(ring.begin(), ring.end());
        rings.push_back(std::move(ring));
      }
    }
  }
  return rings;
}

/// What has to be the same at the next look. Starts at the smallest, for a ring has no beginning.
std::vector<uint64_t> mark_of(const std::vector<const Wait*>& ring) {
  std::vector<std::vector<uint64_t>> parts;
  parts.reserve(ring.size());
  for (const Wait* wait : ring) parts.push_back({wait->region_id, wait->since_ns, wait->tail});
  std::sort(parts.begin(), parts.end());
  std::vector<uint64_t> mark;
  for (const auto& part : parts) mark.insert(mark.end(), part.begin(), part.end());
  return mark;
}

void break_ring(const std::vector<const Wait*>& ring) {
  const auto youngest = std::max_element(ring.begin(), ring.end(),
                                         [](const Wait* a, const Wait* b) { return a->since_ns < b->since_ns; });
  const Edge* edge = (*youngest)->edge;
  if (edge == nullptr) return;  // rings between operators alone are refused before they run
  wire::SendRejected rejected;
  rejected.output = edge->output;
  rejected.since_ns = (*youngest)->since_ns;
  // From the rejected one on, round to it.
  std::vector<const Wait*> order(youngest, ring.end());
  order.insert(order.end(), ring.begin(), youngest);
  constexpr size_t kMostNamed = 32;
  for (size_t i = 0; i < order.size() && i < kMostNamed; i++) rejected.ring += (i == 0 ? "" : ", ") + order[i]->words;
  if (order.size() > kMostNamed) rejected.ring += " and " + std::to_string(order.size() - kMostNamed) + " more";
  edge->publisher->process->connection->send(rejected);
}

}  // namespace

void look_for_rings(Dataflow* dataflow) {
  const uint64_t now = now_ns();
  if (now - dataflow->looked_ns < kBetweenLooksNs) return;  // many wait, or somebody only says so
  dataflow->looked_ns = now;
  std::vector<Wait> waits;
  for (const auto& edge : dataflow->edges) add_edge_wait(*edge, &waits);
  if (waits.empty()) return dataflow->rings.clear();
  for (const auto& node : dataflow->nodes) add_local_waits(*node, &waits);
  std::vector<StandingRing> standing;
  for (const auto& ring : find_rings(waits)) {
    StandingRing found{mark_of(ring), now};
    const auto known = std::find_if(dataflow->rings.begin(), dataflow->rings.end(),
                                    [&](const StandingRing& old) { return old.mark == found.mark; });
    if (known != dataflow->rings.end()) found.seen_ns = known->seen_ns;
    if (now - found.seen_ns < kStandingNs) {
      standing.push_back(std::move(found));
    } else {
      break_ring(ring);
    }
  }
  dataflow->rings = std::move(standing);
}

}  // namespace dora::broker
