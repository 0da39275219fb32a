// The receiving half of a node: its inputs, which of them have something, whose turn it is, when one is over.
//
// Pending bits are private: scan() moves the inbox's bits here, timers set theirs. An input has a list of edges, oldest
// first: a publisher that came back brings a new one, the old one is read to its end first. An input closes when its
// last edge is over (the publisher said so, or is dead) and drained; it may recover. It is closed *for good* when
// nothing can come any more: the publisher ended, or the broker said so. An input with a timeout also counts as closed
// while nothing has come for that long, and as open again with its next message, which is told before that message.
//
// Choice: higher priority first, then the smallest stamp of the oldest entries, at most 64 in a row from one input
// while others wait. After choosing, the inbox is scanned once more, so that a message never overtakes one that caused
// it. Threads: everything [consumer], but counters may be read from any.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/edge_reader.h"
#include "core/hlc.h"
#include "core/inbox.h"
#include "node/clock.h"
#include "node/ledger.h"
#include "node/node.h"

namespace dora {

class Inputs {
 public:
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;
  /// `all_here`: every input is this consumer's at first; else none, until move_to() brings it.
  Inputs(std::vector<InputInfo> infos, const std::vector<uint32_t>& bits, bool all_here, Inbox* inbox, Ledger* ledger,
         Clock* clock, Hlc* hlc, std::string node_id);
  ~Inputs();

  const std::vector<InputInfo>& infos() const { return infos_; }
  bool is_open(uint32_t input) const { return state_of(input).open.load(std::memory_order_relaxed); }

  /// An input, with all that is known and queued of it, becomes another consumer's. Its timer, if any, keeps its
  /// descriptor.
  void move_to(uint32_t input, Inputs* to);
  int timer_fd(uint32_t input) const { return state_of(input).timer.get(); }
  int alarm_fd() const { return alarm_.get(); }
  /// No input of this consumer will ever bring anything more, whatever of it has been taken. True without inputs.
  bool nothing_follows() const;
  /// It has no input (any more).
  bool none_here() const;

  /// Dropped messages (or missed ticks) of an input, those included that no claim has counted yet.
  uint64_t dropped(uint32_t input) const;

  // ---- what the control traffic does ----
  Status open_edge(EdgeReaderConfig config, Error* error);
  /// The publisher's process behind this region is dead.
  void publisher_died(uint32_t input, uint64_t region_id);
  /// Who sends to this input listens for room by another doorbell.
  void move_doorbell(uint32_t input, uint64_t edge_id, Fd doorbell);
  /// Nothing new will come on this input; `reason` is a DORA_REASON_*.
  void close(uint32_t input, uint32_t reason);
  /// Makes the timers; at the start of the dataflow. Their descriptors go to `fds`, by input.
  Status start_timers(std::vector<std::pair<int, uint32_t>>* fds, Error* error);
  void timer_fired(uint32_t input);
  /// Begins to watch the inputs that have a timeout; at the start of the dataflow. *fd: the alarm's, -1 when none has.
  Status start_timeouts(int* fd, Error* error);
  void alarm_fired();

  // ---- taking ----
  /// Moves ready bits here. True when an input of `mask` has something.
  bool scan(const uint64_t* mask);
  /// Asks for the lines of what take() will most likely give.
  void fetch_next(const uint64_t* mask) const;
  /// The next message, tick, or closed / recovered / error event. Status::empty when there is none.
  Status take(Event* out, const uint64_t* mask);
  bool has_events() const { return !events_.empty(); }
  /// Every edge input is closed for good and there is nothing else that could wake this node.
  bool all_over() const { return over_; }
  bool has_corrupt() const { return !corrupt_.empty(); }
  /// Corrupt edges since the last call, for the broker.
  std::vector<std::pair<uint64_t, std::string>> take_corrupt() { return std::exchange(corrupt_, {}); }
  /// Ends edges that were left behind and whose samples are all released.
  void free_retired();

 private:
  struct State {
    std::vector<std::unique_ptr<EdgeReader>> edges;  // oldest first; one, but while a publisher comes back
    uint32_t reason = 0;                             // why it closes
    uint32_t told_reason = 0;                        // why it was told closed
    bool closing = false;                            // nothing new will come
    bool crashed = false;                            // the newest publisher died without a word
    bool told_closed = false;
    bool here = false;             // this consumer's
    Inbox* moved_to = nullptr;     // else, of whoever got it from this one
    std::atomic<bool> open{true};  // a copy of !told_closed for other threads; relaxed, a hint
    Fd timer;
    uint64_t ticks = 0;      // of this timer, ever
    uint64_t due_ticks = 0;  // fired and not yet taken
    // Of an input with a timeout:
    uint64_t heard_ns = 0;   // steady time of its last message, or of the moment from which it is watched
    uint64_t seen_mark = 0;  // mark() at the last alarm
    bool watched = false;    // the alarm will look at it
    bool silent = false;     // told closed, for want of messages
  };

  State& state_of(uint32_t input) { return states_[state_index_[input]]; }
  const State& state_of(uint32_t input) const { return states_[state_index_[input]]; }
  /// Every input that the inbox has a bit for is pending: nothing there could add to what is known.
  bool knows_all() const {
    for (size_t w = 0; w < inbox_inputs_.size(); w++) {
      if ((inbox_inputs_[w] & ~pending_[w]) != 0) return false;
    }
    return true;
  }
  bool is_pending(uint32_t input) const { return (pending_[input / 64] >> (input % 64) & 1) != 0; }
  void set_pending(uint32_t input) { pending_[input / 64] |= uint64_t{1} << (input % 64); }
  void clear_pending(uint32_t input) { pending_[input / 64] &= ~(uint64_t{1} << (input % 64)); }
  // Taking (taking.cc).
  bool any_pending(const uint64_t* mask) const;
  int choose(const uint64_t* mask);
  int only_candidate(const uint64_t* mask) const;
  Status take_one(Event* out, const uint64_t* mask);
  Status claim(uint32_t input, Event* out);
  Status claim_tick(uint32_t input, Event* out);
  void observe(uint64_t stamp);
  // Closing.
  void ring_empty(uint32_t input);
  void drop_corrupt(uint32_t input, Error error);
  void retire_front(State& state);
  void tell_closed(uint32_t input, uint32_t reason);
  void tell_recovered(uint32_t input);
  // Timeouts (timeouts.cc).
  void heard(uint32_t input);
  bool has_queued(const State& state) const;
  uint64_t mark(uint32_t input) const;
  uint64_t look_for_silence(uint32_t input, uint64_t now_ns);
  void check_all_over();
  void watch_silence(uint32_t input);

  const std::vector<InputInfo> infos_;
  const std::string node_id_;
  Inbox* const inbox_;
  Ledger* const ledger_;
  Clock* const clock_;
  Hlc* const hlc_;
  std::vector<uint32_t> input_of_bit_;
  // Inputs between operators that nobody watches, thousands of them, share the first state: nothing of it ever changes.
  std::vector<uint32_t> state_index_;  // by input: index in states_
  std::vector<State> states_;
  std::vector<uint64_t> pending_;
  std::vector<uint64_t> inbox_inputs_;  // a bit for each input with a bit in the inbox, this consumer's or not
  std::deque<Event> events_;
  std::vector<std::unique_ptr<EdgeReader>> retired_;
  std::unordered_map<const EdgeReader*, int> fault_regions_;  // of every edge that is mapped
  std::vector<uint32_t> busy_;  // within take(): inputs whose writer was faster than we, left for the next call
  std::vector<std::pair<uint64_t, std::string>> corrupt_;
  Fd alarm_;
  uint64_t alarm_at_ns_ = Clock::kNever;
  bool over_ = false;
  uint64_t seen_wall_ns_ = 0;
  int last_ = -1;
  uint32_t in_a_row_ = 0;
};

}  // namespace dora
