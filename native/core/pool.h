// The slots of one output: allocation, growth, references.
//
// A slot is header + payload + metadata in one piece (layout.h). Only the publishing process allocates and frees; who
// holds a slot is counted here, in private memory, so nothing that another process writes can free one. A slot that
// somebody holds never moves. A free one keeps its memory and size class (four classes a doubling, so at most a quarter
// is wasted) and is reused last-freed-first, because such are warm; only when a request finds neither a slot nor memory
// do all free slots give theirs up, to be cut anew. So whatever sizes were sent before, what nobody holds can be had.
//
// A pool lies in a memfd that is mapped once at its largest size and grows inside the mapping: every growth is granted
// by the budget first, then fallocated, then pre-faulted.
//
// Threads: everything but add_ref() is called under the owner's lock (Publisher).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/fd.h"
#include "core/layout.h"
#include "core/region.h"
#include "core/status.h"

namespace dora {

/// Where a pool asks for memory before it grows.
class MemoryBudget {
 public:
  virtual ~MemoryBudget() = default;
  /// True: `bytes` more may be used. False: `error` has the figures.
  virtual bool acquire(uint64_t bytes, Error* error) = 0;
  virtual void give_back(uint64_t bytes) = 0;
};

/// Private bookkeeping of one slot.
struct SlotInfo {
  uint8_t* base = nullptr;
  uint64_t capacity = 0;    ///< bytes from base, header included
  uint64_t offset = 0;      ///< of base in the region
  uint64_t generation = 0;  ///< of the current allocation
  /// Local users + edges. Counts up from any thread that holds a reference already (relaxed: the holder keeps it
  /// alive); the decrement is acq_rel, so that the last one sees every use before it reuses the slot, and acquire is
  /// enough where a holder finds itself the only one (SYNC: slot-refs).
  std::atomic<uint32_t> refs{0};
  uint32_t next_free = 0;
};

class Pool {
 public:
  Pool(std::string name, uint64_t map_bytes, uint32_t max_slots, MemoryBudget* budget);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Makes and seals the region.
  Status init(Error* error);
  int fd() const { return fd_.get(); }

  /// A free slot with at least `bytes` (header included), refs = 1, generation counted on. shm_exhausted with figures
  /// when there is none. With `grow` false only what is free already is looked at (Status::empty, no words).
  Status allocate(uint64_t bytes, bool grow, uint32_t* slot, Error* error);
  SlotInfo& info(uint32_t slot) { return chunks_[slot / kChunk][slot % kChunk]; }
  /// One reference less; the last one frees the slot.
  void unref(uint32_t slot);
  void add_ref(uint32_t slot) { info(slot).refs.fetch_add(1, std::memory_order_relaxed); }

  uint32_t slot_count() const { return slot_count_; }
  uint32_t max_slots() const { return max_slots_; }
  uint32_t free_count() const { return free_count_; }
  uint64_t bytes() const { return backed_; }
  uint64_t map_bytes() const { return map_bytes_; }

  /// Size class of a request: the capacity a slot for it gets, a multiple of 64.
  static uint64_t class_capacity(uint64_t bytes);

 private:
  static constexpr uint32_t kChunk = 4;  // most outputs have few slots
  static constexpr uint32_t kNone = UINT32_MAX;
  struct FreeList {
    uint64_t capacity;
    uint32_t first;
  };

  /// Memory of the region between slots.
  struct Gap {
    uint64_t offset, bytes;
  };

  bool pop_free(uint64_t capacity, bool larger, uint32_t* slot);
  bool dissolve_free();
  Status find_memory(uint64_t capacity, uint64_t* offset, Error* error);
  Status make_slot(uint64_t capacity, uint32_t* slot, Error* error);
  Status back(uint64_t end, Error* error);
  Status exhausted(uint64_t capacity, Error* error);
  FreeList* list_of(uint64_t capacity);

  const std::string name_;
  const uint64_t map_bytes_;
  const uint32_t max_slots_;
  MemoryBudget* const budget_;
  Fd fd_;
  Mapping mapping_;
  uint64_t used_ = 0;    // end of the last slot in the region; gaps included
  uint64_t backed_ = 0;  // bytes of the region that have pages
  uint32_t slot_count_ = 0;
  uint32_t free_count_ = 0;
  std::vector<std::unique_ptr<SlotInfo[]>> chunks_;
  std::vector<FreeList> free_;  // by capacity, ascending
  std::vector<Gap> gaps_;       // by offset; no two touch
  std::vector<uint32_t> bare_;  // free slots without memory
};

}  // namespace dora
