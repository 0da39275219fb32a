// The memory of messages that never leave the process: slots from the heap, shared by all outputs of a runtime.
//
// An output whose readers are all operators beside it needs no Publisher, no pool and no lock of its own: whatever
// happens to its messages (sent, queued, taken, dropped, over) happens under the scheduler's lock anyway. So slots and
// their reference counts are plain memory under that lock. One stock serves all outputs, last given first: in steady
// state nothing is allocated, the slot that the next message gets is warm, and an output that is idle costs nothing.
// Each output may have a bounded number of slots in use, so one that is never drained cannot take all memory.
//
// Slots go back to the heap with this object only: a sample that an operator kept too long stays readable.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dora {

struct Output;

/// In front of every slot; payload, padding to 8 and metadata follow.
struct alignas(64) LocalSlot {
  LocalSlot* next_free;
  LocalSlot* next_made;
  Output* output;     ///< whose message it is, or was lent for
  uint64_t capacity;  ///< bytes of payload, padding and metadata
  uint32_t refs;      ///< messages in queues and operators, or 1 for a loan
  uint32_t size_class;
  bool lent;  ///< to an operator that has not sent it yet

  uint8_t* data() { return reinterpret_cast<uint8_t*>(this) + sizeof(LocalSlot); }
};
static_assert(sizeof(LocalSlot) == 64);

class LocalMemory {
 public:
  /// Payloads of more than this are refused, as in shared memory.
  static constexpr uint64_t kMostBytes = UINT32_MAX;

  LocalMemory() = default;
  ~LocalMemory();
  LocalMemory(const LocalMemory&) = delete;
  LocalMemory& operator=(const LocalMemory&) = delete;

  /// A slot for `payload` and `metadata` bytes (and some metadata more) with one reference, counted at `output`. Null:
  /// the output has all the slots it may have, or there is no memory.
  LocalSlot* take(Output* output, uint64_t payload, uint32_t metadata);
  /// One reference less; the last one gives the slot back.
  void unref(LocalSlot* slot);

  static uint64_t metadata_offset(uint64_t payload) { return (payload + 7) & ~uint64_t{7}; }

 private:
  static constexpr size_t kClasses = 102;

  LocalSlot* free_[kClasses] = {};
  LocalSlot* made_ = nullptr;
};

}  // namespace dora
