// A process's membership in a dataflow: the one implementation behind every language's node API.
//
// One Node a process. Threads: methods marked [consumer] are called by one thread at a time (the one that takes events
// and sleeps); methods marked [any-thread] from any. Nothing blocks but connect(), wait_start(), wait() and share().
//
// Other threads can be consumers beside it: share() takes inputs and outputs away from this one, and join_share() gives
// another thread a Node of its own over them, which is a part of the same membership. Parts take, sleep and send
// without each other. The whole node's close() ends all parts; memory that parts still read stays until their Nodes
// are gone.
//
// How a consumer waits. Two descriptors can be polled: doorbell_fd() (messages and credit) and control_fd() (an epoll
// of the broker's socket, peers' pidfds and timers). Before sleeping on them: prepare_sleep(); false means that
// something is pending: do not sleep. After waking: awake(doorbell_readable, control_readable). Only the consumer may
// sleep on the doorbell: a second sleeper could swallow its ring.
//
// Who frees what: a Sample's slot is the publisher's and goes back by release(); a Loan's slot is ours and goes by
// send() or discard(). Samples keep their edge alive; ~Node ends everything, so handles must be gone or never touched
// again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/layout.h"
#include "core/status.h"

namespace dora {

class Clock;
class EdgeReader;
class Publisher;
struct Part;

struct NodeOptions {
  std::string config;      ///< DORA_NODE_CONFIG's value; empty: taken from the environment
  Clock* clock = nullptr;  ///< null: the machine's clock. Must outlive the node
  bool own_heap = false;   ///< a runtime with a heap that cannot be locked (V8) lives in this process
};

enum class InputKind : uint8_t { edge, timer, local };

/// A declared input. Fixed after connect().
struct InputInfo {
  std::string id;
  std::string source;  ///< for people: "camera/image", "dora/timer/millis/100"; empty for local
  InputKind kind = InputKind::edge;
  Policy policy = Policy::drop_oldest;
  uint32_t queue_size = 10;
  uint8_t priority = 0;       ///< higher first
  uint64_t period_ns = 0;     ///< timers
  uint32_t local_output = 0;  ///< local: index of the output of this process that feeds it
  uint64_t timeout_ns = 0;    ///< this long without a message and the input counts as closed; 0: never
};

/// A declared output. Fixed after connect().
struct OutputInfo {
  std::string id;
  uint32_t retain = 0;
  /// False: nobody outside the process can read it. Then its messages are its runtime's business (output_counts()), and
  /// what is under "publishing" refuses it.
  bool external = true;
};

/// A received message, lent until Node::release(). Trivially copyable; release exactly one copy.
struct Sample {
  EdgeReader* edge = nullptr;  ///< null for timers
  uint32_t slot = 0;
  uint16_t encoding = 0;
  const uint8_t* data = nullptr;  ///< read-only shared memory, aligned to 64
  uint64_t size = 0;
  const uint8_t* metadata = nullptr;  ///< shared memory: copy before parsing (a hostile publisher may change it)
  uint32_t metadata_size = 0;
  uint64_t sequence = 0;
  uint64_t sent_at_ns = 0;
};

enum class EventType : uint8_t { none, input, input_closed, input_recovered, stop, error, end };

struct Event {
  EventType type = EventType::none;
  uint32_t input = 0;    ///< index; for input, input_closed, input_recovered, error (when it concerns one)
  uint32_t reason = 0;   ///< DORA_REASON_*; input_recovered: why it had been closed
  int64_t grace_ns = 0;  ///< stop: time until the process is ended by force; 0: nobody has set a limit
  Sample sample;         ///< input
  uint64_t dropped = 0;  ///< since the previous event of this input
  Error error;           ///< error
};

/// What travels with a payload.
struct SendArgs {
  uint16_t encoding = DORA_ENCODING_RAW;
  const uint8_t* metadata = nullptr;  ///< encoded; copied
  uint32_t metadata_size = 0;
  uint32_t local_refs =
      0;             ///< references that stay on the slot for receivers in this process; each goes by release_local()
  bool arm = false;  ///< on would_block: ring the doorbell once there may be room
  uint64_t sent_at_ns = 0;  ///< the stamp of another sender, to be kept if it is believable; 0: a stamp of now
};

/// Writable memory nobody sees yet. Move it or copy it, but send or discard it once.
struct Loan {
  Publisher* publisher = nullptr;
  uint32_t output = 0;
  uint32_t slot = 0;
  uint8_t* data = nullptr;
  uint64_t size = 0;      ///< may be lowered before the send
  uint64_t capacity = 0;  ///< size at the time of the loan
};

/// A sent message as receivers inside the process see it.
struct LocalSample {
  Publisher* publisher = nullptr;
  uint32_t slot = 0;
  uint16_t encoding = 0;
  const uint8_t* data = nullptr;
  uint64_t size = 0;
  const uint8_t* metadata = nullptr;
  uint32_t metadata_size = 0;
  uint64_t sequence = 0;
  uint64_t sent_at_ns = 0;
};

class Node {
 public:
  /// Joins: everything up to Ready. Blocks for the broker's answers (milliseconds). The node may take part only after
  /// started().
  static Status connect(const NodeOptions& options, std::unique_ptr<Node>* out, Error* error);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // ---- who and what [any-thread]
  // --------------------------------------------------------------------------------------
  const std::string& id() const;
  const std::string& dataflow() const;
  uint32_t restart_count() const;
  const std::vector<InputInfo>& inputs() const;
  const std::vector<OutputInfo>& outputs() const;
  int input_index(std::string_view id) const;   ///< -1: none
  int output_index(std::string_view id) const;  ///< -1: none
  uint64_t received(uint32_t input) const;
  uint64_t dropped(uint32_t input) const;  ///< [consumer] exact, also for drops after the last message taken
  bool input_open(uint32_t input) const;
  /// Of this thread: true for all of them unless there are shares.
  bool has_input(uint32_t input) const;
  bool has_output(uint32_t output) const;
  uint64_t sent(uint32_t output) const;
  uint32_t subscribers(uint32_t output) const;  ///< open edges
  uint64_t now_ns() const;                      ///< hybrid logical clock, ns since 1970

  // ---- waiting [consumer]
  // -----------------------------------------------------------------------------------------------
  /// True once every node of the dataflow has joined, or a stop arrived. Then take() gives events.
  bool started() const;
  /// [any-thread] True once there is, or was, a stop event: a send that waits for room may wait for ever now.
  bool stopping() const;
  /// Blocks until started() or the broker is gone.
  Status wait_start(Error* error);
  int doorbell_fd() const;
  int control_fd() const;
  /// One descriptor for both, for a loop of the caller's own; made at the first call. Status::os_error as -1.
  int wait_fd();
  /// Says "asleep" and looks once more. False: something is pending for inputs of `mask` (or control); do not sleep.
  bool prepare_sleep(const uint64_t* mask = nullptr);
  /// True when nobody has cleared "asleep" since prepare_sleep(): whatever woke the sleeper, no message did.
  bool still_asleep() const;
  /// [consumer] After a ring that announced a message: waits for it, for `ns` at most.
  void await_announced(uint64_t ns);
  /// After a sleep, whatever woke it. Clears "asleep", empties the doorbell, handles control traffic, deaths and
  /// timers.
  void awake(bool doorbell_readable, bool control_readable);
  /// prepare_sleep + poll + awake. Spins up to spin_ns first. ok: look again; timeout. timeout_ns < 0: for ever.
  Status wait(int64_t timeout_ns, uint64_t spin_ns = 0, const uint64_t* mask = nullptr);

  /// Sleeps until there may be room for a send that was refused with `arm` set; between the refusal and this call there
  /// must be no other wait or awake(), which would take the ring. ok, timeout, or ended: a stop event waits to be
  /// taken.
  Status wait_room(int64_t timeout_ns);

  // ---- taking [consumer]
  // --------------------------------------------------------------------------------------------------
  /// The next event: control first, then by input priority, then the smallest stamp. `mask`: bit per input index, null:
  /// all. Status::empty when there is none. After `end` was given it is given again for ever.
  Status take(Event* out, const uint64_t* mask = nullptr);
  /// [any-thread] Gives a sample's slot back to its publisher.
  void release(const Sample& sample);
  /// The same by the consumer, of what it has just taken and copied: a step less.
  void release_at_once(const Sample& sample);

  // ---- publishing [any-thread]
  // ----------------------------------------------------------------------------------------------
  Status loan(uint32_t output, uint64_t size, Loan* out, Error* error);
  /// ok: the loan is gone (with local_refs > 0 `local` describes what the receivers in this process get). would_block:
  /// nobody got anything and the loan is still the caller's. `local` may be null when local_refs is 0.
  Status send(Loan* loan, const SendArgs& args, LocalSample* local, Error* error);
  /// Before a send() that is still some steps away: see Publisher::fetch_for_send().
  static void fetch_for_send(const Loan& loan);
  /// Copies. ok, would_block (nothing was kept; call again), or a failure. A send that waits for room (would_block with
  /// `arm`, again and again) may come to fail with backpressure_cycle: see waits.cc.
  Status send_copy(uint32_t output, const void* data, uint64_t size, const SendArgs& args, LocalSample* local,
                   Error* error);
  void discard(Loan* loan);
  void release_local(const LocalSample& sample);
  /// Counters of the process's ledger for messages that never come here: of a local input, of an output that is not
  /// external. Valid as long as the node; one writer at a time.
  LedgerInput* input_counts(uint32_t input);
  LedgerOutput* output_counts(uint32_t output);
  /// Wall time, and a stamp of the hybrid logical clock that was read at `wall_ns`.
  uint64_t wall_ns() const;
  uint64_t stamp(uint64_t wall_ns);
  /// True when no backpressure edge of this output is full now. `arm`: when false is returned, ring the doorbell once
  /// there may be room.
  bool has_room(uint32_t output, bool arm = false);
  /// [any-thread] A send on this output follows at once.
  void announce(uint32_t output);
  /// Whoever was refused with `arm` set does not wait any longer (timeout, close). A send that succeeds says so itself.
  void stop_waiting(uint32_t output);
  /// For local inputs: an operator of this process waits, or no longer waits, for room in it.
  void set_local_wait(uint32_t input, bool waits);
  Status close_output(uint32_t output);
  Status request_stop();

  // ---- other threads
  // --------------------------------------------------------------------------------------------------------------
  /// [consumer] Of the whole node: inputs and outputs become those of whoever joins by `*key`, a number that is unique
  /// in the process. Each must be this thread's own. Blocks for the broker, milliseconds.
  Status share(const std::vector<uint32_t>& inputs, const std::vector<uint32_t>& outputs, uint64_t* key, Error* error);
  /// [consumer] Takes back what share() gave. would_block: a thread has it; ok also when there is nothing (any more).
  Status take_back(uint64_t key);
  /// [any-thread] Status::empty: no share has this key (any more); ended: its node was closed; would_block: another
  /// thread has it.
  static Status join_share(uint64_t key, std::unique_ptr<Node>* out);
  /// It is not a part.
  bool is_whole() const;

  // ---- leaving
  // ---------------------------------------------------------------------------------------------------------------
  /// [consumer] Says Bye. What was sent stays readable. Idempotent.
  void close();
  /// [consumer] Instead of close(): leaves without a word, as a process does that dies. Its peers hear from the broker.
  void abandon();

  struct Impl;

 private:
  Status sleep(int64_t timeout_ns);
  Node(std::shared_ptr<Impl> impl, Part* part);
  void leave_part();
  std::shared_ptr<Impl> impl_;
  Part* part_;
  bool left_ = false;  // of a part: another thread may have it
};

}  // namespace dora
