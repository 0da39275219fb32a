// What has something, whose turn it is, and taking it. Part of Inputs; see inputs.h.
//
// The inbox's bits lie in a line that senders write for each message; it is looked at only while some input is not
// known to have something.
#include <bit>

#include "node/inputs.h"

namespace dora {
namespace {

constexpr uint32_t kMostInARow = 64;

uint64_t masked(uint64_t word, const uint64_t* mask, size_t index) {
  return mask == nullptr ? word : word & mask[index];
}

}  // namespace

bool Inputs::scan(const uint64_t* mask) {
  uint64_t bits[kInboxWords] = {};
  if (inbox_->scan(bits)) {
    for (uint32_t w = 0; w * 64 < input_of_bit_.size(); w++) {
      for (uint64_t rest = bits[w]; rest != 0; rest &= rest - 1) {
        const uint32_t bit = w * 64 + static_cast<uint32_t>(std::countr_zero(rest));
        // Any peer may set any bit, and one may not know yet that an input is another consumer's.
        if (bit >= input_of_bit_.size() || input_of_bit_[bit] == UINT32_MAX) continue;
        const State& state = state_of(input_of_bit_[bit]);
        if (state.here) {
          set_pending(input_of_bit_[bit]);
        } else if (state.moved_to != nullptr) {
          state.moved_to->notify(bit);
        }
      }
    }
  }
  return any_pending(mask);
}

bool Inputs::any_pending(const uint64_t* mask) const {
  for (size_t w = 0; w < pending_.size() - 1; w++) {
    if (masked(pending_[w], mask, w) != 0) return true;
  }
  return false;
}

void Inputs::fetch_next(const uint64_t* mask) const {
  const int input = only_candidate(mask);
  if (input < 0) return;
  const State& state = state_of(static_cast<uint32_t>(input));
  if (!state.edges.empty()) state.edges.front()->fetch_next();
}

/// The input whose turn it is when no other has something; -1 when there are several.
int Inputs::only_candidate(const uint64_t* mask) const {
  int found = -1;
  for (size_t w = 0; w < pending_.size() - 1; w++) {
    const uint64_t word = masked(pending_[w], mask, w);
    if (word == 0) continue;
    if (found >= 0 || (word & (word - 1)) != 0) return -1;
    found = static_cast<int>(w * 64) + std::countr_zero(word);
  }
  return found;
}

int Inputs::choose(const uint64_t* mask) {
  if (const int only = only_candidate(mask); only >= 0) return only;
  int best = -1;
  uint64_t best_stamp = 0;
  uint32_t candidates = 0;
  const bool rest_last = in_a_row_ >= kMostInARow;
  for (size_t w = 0; w < pending_.size() - 1; w++) {
    for (uint64_t rest = masked(pending_[w], mask, w); rest != 0; rest &= rest - 1) {
      const int input = static_cast<int>(w * 64) + std::countr_zero(rest);
      candidates++;
      if (rest_last && input == last_) continue;
      uint64_t stamp = 0;  // an input that turns out to be empty is settled first
      const State& state = state_of(static_cast<uint32_t>(input));
      if (state.due_ticks > 0) {
        stamp = clock_->wall_ns();
      } else if (!state.edges.empty() && !state.edges.front()->peek_stamp(&stamp)) {
        stamp = 0;
      }
      const uint8_t priority = infos_[static_cast<size_t>(input)].priority;
      if (best >= 0) {
        const uint8_t best_priority = infos_[static_cast<size_t>(best)].priority;
        if (priority < best_priority || (priority == best_priority && stamp >= best_stamp)) continue;
      }
      best = input;
      best_stamp = stamp;
    }
  }
  return best < 0 && candidates > 0 ? last_ : best;
}

Status Inputs::take(Event* out, const uint64_t* mask) {
  const Status s = take_one(out, mask);
  for (uint32_t input : busy_) set_pending(input);
  busy_.clear();
  return s;
}

Status Inputs::take_one(Event* out, const uint64_t* mask) {
  for (;;) {
    if (!events_.empty()) {
      *out = std::move(events_.front());
      events_.pop_front();
      return Status::ok;
    }
    const bool known = knows_all();
    if (known ? !any_pending(mask) : !scan(mask)) return Status::empty;
    int input = choose(mask);
    // Once more: what caused a message we saw may have become visible only now.
    if (!known && infos_.size() > 1 && inbox_->any_ready()) {
      scan(mask);
      input = choose(mask);
    }
    if (input < 0) return Status::empty;
    const Status s = claim(static_cast<uint32_t>(input), out);
    if (s == Status::would_block) {  // one busy writer must not keep us from the others
      clear_pending(static_cast<uint32_t>(input));
      busy_.push_back(static_cast<uint32_t>(input));
    }
    if (s != Status::ok) continue;
    in_a_row_ = input == last_ ? in_a_row_ + 1 : 1;
    last_ = input;
    return Status::ok;
  }
}

Status Inputs::claim_tick(uint32_t input, Event* out) {
  State& state = state_of(input);
  state.ticks += state.due_ticks;
  out->type = EventType::input;
  out->input = input;
  out->sample = Sample{};
  out->sample.sequence = state.ticks;
  out->sample.sent_at_ns = hlc_->stamp(clock_->wall_ns());
  out->dropped = state.due_ticks - 1;
  Ledger::add(ledger_->input(input).received, 1);
  Ledger::add(ledger_->input(input).dropped, out->dropped);
  heard(input);
  state.due_ticks = 0;
  clear_pending(input);
  return Status::ok;
}

Status Inputs::claim(uint32_t input, Event* out) {
  State& state = state_of(input);
  if (state.silent && has_queued(state)) {
    tell_recovered(input);  // take_one() gives this first; the message stays pending
    return Status::empty;
  }
  if (state.due_ticks > 0) return claim_tick(input, out);
  if (state.edges.empty()) {
    ring_empty(input);
    return Status::empty;
  }
  EdgeReader* edge = state.edges.front().get();
  const bool was_over =
      edge->final() || edge->ended();  // before the claim: what was put before it said so is visible to the claim
  ClaimedSample claimed;
  Error error;
  const Status s = edge->claim(&claimed, &error);
  if (s == Status::would_block) return s;
  if (s == Status::empty) {
    if (was_over && state.edges.size() > 1) {
      retire_front(state);
    } else if (was_over || !(edge->final() || edge->ended())) {
      ring_empty(input);
    }
    return Status::empty;
  }
  if (s != Status::ok) {
    drop_corrupt(input, std::move(error));
    return Status::empty;
  }
  observe(claimed.stamp);
  heard(input);
  out->type = EventType::input;
  out->input = input;
  out->dropped = claimed.dropped;
  out->sample = Sample{edge,         claimed.slot,     claimed.encoding,      claimed.data,
                       claimed.size, claimed.metadata, claimed.metadata_size, claimed.sequence,
                       claimed.stamp};
  Ledger::add(ledger_->input(input).received, 1);
  Ledger::add(ledger_->input(input).dropped, claimed.dropped);
  return Status::ok;
}

/// Moves our clock on. The wall clock is read about once a second, to bound what is believed.
void Inputs::observe(uint64_t stamp) {
  if (!Hlc::believable(stamp, seen_wall_ns_)) seen_wall_ns_ = clock_->wall_ns();
  hlc_->observe(stamp, seen_wall_ns_);
}

}  // namespace dora
