// Runs the operators of one runtime: which one next, on which worker, with which event.
//
// Order: runnable operators by priority, then by arrival of what they are to run; inside an operator by input priority,
// then sent-at. An operator is cooperative: nobody interrupts it, never two workers are in one, and while it is
// deferred, or one of its outputs has no room, its next event waits.
//
// Messages between operators of the runtime never leave the process: they lie in slots of the runtime's own, shared by
// reference and queued at each receiving input (publish.cc); an output that others read too has its slots in shared
// memory instead, and its neighbours refer to those. Messages of other processes are claimed from the Node only when
// their operator can run them, one per operator, so that ring policies keep their meaning (consume.cc). No JavaScript
// and, while there is work, no system call is on a message's way.
//
// Workers are equal. Whoever finds nothing to run becomes the leader, who sleeps on the node's descriptors; others
// sleep on a ticket. A push wakes a follower, or the leader through `kick_`, only when no worker would look anyway. The
// Node's [consumer] side is used by one worker at a time (node_lock_), never while sleeping, so any worker may poll it.
// Locks, in this order: Operator::send_lock or node_lock_, lock_, the Node's own. on_event and destroy run without any.
// scheduler.cc picks and runs, life.cc starts and ends, consume.cc polls and sleeps, publish.cc sends, graph.cc wires.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/fd.h"
#include "node/node.h"
#include "operator/crash.h"
#include "operator/error.h"
#include "operator/instance.h"
#include "operator/run_queue.h"
#include "operator/spec.h"

namespace dora {

class Scheduler {
 public:
  /// Messages that an operator may send beyond what its receivers have room for.
  static constexpr uint32_t kMostKept = 1024;

  /// The texts of `operators` must outlive the scheduler: ids are used in place.
  Scheduler(const OperatorList& operators, const dora_host_api_t* api);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Failure of a system call that the constructor made.
  Status check(Error* error) const;
  uint32_t count() const { return operator_count_; }
  Operator* at(uint32_t index) { return &operators_[index]; }

  /// Wires operators to the node's inputs and outputs, which are named `operator/id`. False: `error`
  /// (BACKPRESSURE_CYCLE, or INTERNAL when the daemon told node and runtime different things).
  bool attach(Node* node, RuntimeError* error);
  /// Sleeps until the dataflow has started or somebody wants to stop. The calling thread is the consumer.
  void wait_started();
  /// Runs until every operator has ended, with `threads` workers, of which the calling thread is one.
  void run(uint32_t threads, CrashScope* self);
  /// [any-thread] Every operator gets a stop event, then ends.
  void stop(uint32_t reason, int64_t grace_ns);
  bool stop_requested() const { return stop_requested_.load(std::memory_order_relaxed); }
  /// The first operator that failed; empty code: none. After run().
  const RuntimeError& failure() const { return failure_; }

  // ---- for operators, [any-thread] (host.cc)
  // -----------------------------------------------------------------------------
  Status loan(Operator* op, uint32_t output, uint64_t size, OperatorLoan* loan, Error* error);
  Status send(Operator* op, OperatorLoan* loan, const SendArgs& args, Error* error);
  Status send_copy(Operator* op, uint32_t output, const void* data, uint64_t size, const SendArgs& args, Error* error);
  void discard(OperatorLoan* loan);
  void release(Message* message);
  Status complete(Operator* op, uint64_t token, int32_t status);
  Status request_stop(Operator* op, bool all);
  uint64_t now_ns();

 private:
  enum class Step : uint8_t { none, start, input, closed, recovered, stop, flush, destroy, close };
  struct Next {
    Operator* op = nullptr;
    Step step = Step::none;
    Message* message = nullptr;
  };

  // scheduler.cc and life.cc; those that end in _locked are called under lock_
  void work(CrashScope* self);
  bool next(Next* out);
  bool pick_locked(Next* out);
  Step decide_locked(Operator* op, Message** message);
  Message* select_locked(Operator* op);
  Message* take_selected_locked(Operator* op, Message* selected);
  Message* runtime_event_locked(Operator* op, Step step);
  Input* input_with_notice_locked(Operator* op);
  void tell_change_locked(Operator* op, Input* input, bool recovered);
  bool has_room_locked(Operator* op);
  void run_event(const Next& next, CrashScope* self);
  void finish_locked(Operator* op, Message* message, int32_t status);
  void drop_ref_locked(Message* message);
  void fail_locked(Operator* op, const Message* message, int32_t status);
  void destroy(Operator* op, CrashScope* self);
  void close(Operator* op);
  void make_runnable_locked(Operator* op, bool by_own_worker);
  bool has_work_locked(const Operator* op) const;
  uint64_t arrival_locked(const Operator* op);
  void wake_one_locked();
  void kick_leader_locked();
  void wake_all_locked();
  void release_chain(Message* chain);

  // consume.cc
  void poll_node();
  bool poll_due_locked() const;
  void deliver_locked(Event& event);
  void deliver_input_locked(Event& event);
  void deliver_change_locked(const Event& event);
  void deliver_stop_locked(uint32_t reason, int64_t grace_ns);
  void close_externals_locked();
  void list_change_locked(Operator* op);
  void room_locked(Operator* op);
  bool apply_changes();
  void set_listening(Operator* op, bool on);
  void look_at_blocked_locked(bool all);
  void sleep_as_leader();
  void sleep_as_follower();
  bool tick();

  // publish.cc
  Status loan_locked(Output* output, uint64_t size, OperatorLoan* loan, Error* error);
  LocalSlot* take_slot_locked(Output* output, uint64_t size, uint32_t metadata_size, Error* error);
  Status publish_local(Operator* op, Output* output, OperatorLoan* loan, const void* data, uint64_t size,
                       const SendArgs& args, Error* error);
  Status put_local_locked(Output* output, OperatorLoan* loan, const void* data, uint64_t size, const SendArgs& args,
                          uint64_t wall_ns, Error* error);
  Status publish(Operator* op, Output* output, OperatorLoan* loan, const void* data, uint64_t size, SendArgs args,
                 Error* error);
  void deliver_shared(Output* output, const LocalSample& sample);
  Message* queue_locked(Input* input, const LocalSample& sample, Message** dropped);
  Status keep(Operator* op, Output* output, OperatorLoan* loan, const void* data, uint64_t size, const SendArgs& args,
              bool outside, Error* error);
  Status send_kept(KeptMessage* kept, Error* error);
  void dequeued_locked(Input* input);
  void flush(Operator* op);
  static bool local_room(const Output& output);
  void wait_outside_locked(Operator* op, const Output& output);
  void note_local_waits_locked(Operator* op, const Output& output);
  void end_local_waits_locked(Operator* op);

  // graph.cc
  bool attach_inputs(RuntimeError* error);
  bool attach_outputs(RuntimeError* error);
  void link_receivers();
  void count_slots();
  bool check_cycles(RuntimeError* error) const;

  const uint32_t operator_count_;
  std::unique_ptr<Operator[]> operators_;
  std::unique_ptr<Input[]> inputs_;
  std::unique_ptr<Output[]> outputs_;
  std::vector<Input*> receivers_;  // of all local outputs, in one piece
  std::vector<Input*> by_index_;   // the node's input index → input
  Node* node_ = nullptr;
  Fd kick_;  // eventfd that wakes the leader
  // SYNC: started. Release in run() publishes node_ and the graph to host functions on an operator's own threads, which
  // load it first.
  std::atomic<bool> started_{false};
  std::atomic<bool> stop_requested_{false};  // set under lock_; read without by stop_requested() only, as a hint

  SmallMutex lock_;  // guards what follows, all operators and inputs
  RunQueue queue_;
  LocalMemory memory_;
  MessagePool pool_;
  uint64_t arrivals_ = 0;
  uint32_t live_ = 0;
  Operator* changes_ = nullptr;  // operators whose inputs are to be (un)masked
  Operator* blocked_ = nullptr;  // operators with kept messages that wait for another process
  uint32_t followers_asleep_ = 0;
  uint32_t followers_woken_ = 0;  // of those asleep, how many were told to wake
  bool has_leader_ = false;
  bool leader_asleep_ = false;
  bool leader_kicked_ = false;
  bool finished_ = false;
  bool poll_now_ = true;      // something may lie at the node
  bool control_now_ = false;  // and it is time to look at its control traffic
  uint32_t polls_ = 0;
  uint32_t rounds_ = 0;
  int64_t last_tick_ = 0;
  uint32_t stop_reason_ = 0;
  int64_t stop_grace_ns_ = 0;
  RuntimeError failure_;
  // Followers sleep on it; +1 for each wake-up. Changed under lock_, so nothing is missed between the look and the
  // sleep (relaxed).
  std::atomic<uint32_t> ticket_{0};

  SmallMutex node_lock_;  // the node's [consumer] side and what follows
  std::vector<uint64_t> mask_;
  std::vector<Event> batch_;
  // Operators that listen. Changed under node_lock_ and lock_; read under either.
  uint32_t listening_ = 0;
  bool node_ended_ = false;  // nothing more comes from other processes; under both locks as well
};

}  // namespace dora
