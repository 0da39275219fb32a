// What the runtime keeps of one operator: its library's entry, its inputs with their queues, its outputs, and where it
// stands.
//
// Thousands of these exist and most are idle, so they are plain structures of some hundred bytes in three arrays
// (operators, inputs, outputs); an operator names its part of the others. Everything is guarded by the scheduler's lock
// unless a field says otherwise.
//
// Life: load → init → [start → events …] → stop → destroy → overflow flushed → outputs closed → ended.
// phase: idle → (queued) → running → idle, or running → deferred → idle by complete(). Never two workers in one
// operator: only an idle one is run.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "dora/operator.h"
#include "node/node.h"
#include "operator/local_memory.h"
#include "operator/message.h"
#include "operator/small_mutex.h"

namespace dora {

class Scheduler;
struct Operator;

struct Input {
  Operator* owner = nullptr;
  Operator* source = nullptr;  ///< operator of this runtime that feeds it; null: another process or a timer
  const char* id = "";
  Message* head = nullptr;  ///< local messages, oldest first
  Message* tail = nullptr;
  /// Local messages that wait. Written under the scheduler's lock. A publisher whose output others read too also reads
  /// it without, to see whether there is room: only that publisher adds, so room that it sees stays (relaxed: a count,
  /// it publishes nothing).
  std::atomic<uint32_t> queued{0};
  uint32_t queue_size = 0;
  uint32_t node_index = 0;
  LedgerInput* counts = nullptr;  ///< of a local input: what was received and dropped
  uint32_t reason = 0;            ///< why it closed
  uint64_t dropped = 0;           ///< since the last event of this input
  Policy policy = Policy::drop_oldest;
  uint8_t priority = 0;
  bool open = true;           ///< not closed by its source; an operator whose inputs all are not ends
  bool silent = false;        ///< told closed for want of messages, which is not for good
  bool source_ended = false;  ///< nothing more will be queued
  bool closed_pending = false;
  bool recovered_pending = false;

  bool paced() const { return policy == Policy::backpressure; }
  bool full() const { return queued.load(std::memory_order_relaxed) >= queue_size; }
};

struct Output {
  const char* id = "";
  uint32_t node_index = 0;
  uint32_t receiver_count = 0;
  Input* const* receivers = nullptr;
  bool external = false;  ///< somebody outside the process may read it: it has a Publisher
  bool paces = false;     ///< a local receiver has backpressure
  // Of one that nobody outside reads; under the scheduler's lock:
  uint32_t slots = 0;       ///< in use
  uint32_t most_slots = 0;  ///< that may be
  uint64_t sequence = 0;    ///< of the newest message
  LedgerOutput* counts = nullptr;
};

/// Memory that an operator writes a message into: the node's, or a local slot (then `loan` has no publisher).
struct OperatorLoan {
  Loan loan;
  LocalSlot* local = nullptr;
};

/// A message that found a backpressure receiver full: kept by the operator until there is room.
struct KeptMessage {
  OperatorLoan memory;
  Output* output;
  uint16_t encoding;
  std::vector<uint8_t> metadata;
};

enum class Phase : uint8_t { idle, running, deferred, ended };

struct Operator {
  dora_host_t host{};  ///< first: its address is what the library holds
  Scheduler* scheduler = nullptr;
  const dora_operator_entry_t* entry = nullptr;
  void* state = nullptr;
  const char* id = "";

  // Run queue (run_queue.h).
  Operator* child = nullptr;
  Operator* sibling = nullptr;
  uint64_t arrival = 0;  ///< of what it is queued for

  Message* current = nullptr;  ///< the event it works on
  Message* claimed = nullptr;  ///< taken from another process for it, next to run
  uint64_t token = 0;          ///< of the current event
  Input* inputs = nullptr;
  Output* outputs = nullptr;
  uint32_t input_count = 0, output_count = 0;
  uint32_t open_inputs = 0;
  uint32_t local_pending = 0;  ///< local messages in all its inputs

  /// Guards publishing to outputs that others read too, and `kept`: such messages are published one after the other,
  /// and what is kept in front of new ones. A local output needs it only when something is kept.
  SmallMutex send_lock;
  std::unique_ptr<std::deque<KeptMessage>> kept;  ///< under send_lock; made when first needed
  uint32_t blocked_output = 0;                    ///< node's index of the output that the first kept message waits for
  Operator* next_blocked = nullptr;
  Operator* next_change = nullptr;

  int64_t grace_ns = 0;
  uint32_t stop_reason = 0;
  int32_t early_status = 0;  ///< of a complete() that came before on_event returned
  uint8_t priority = 0;
  Phase phase = Phase::idle;
  bool queued = false;  ///< in the run queue
  bool start_pending = false;
  bool stop_pending = false;
  bool quit = false;           ///< no further event: destroy it
  bool destroyed = false;      ///< destroy was called; only kept messages and closing its outputs are left
  bool blocked = false;        ///< has kept messages
  bool flush_due = false;      ///< there may be room for them
  bool wants_room = false;     ///< has input, and waits for room in a backpressure receiver
  bool waits_outside = false;  ///< in the list of those that wait for another process
  bool waits_inside = false;   ///< the broker may see that it waits for a neighbour
  bool completed_early = false;
  bool has_external = false;  ///< an input is fed by another process or a timer
  bool paced = false;         ///< an output has a receiver that may need it to wait
  bool change_listed = false;
  bool listening = false;  ///< owned by whoever holds the node's lock: its inputs are in the mask
};

}  // namespace dora
