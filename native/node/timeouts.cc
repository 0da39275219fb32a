// Inputs that count as closed while nothing comes. Part of Inputs; see inputs.h.
//
// One alarm serves all inputs of a node. A message only notes the time; the alarm goes off at the earliest moment at
// which some input may have been silent for long enough, looks, and is set again, so the steady state costs one look at
// the clock a message and one wake-up a timeout. Silence is what the *node* has not been sent: an input with something
// queued is not silent, however late its reader is, and it is watched again from the moment at which that was taken.
//
// Inputs that are fed inside the process (operators of a runtime) pass this class by. They are watched by their count
// in the ledger, four times a timeout; the scheduler knows what is queued and tells their recovery itself.
#include "node/inputs.h"

namespace dora {
namespace {
constexpr uint64_t kLooksPerTimeout = 4;

uint64_t later(uint64_t from_ns, uint64_t by_ns) {
  return by_ns > Clock::kNever - from_ns ? Clock::kNever : from_ns + by_ns;
}
}  // namespace

/// An input that has come from another consumer goes on being watched, from its last message on.
void Inputs::watch_silence(uint32_t input) {
  State& state = state_of(input);
  if (infos_[input].timeout_ns == 0 || state.told_closed) return;
  Event failure;
  if (!alarm_.valid() && clock_->make_alarm(&alarm_, &failure.error) != Status::ok) {
    // Its silence is not noticed; everything else works.
    failure.type = EventType::error;
    failure.input = input;
    events_.push_back(std::move(failure));
    return;
  }
  state.watched = true;
  const uint64_t at = later(state.heard_ns, infos_[input].timeout_ns);
  if (at >= alarm_at_ns_) return;
  alarm_at_ns_ = at;
  clock_->set_alarm(alarm_.get(), at);
}

Status Inputs::start_timeouts(int* fd, Error* error) {
  for (uint32_t i = 0; i < infos_.size(); i++) {
    if (infos_[i].timeout_ns == 0 || !state_of(i).here) continue;
    if (!alarm_.valid()) {
      if (Status s = clock_->make_alarm(&alarm_, error); s != Status::ok) return s;
    }
    if (!state_of(i).told_closed) heard(i);
  }
  *fd = alarm_.valid() ? alarm_.get() : -1;
  return Status::ok;
}

/// Something came, or the input is watched from now on.
void Inputs::heard(uint32_t input) {
  const InputInfo& info = infos_[input];
  if (info.timeout_ns == 0 || !alarm_.valid()) return;
  State& state = state_of(input);
  state.heard_ns = clock_->steady_ns();
  if (std::exchange(state.watched, true)) return;
  const uint64_t by = info.kind == InputKind::local ? info.timeout_ns / kLooksPerTimeout : info.timeout_ns;
  const uint64_t at = later(state.heard_ns, by);
  if (at >= alarm_at_ns_) return;
  alarm_at_ns_ = at;
  clock_->set_alarm(alarm_.get(), at);
}

bool Inputs::has_queued(const State& state) const {
  if (state.due_ticks > 0) return true;
  uint64_t ignored;
  for (const auto& edge : state.edges) {
    if (!edge->corrupt() && edge->peek_stamp(&ignored)) return true;
  }
  return false;
}

/// Changes when something came that no claim has seen: a message that was dropped for a reader that holds too much, or
/// one between operators of this process.
uint64_t Inputs::mark(uint32_t input) const {
  const LedgerInput& counts = ledger_->input(input);
  if (infos_[input].kind == InputKind::local)
    return counts.received.load(std::memory_order_relaxed) + counts.dropped.load(std::memory_order_relaxed);
  return dropped(input);
}

void Inputs::alarm_fired() {
  if (clock_->read_timer(alarm_.get()) == 0) return;
  alarm_at_ns_ = Clock::kNever;
  const uint64_t now_ns = clock_->steady_ns();
  for (uint32_t i = 0; i < infos_.size(); i++) {
    if (state_of(i).watched) alarm_at_ns_ = std::min(alarm_at_ns_, look_for_silence(i, now_ns));
  }
  if (alarm_at_ns_ != Clock::kNever) clock_->set_alarm(alarm_.get(), alarm_at_ns_);
}

/// When to look again.
uint64_t Inputs::look_for_silence(uint32_t input, uint64_t now_ns) {
  State& state = state_of(input);
  const InputInfo& info = infos_[input];
  const bool local = info.kind == InputKind::local;
  if (const uint64_t mark_now = mark(input); mark_now != state.seen_mark) {
    state.seen_mark = mark_now;
    // A claim has counted what it found dropped, and noted the time itself.
    if (local || dropped(input) != ledger_->input(input).dropped.load(std::memory_order_relaxed)) {
      state.heard_ns = now_ns;
      if (local) state.silent = false;
    }
  }
  const uint64_t due = later(state.heard_ns, info.timeout_ns);
  if (local) {
    if (now_ns >= due && !state.silent) {
      state.silent = true;
      Event event;
      event.type = EventType::input_closed;
      event.input = input;
      event.reason = DORA_REASON_TIMEOUT;
      events_.push_back(std::move(event));
    }
    return later(now_ns, std::max<uint64_t>(info.timeout_ns / kLooksPerTimeout, 1));
  }
  if (now_ns < due) return due;
  state.watched = false;
  if (state.told_closed || has_queued(state)) return Clock::kNever;
  tell_closed(input, DORA_REASON_TIMEOUT);
  return Clock::kNever;
}

}  // namespace dora
