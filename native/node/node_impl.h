// What a Node consists of. Included by node.cc (the surface), control.cc (joining, the broker's packets, deaths,
// timers), waits.cc (sends that wait for room) and share.cc (parts for other threads) only.
//
// What a consumer has to itself is its Part (part.h). Of the rest any thread uses the session, the publishers, the
// ledger and the clocks; all else is under `control_lock`, held by whichever consumer handles control for all.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/hlc.h"
#include "core/inbox.h"
#include "core/publisher.h"
#include "core/step.h"
#include "node/clock.h"
#include "node/inputs.h"
#include "node/ledger.h"
#include "node/node.h"
#include "node/part.h"
#include "node/session.h"

namespace dora {

struct Node::Impl {
  // ---- joining (control.cc) ----
  Status join(const NodeOptions& options, Error* error);

  // ---- control [consumer] (control.cc) ----
  /// What the descriptors of `part` have to say.
  void handle_control(Part& part);
  void report_corrupt();
  /// All inputs of this part are closed for good.
  void stop_part(Part& part, uint32_t reason, int64_t grace);

  // ---- parts (share.cc) ----
  /// The part's lock, if anybody else could want it.
  std::unique_lock<std::mutex> hold(Part& part) {
    return several.load(std::memory_order_relaxed) ? std::unique_lock(part.lock) : std::unique_lock<std::mutex>();
  }
  /// Under the part's lock. Part 0 speaks for the node: it is over when its own inputs are, and nobody has a part with
  /// inputs any more, nor could find anything new there.
  bool all_over(Part& part);
  bool has_control_events(Part& part) {
    return !part.events.empty() || part.ended || part.inputs->has_events() ||
           (!part.stopping.load(std::memory_order_relaxed) && all_over(part));
  }
  Status add_part(Part** out, Error* error);
  void move_input(uint32_t input, Part& to);
  void move_output(uint32_t output, Part& to);
  void wake_others(const Part* but);
  Part& whole() { return *parts.front(); }
  /// [any-thread] Wakes the consumer when one of a publisher's readers has turned out to be corrupt.
  void look_for_corrupt(const Publisher& publisher) {
    if (publisher.has_corrupt()) ring_doorbell(session.kick_fd());
  }
  /// [any-thread] Stamps of this node lie above that of a message which it passes on.
  void observe(uint64_t sent_at_ns) {
    if (sent_at_ns != 0) hlc.observe(sent_at_ns, clock->wall_ns());
  }
  // ---- sends that wait for room [any-thread] (waits.cc) ----
  /// A send was refused with `arm` set: would_block, or backpressure_cycle when the broker has rejected this wait.
  Status wait_for_room(uint32_t output, Error* error);
  /// The same without a send: true when the next one would be rejected.
  bool waits_in_vain(uint32_t output);

  /// Null: there is no such output, or nobody outside this process reads it.
  Publisher* publisher(uint32_t output) const {
    return output < publishers.size() ? publishers[output].get() : nullptr;
  }
  Status no_publisher(uint32_t output, Error* error) const;

  std::string id, dataflow;
  uint32_t restart_count = 0;
  bool outlives = false;
  uint64_t grace_ns = 0;

  Clock* clock = nullptr;
  Hlc hlc;
  Session session;  // before the publishers: they give their memory back to it
  Ledger ledger;
  std::vector<OutputInfo> outputs;
  std::vector<std::unique_ptr<Publisher>> publishers;  // null for outputs that are not external

  std::mutex control_lock;
  Fd control;  // epoll: socket, kick, pidfds, waits
  // By part 0's consumer under the control lock; so it reads them without, and everybody else with it. [0] is the whole
  // node's own, and those that a share does not use are kept for the next.
  std::vector<std::unique_ptr<Part>> parts;
  std::vector<Part*> input_owner, output_owner;
  std::vector<uint32_t> input_bits;
  // Set by part 0's consumer before there is another; relaxed: whoever joins a part has seen it through `shares_lock`.
  std::atomic<bool> several{false};
  bool has_edge_inputs = false;

  std::atomic<bool> started{false};
  std::atomic<bool> closed{false};
  std::atomic<bool> broker_lost{false};

 private:
  /// What a descriptor in `control` stands for.
  struct Watch {
    enum class Kind { session, waits, subscriber, publisher } kind = Kind::session;
    int fd = -1;
    Fd pidfd = {};             // subscriber, publisher: `fd`, open for as long as it is watched
    uint32_t index = 0;        // output or input
    uint64_t edge_id = 0;      // subscriber
    uint64_t incarnation = 0;  // subscriber
    uint64_t region_id = 0;    // publisher
  };

  Status receive_spec(const wire::Welcome& welcome, Error* error);
  Status make_publishers(const std::vector<wire::Output>& specs, Error* error);
  Status watch(Watch what, Error* error);
  int epoll_of(const Watch& what);
  using Watches = std::unordered_map<uint64_t, Watch>;
  void unwatch(Watches::iterator at);
  void unwatch_subscriber(uint64_t edge_id);
  void fired(uint64_t key);
  void broker_gone();
  void process(Packet& packet);
  void on_open_out(Packet& packet);
  void on_open_in(Packet& packet);
  void on_move_out(Packet& packet);
  void on_move_in(Packet& packet);
  void on_start();
  void stop(uint32_t reason, int64_t grace);
  void push_stop(Part& part, uint32_t reason, int64_t grace);
  void report_corrupt_locked();
  void handle_node_control(Part& part);
  Status make_part_control(Part& part, Error* error);
  void ring_sender(uint32_t output) { ring_doorbell(output_owner[output]->inbox.doorbell()); }
  void edge_failed(uint32_t input, uint64_t edge_id, const Error& error);
  void protocol_error(const std::string& what);

  // waits.cc
  uint64_t begin_wait(uint32_t output);
  bool is_rejected(uint32_t output, uint64_t since_ns, std::string* ring);
  void on_send_rejected(Packet& packet);
  void start_watching_waits();
  void look_at_waits();
  void look_at(uint64_t at_ns);

  struct Rejection {
    uint64_t since_ns;
    std::string ring;
  };
  Fd waits_alarm_;                                      // made with the first edge that can make a sender wait
  std::atomic<uint64_t> waits_look_ns_{Clock::kNever};  // when it goes off; whoever lowers it sets the alarm
  std::mutex rejected_lock_;
  std::unordered_map<uint32_t, Rejection> rejected_;  // by output
  std::atomic<bool> any_rejected_{false};             // a hint

  Fd broker_pidfd_;
  Watches watches_;
  uint64_t next_watch_ = 1;
};

}  // namespace dora
