// Depth-first search with a table of the 64-bit hashes of all states seen (two states with one hash would hide each
// other: at 100 million states the chance of any such pair is about 0.03 %).
//
// Livelock: a step that leads back to a state on the current path closes a loop. It is one when nobody else can end
// it: every actor that could step somewhere in the loop (kills aside) has stepped in it. A loop that an idle actor
// would leave is no fair schedule and is passed over. This finds the loops that the search closes, not every loop.
#include "search.h"

#include <algorithm>
#include <cstring>
#include <deque>

namespace model {
namespace {

uint64_t hash_of(const State& state) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(&state);
  size_t left = sizeof(State);
  uint64_t hash = 0x9E3779B97F4A7C15, word = 0;
  for (; left >= 8; left -= 8, bytes += 8) {
    memcpy(&word, bytes, 8);
    hash = (hash ^ word) * 0xff51afd7ed558ccd;
    hash ^= hash >> 32;
  }
  word = 0;
  memcpy(&word, bytes, left);
  hash = (hash ^ word) * 0xc4ceb9fe1a85ec53;
  hash ^= hash >> 29;
  hash *= 0x9E3779B97F4A7C15;
  hash ^= hash >> 32;
  return hash ? hash : 1;
}

/// Open addressing over the hashes themselves; doubles at half full, up to 2 GiB.
class SeenStates {
 public:
  SeenStates() : table_(1 << 20) {}
  uint64_t size() const { return size_; }

  /// True when the hash is new.
  bool insert(uint64_t hash) {
    if (!place(hash)) return false;
    if (++size_ * 2 > table_.size() && table_.size() < (uint64_t{1} << 28)) grow();
    return true;
  }

 private:
  bool place(uint64_t hash) {
    const uint64_t mask = table_.size() - 1;
    uint64_t at = hash & mask;
    for (; table_[at]; at = (at + 1) & mask)
      if (table_[at] == hash) return false;
    table_[at] = hash;
    return true;
  }
  void grow() {
    std::vector<uint64_t> old(table_.size() * 2);
    old.swap(table_);
    for (const uint64_t hash : old)
      if (hash) place(hash);
  }
  std::vector<uint64_t> table_;
  uint64_t size_ = 0;
};

struct Frame {
  Steps steps;
  size_t taken;
  const char* label;
  Actor actor;       // whose step led here
  unsigned enabled;  // bit per actor that can step from here
};

class Search {
 public:
  Result run() {
    const State first = first_state();
    seen_.insert(enter(first, hash_of(first), "start", kKiller));
    while (depth_ > 0 && violation.empty()) {
      Frame& top = frames_[depth_ - 1];
      if (top.taken == top.steps.size()) {
        leave();
        continue;
      }
      const Step& step = top.steps[top.taken++];
      result_.transitions++;
      const uint64_t hash = hash_of(step.state);
      if (!seen_.insert(hash)) {
        check_loop(hash, step);
        continue;
      }
      if (seen_.size() > config.max_states) {
        result_.complete = false;
        break;
      }
      enter(step.state, hash, step.label, step.actor);
    }
    result_.states = seen_.size();
    for (size_t i = 0; i < depth_ && !violation.empty(); i++) result_.trace.push_back(frames_[i].label);
    return result_;
  }

 private:
  /// Frames are reused; a deque keeps them in place, since `state` may lie in the frame below.
  uint64_t enter(const State& state, uint64_t hash, const char* label, Actor actor) {
    if (depth_ == frames_.size()) frames_.emplace_back();
    Frame& frame = frames_[depth_++];
    path_.push_back(hash);
    result_.depth = std::max(result_.depth, depth_);
    frame.steps.clear();
    frame.taken = 0;
    frame.label = label;
    frame.actor = actor;
    frame.enabled = 0;
    check_every_state(state);
    step_publisher(state, frame.steps);
    for (int who = 0; who < subscriber_count(); who++) step_subscriber(state, who, frame.steps);
    step_broker(state, frame.steps);
    for (size_t i = 0; i < frame.steps.size(); i++) frame.enabled |= 1u << frame.steps[i].actor;
    if (frame.steps.size() == 0) {
      result_.last_states++;
      check_last_state(state);
    }
    step_kills(state, frame.steps);
    return hash;
  }

  void leave() {
    depth_--;
    path_.pop_back();
  }

  void check_loop(uint64_t hash, const Step& closing) {
    const auto found = std::find(path_.rbegin(), path_.rend(), hash);
    if (found == path_.rend()) return;
    const size_t start = size_t(path_.rend() - found) - 1;
    unsigned enabled = frames_[start].enabled, stepped = 1u << closing.actor;
    for (size_t i = start + 1; i < depth_; i++) {
      enabled |= frames_[i].enabled;
      stepped |= 1u << frames_[i].actor;
    }
    if ((enabled & ~stepped) == 0)
      fail("livelock: %zu steps lead back to themselves (last: %s)", depth_ - start, closing.label);
  }

  SeenStates seen_;
  std::deque<Frame> frames_;
  std::vector<uint64_t> path_;
  size_t depth_ = 0;
  Result result_;
};

}  // namespace

Result search() { return Search().run(); }

}  // namespace model
