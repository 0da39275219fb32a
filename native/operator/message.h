// One event on its way to an operator, or inside it: what the library sees, and the memory behind it.
//
// A message of an operator of this runtime refers to its slot (LocalSample); one of another process to the claimed
// entry of its ring (Sample), with its metadata copied, because the sender could still change that. `refs` counts the
// event itself and every sample_retain(); the last one gives the memory back. Messages come from a pool and return to
// it, newest first, so in steady state nothing is allocated and what is touched is warm.
//
// Threads: the pool is used under the scheduler's lock; a message belongs to its queue, then to the operator that runs
// it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dora/operator.h"
#include "node/node.h"

namespace dora {

struct Message {
  enum class Origin : uint8_t { runtime, local, external };

  Message() : local{} {}

  dora_operator_event_t event{};
  Message* next = nullptr;  ///< in its input's queue, or in the pool
  uint64_t arrival = 0;     ///< order in which messages reached the runtime
  /// The event's own reference and every retained sample. The decrement is acq_rel, so that the last holder sees every
  /// use of the memory before it gives it back (SYNC: message-refs).
  std::atomic<uint32_t> refs{1};
  Origin origin = Origin::runtime;
  union {
    LocalSample local;
    Sample sample;
  };
  std::unique_ptr<uint8_t[]> metadata;  ///< copy of an external message's metadata; kept for the next one
  uint32_t metadata_capacity = 0;

  /// Gives the memory behind it back to where it came from. The message itself stays.
  void release_memory(Node* node) {
    if (origin == Origin::local) node->release_local(local);
    if (origin == Origin::external) node->release(sample);
    origin = Origin::runtime;
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
  void give(Message* message) {
    message->next = free_;
    free_ = message;
  }

 private:
  static constexpr uint32_t kChunk = 32;

  void grow() {
    chunks_.push_back(std::make_unique<Message[]>(kChunk));
    for (uint32_t i = kChunk; i-- > 0;) give(&chunks_.back()[i]);
  }

  Message* free_ = nullptr;
  std::vector<std::unique_ptr<Message[]>> chunks_;
};

}  // namespace dora
