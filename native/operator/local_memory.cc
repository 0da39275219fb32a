// Slots in size classes. See local_memory.h.
#include "operator/local_memory.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "operator/instance.h"

namespace dora {
namespace {

/// Room that every slot has for metadata beyond the payload, so that a loan rarely has to move when it is sent.
constexpr uint64_t kMetadataReserve = 64;
constexpr uint64_t kSmallestClass = 256;

struct SizeClass {
  uint32_t index;
  uint64_t bytes;
};

/// Four classes a doubling, as in the pools of shared memory: at most a quarter is wasted.
SizeClass class_of(uint64_t bytes) {
  if (bytes <= kSmallestClass) return {0, kSmallestClass};
  const int doubling = std::bit_width(bytes - 1) - 1;
  const uint64_t step = uint64_t{1} << (doubling - 2);
  const uint64_t begin = uint64_t{1} << doubling;
  const uint64_t quarter = (bytes - 1 - begin) / step;
  return {static_cast<uint32_t>((doubling - 8) * 4 + static_cast<int>(quarter) + 1), begin + (quarter + 1) * step};
}

}  // namespace

LocalMemory::~LocalMemory() {
  while (LocalSlot* slot = made_) {
    made_ = slot->next_made;
    free(slot);
  }
}

LocalSlot* LocalMemory::take(Output* output, uint64_t payload, uint32_t metadata) {
  if (output->slots >= output->most_slots) return nullptr;
  const SizeClass wanted =
      class_of(sizeof(LocalSlot) + metadata_offset(payload) + std::max<uint64_t>(kMetadataReserve, metadata));
  LocalSlot*& first = free_[wanted.index];
  LocalSlot* slot = first;
  if (slot != nullptr) {
    first = slot->next_free;
  } else {
    slot = static_cast<LocalSlot*>(aligned_alloc(alignof(LocalSlot), wanted.bytes));
    if (slot == nullptr) return nullptr;
    slot->next_made = made_;
    made_ = slot;
    slot->capacity = wanted.bytes - sizeof(LocalSlot);
    slot->size_class = wanted.index;
  }
  output->slots++;
  slot->output = output;
  slot->refs = 1;
  slot->lent = false;
  return slot;
}

void LocalMemory::unref(LocalSlot* slot) {
  if (--slot->refs > 0) return;
  slot->output->slots--;
  slot->lent = false;  // who still names it has no loan any more
  slot->next_free = free_[slot->size_class];
  free_[slot->size_class] = slot;
}

}  // namespace dora
