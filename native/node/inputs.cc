// Inputs of a node. See inputs.h.
#include "node/inputs.h"

#include <algorithm>

#include "node/fault.h"

namespace dora {
namespace {

/// A state for each input that needs one of its own, from 1; 0 for the others.
std::vector<uint32_t> number_states(const std::vector<InputInfo>& infos) {
  std::vector<uint32_t> numbers(infos.size());
  uint32_t last = 0;
  for (size_t i = 0; i < infos.size(); i++) {
    if (infos[i].kind != InputKind::local || infos[i].timeout_ns > 0) numbers[i] = ++last;
  }
  return numbers;
}

}  // namespace

Inputs::Inputs(std::vector<InputInfo> infos, const std::vector<uint32_t>& bits, bool all_here, Inbox* inbox,
               Ledger* ledger, Clock* clock, Hlc* hlc, std::string node_id)
    : infos_(std::move(infos)),
      node_id_(std::move(node_id)),
      inbox_(inbox),
      ledger_(ledger),
      clock_(clock),
      hlc_(hlc),
      state_index_(number_states(infos_)),
      states_(1 + (state_index_.empty() ? 0 : *std::max_element(state_index_.begin(), state_index_.end()))),
      pending_((infos_.size() + 63) / 64 + 1) {
  uint32_t highest = 0;
  for (uint32_t i = 0; i < infos_.size(); i++) {
    state_of(i).here = all_here;
    if (infos_[i].kind != InputKind::edge) continue;
    if (bits[i] >= input_of_bit_.size()) input_of_bit_.resize(bits[i] + 1, UINT32_MAX);
    input_of_bit_[bits[i]] = i;
    inbox_inputs_.resize(i / 64 + 1);
    inbox_inputs_[i / 64] |= uint64_t{1} << (i % 64);
    highest = std::max(highest, bits[i]);
  }
  inbox_->set_words(highest / 64 + 1);
}

Inputs::~Inputs() {
  for (auto [edge, region] : fault_regions_) remove_fault_region(region);
}

// ---- several consumers
// ---------------------------------------------------------------------------------------------

void Inputs::move_to(uint32_t input, Inputs* to) {
  State& from = state_of(input);
  State& state = to->state_of(input);
  state.edges = std::move(from.edges);
  from.edges.clear();
  state.reason = from.reason;
  state.told_reason = from.told_reason;
  state.closing = from.closing;
  state.crashed = from.crashed;
  state.told_closed = from.told_closed;
  state.open.store(from.open.load(std::memory_order_relaxed), std::memory_order_relaxed);
  state.timer = std::move(from.timer);
  state.ticks = from.ticks;
  state.due_ticks = std::exchange(from.due_ticks, 0);
  state.heard_ns = from.heard_ns;
  state.seen_mark = from.seen_mark;
  state.silent = from.silent;
  state.watched = from.watched = false;
  state.here = true;
  from.here = false;
  from.moved_to = to->inbox_;
  clear_pending(input);
  if (last_ == static_cast<int>(input)) last_ = -1;
  // Edges that are read to their end, and events that were not taken, go along.
  std::erase_if(retired_, [&](auto& edge) {
    if (edge->input() != input) return false;
    to->retired_.push_back(std::move(edge));
    return true;
  });
  for (auto* list : {&state.edges, &to->retired_}) {
    for (auto& edge : *list) {
      const auto region = fault_regions_.find(edge.get());
      if (region == fault_regions_.end()) continue;
      to->fault_regions_.insert(*region);
      fault_regions_.erase(region);
    }
  }
  std::erase_if(events_, [&](Event& event) {
    if (event.input != input || event.type == EventType::stop) return false;
    to->events_.push_back(std::move(event));
    return true;
  });
  to->set_pending(input);
  check_all_over();
  to->over_ = false;
  to->check_all_over();
  to->watch_silence(input);
}

bool Inputs::nothing_follows() const {
  for (uint32_t i = 0; i < infos_.size(); i++) {
    const State& state = state_of(i);
    if (!state.here) continue;
    const bool ended = !state.edges.empty() && state.edges.back()->ended();
    if (infos_[i].kind != InputKind::edge || !(state.closing || ended)) return false;
  }
  return true;
}

bool Inputs::none_here() const {
  return std::none_of(states_.begin(), states_.end(), [](const State& state) { return state.here; });
}

void Inputs::move_doorbell(uint32_t input, uint64_t edge_id, Fd doorbell) {
  for (auto& edge : state_of(input).edges) {
    if (edge->edge_id() == edge_id) return edge->set_doorbell(std::move(doorbell));
  }
}

uint64_t Inputs::dropped(uint32_t input) const {
  uint64_t dropped = ledger_->input(input).dropped.load(std::memory_order_relaxed);
  for (auto& edge : state_of(input).edges) dropped += edge->uncounted_drops();
  return dropped;
}

// ---- control
// ----------------------------------------------------------------------------------------------------------

Status Inputs::open_edge(EdgeReaderConfig config, Error* error) {
  const uint32_t input = config.input;
  if (input >= infos_.size() || infos_[input].kind != InputKind::edge)
    return error->fail(Status::shm_corrupt, "the broker opened an edge to an input that does not exist");
  auto edge = std::make_unique<EdgeReader>();
  if (Status s = edge->open(std::move(config), error); s != Status::ok) return s;
  State& state = state_of(input);
  const std::string words = "input \"" + infos_[input].id + "\" of node \"" + node_id_ + "\"";
  fault_regions_[edge.get()] = add_fault_region(edge->pool_base(), edge->pool_size(), words.c_str());
  for (auto& older : state.edges) older->set_final();
  state.edges.push_back(std::move(edge));
  state.crashed = state.closing = over_ = false;
  state.reason = DORA_REASON_NONE;
  // One that was closed for want of messages stays so until there is one.
  if (state.told_closed && !state.silent) {
    tell_recovered(input);
    heard(input);
  }
  set_pending(input);
  return Status::ok;
}

void Inputs::publisher_died(uint32_t input, uint64_t region_id) {
  State& state = state_of(input);
  for (auto& edge : state.edges) {
    if (edge->region_id() != region_id) continue;
    edge->set_final();
    if (edge == state.edges.back() && !edge->ended()) state.crashed = true;
  }
  set_pending(input);
}

void Inputs::close(uint32_t input, uint32_t reason) {
  if (input >= infos_.size() || infos_[input].kind == InputKind::local) return;
  State& state = state_of(input);
  state.closing = true;
  if (state.reason == DORA_REASON_NONE) state.reason = reason;
  for (auto& edge : state.edges) edge->set_final();
  set_pending(input);
  if (state.told_closed && !state.silent) check_all_over();  // a silent one may have something queued by now
}

Status Inputs::start_timers(std::vector<std::pair<int, uint32_t>>* fds, Error* error) {
  for (uint32_t i = 0; i < infos_.size(); i++) {
    if (infos_[i].kind != InputKind::timer) continue;
    if (Status s = clock_->make_timer(infos_[i].period_ns, &state_of(i).timer, error); s != Status::ok) return s;
    fds->emplace_back(state_of(i).timer.get(), i);
  }
  return Status::ok;
}

void Inputs::timer_fired(uint32_t input) {
  State& state = state_of(input);
  state.due_ticks += clock_->read_timer(state.timer.get());
  if (state.due_ticks > 0) set_pending(input);
}

// ---- closing
// ------------------------------------------------------------------------------------------------------------

/// Nothing to claim now: the input waits, or is over.
void Inputs::ring_empty(uint32_t input) {
  State& state = state_of(input);
  clear_pending(input);
  const bool ended = !state.edges.empty() && state.edges.back()->ended();
  if (ended || state.closing) {
    const bool first = !state.closing;
    state.closing = true;
    if (ended) state.reason = DORA_REASON_ENDED;
    if (!state.told_closed || state.silent) tell_closed(input, state.reason);
    if (first || !over_) check_all_over();
  } else if (state.crashed && (!state.told_closed || state.silent)) {
    tell_closed(input, DORA_REASON_CRASHED);
  }
}

void Inputs::tell_closed(uint32_t input, uint32_t reason) {
  State& state = state_of(input);
  state.told_closed = true;
  state.silent = reason == DORA_REASON_TIMEOUT;
  state.told_reason = reason;
  state.open.store(false, std::memory_order_relaxed);
  Event event;
  event.type = EventType::input_closed;
  event.input = input;
  event.reason = reason;
  events_.push_back(std::move(event));
}

void Inputs::tell_recovered(uint32_t input) {
  State& state = state_of(input);
  state.told_closed = state.silent = false;
  state.open.store(true, std::memory_order_relaxed);
  Event event;
  event.type = EventType::input_recovered;
  event.input = input;
  event.reason = state.told_reason;
  events_.push_back(std::move(event));
}

void Inputs::drop_corrupt(uint32_t input, Error error) {
  State& state = state_of(input);
  corrupt_.emplace_back(state.edges.front()->edge_id(), error.message);
  Event event;
  event.type = EventType::error;
  event.input = input;
  event.error = std::move(error);
  events_.push_back(std::move(event));
  // Its other samples stay readable; this edge itself is never read again.
  while (!state.edges.empty()) retire_front(state);
  state.closing = true;
  state.reason = DORA_REASON_CORRUPT;
  set_pending(input);
}

void Inputs::retire_front(State& state) {
  EdgeReader& left = *state.edges.front();
  Ledger::add(ledger_->input(left.input()).dropped, left.uncounted_drops());
  retired_.push_back(std::move(state.edges.front()));
  state.edges.erase(state.edges.begin());
  free_retired();
}

void Inputs::free_retired() {
  std::erase_if(retired_, [this](auto& edge) {
    if (edge->held() != 0) return false;
    const auto region = fault_regions_.find(edge.get());
    remove_fault_region(region->second);
    fault_regions_.erase(region);
    return true;
  });
}

void Inputs::check_all_over() {
  bool any = false;
  for (uint32_t i = 0; i < infos_.size(); i++) {
    if (!state_of(i).here) continue;
    if (infos_[i].kind != InputKind::edge) return;  // a timer or a neighbour operator may still wake this node
    any = true;
    if (!state_of(i).closing || !state_of(i).told_closed) return;
  }
  over_ = any;
}

}  // namespace dora
