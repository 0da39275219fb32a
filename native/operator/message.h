// One event on its way to an operator, or inside it: what the library sees, and the memory behind it.
//
// Where its memory lies: `local`, a slot of the runtime's own (local_memory.h); `shared`, a slot of an output that
// other processes read too (LocalSample); `external`, the claimed entry of another process's ring (Sample), with its
// metadata copied, because the sender could still change that. `refs` counts the event itself and every
// sample_retain(); the last one gives the memory back. Messages come from a pool and return to it, newest first, so in
// steady state nothing is allocated and what is touched is warm.
//
// Threads: the pool and local slots are used under the scheduler's lock; a message belongs to its queue, then to the
// operator that runs it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dora/operator.h"
#include "node/node.h"
#include "operator/local_memory.h"

namespace dora {

struct Message {
  enum class Origin : uint8_t { runtime, local, shared, external };

  Message() : local(nullptr) {}

  dora_operator_event_t event{};
  Message* next = nullptr;  ///< in its input's queue, or in the pool
  uint64_t arrival = 0;     ///< order in which messages reached the runtime
  /// The event's own reference and every retained sample. The decrement is acq_rel, so that the last holder sees every
  /// use of the memory before it gives it back (SYNC: message-refs).
  std::atomic<uint32_t> refs{1};
  Origin origin = Origin::runtime;
  union {
    LocalSlot* local;
    LocalSample shared;
    Sample sample;
  };
  std::unique_ptr<uint8_t[]> metadata;  ///< copy of an external message's metadata; kept for the next one
  uint32_t metadata_capacity = 0;

  /// Gives memory that belongs to the node back: a lock of its own, perhaps a doorbell. What is the runtime's own stays
  /// with the message until that goes back to the pool.
  void release_outside(Node* node) {
    if (origin == Origin::shared) node->release_local(shared);
    if (origin == Origin::external) node->release(sample);
    if (origin != Origin::local) origin = Origin::runtime;
  }
};

class MessagePool {
 public:
  Message* take() {
    if (free_ == nullptr) grow();
    Message* message = free_;
    free_ = message->next;
    message->next = nullptr;
    message->refs.store(1, std::memory_order_relaxed);  // nobody else knows it
    return message;
  }
  /// Its memory outside is given back already; a local slot goes with it.
  void give(Message* message, LocalMemory* memory) {
    if (message->origin == Message::Origin::local) memory->unref(message->local);
    message->origin = Message::Origin::runtime;
    put(message);
  }

 private:
  static constexpr uint32_t kChunk = 32;

  void put(Message* message) {
    message->next = free_;
    free_ = message;
  }

  void grow() {
    chunks_.push_back(std::make_unique<Message[]>(kChunk));
    for (uint32_t i = kChunk; i-- > 0;) put(&chunks_.back()[i]);
  }

  Message* free_ = nullptr;
  std::vector<std::unique_ptr<Message[]>> chunks_;
};

}  // namespace dora
