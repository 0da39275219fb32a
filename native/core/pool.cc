// Slot allocation and growth. See pool.h.
#include "core/pool.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "core/fetch.h"

namespace dora {
namespace {

constexpr uint64_t kSmallestClass = 256;
constexpr uint64_t kFetchedSlot = 1024;
constexpr uint64_t kGrowStep = 256 * 1024;  // small pools grow by this, so that few calls go to the kernel
constexpr uint64_t kLargestStep = 8 * 1024 * 1024;

/// Touches fresh pages now rather than in somebody's send. Kernels before 5.14 lack MADV_POPULATE_WRITE.
void prefault(uint8_t* data, uint64_t size) {
#ifdef MADV_POPULATE_WRITE
  if (madvise(data, size, MADV_POPULATE_WRITE) == 0) return;
#endif
  const uint64_t page = page_size();
  for (uint64_t at = 0; at < size; at += page) *reinterpret_cast<volatile uint8_t*>(data + at) = 0;
}

}  // namespace

Pool::Pool(std::string name, uint64_t map_bytes, uint32_t max_slots, MemoryBudget* budget)
    : name_(std::move(name)), map_bytes_(std::min(map_bytes, kMaxPoolBytes)), max_slots_(max_slots), budget_(budget) {}

Pool::~Pool() {
  if (backed_ > 0) budget_->give_back(backed_);
}

Status Pool::init(Error* error) {
  if (Status s = create_memfd("dora-pool", 0, &fd_, error); s != Status::ok) return s;
  // Mapped before it is sealed: the seal refuses every later writable mapping, by anyone.
  if (Status s = Mapping::map(fd_.get(), map_bytes_, true, &mapping_, error); s != Status::ok) return s;
  return add_seals(fd_.get(), F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE, error);
}

uint64_t Pool::class_capacity(uint64_t bytes) {
  if (bytes <= kSmallestClass) return kSmallestClass;
  const uint64_t step = std::max<uint64_t>(std::bit_floor(bytes - 1) / 4, 1);
  return (bytes + step - 1) / step * step;
}

Pool::FreeList* Pool::list_of(uint64_t capacity) {
  auto at = std::lower_bound(free_.begin(), free_.end(), capacity,
                             [](const FreeList& list, uint64_t value) { return list.capacity < value; });
  if (at == free_.end() || at->capacity != capacity) at = free_.insert(at, FreeList{capacity, kNone});
  return &*at;
}

bool Pool::pop_free(uint64_t capacity, bool larger, uint32_t* slot) {
  for (FreeList& list : free_) {
    if (list.capacity < capacity || list.first == kNone) continue;
    if (list.capacity != capacity && !larger) return false;
    *slot = list.first;
    list.first = info(*slot).next_free;
    free_count_--;
    // Of a large one the rest takes longer than the first lines, whoever had them.
    if (list.first != kNone && capacity <= kFetchedSlot) fetch_slot_to_write(info(list.first).base);
    return true;
  }
  return false;
}

Status Pool::allocate(uint64_t bytes, bool grow, uint32_t* slot, Error* error) {
  const uint64_t capacity = class_capacity(bytes);
  bool found = pop_free(capacity, false, slot);
  if (!found) {
    if (!grow) return Status::empty;
    Status s = make_slot(capacity, slot, error);
    if (s == Status::shm_exhausted) {
      if (pop_free(capacity, true, slot)) {
        s = Status::ok;
      } else if (dissolve_free()) {
        s = make_slot(capacity, slot, error);
      }
    }
    if (s != Status::ok) return s;
  }
  SlotInfo& slot_info = info(*slot);
  slot_info.generation++;
  // Nobody else knows the slot yet; the free list was reached under the owner's lock.
  slot_info.refs.store(1, std::memory_order_relaxed);
  return Status::ok;
}

void Pool::unref(uint32_t slot) {
  SlotInfo& slot_info = info(slot);
  // SYNC: slot-refs. One reference, and it is the caller's: nobody else can add one, for that needs a reference.
  if (slot_info.refs.load(std::memory_order_acquire) == 1) {
    slot_info.refs.store(0, std::memory_order_relaxed);
  } else if (slot_info.refs.fetch_sub(1, std::memory_order_acq_rel) != 1) {
    return;
  }
  FreeList* list = list_of(slot_info.capacity);
  slot_info.next_free = list->first;
  list->first = slot;
  free_count_++;
}

/// All free slots give up their memory, which is one piece again wherever two touch. False when there are none.
bool Pool::dissolve_free() {
  const size_t before = bare_.size();
  for (FreeList& list : free_) {
    for (; list.first != kNone; list.first = info(list.first).next_free) {
      SlotInfo& slot_info = info(list.first);
      gaps_.push_back({slot_info.offset, std::exchange(slot_info.capacity, 0)});
      bare_.push_back(list.first);
    }
  }
  free_.clear();
  if (bare_.size() == before) return false;
  std::sort(gaps_.begin(), gaps_.end(), [](const Gap& a, const Gap& b) { return a.offset < b.offset; });
  size_t last = 0;
  for (size_t i = 1; i < gaps_.size(); i++) {
    if (gaps_[last].offset + gaps_[last].bytes == gaps_[i].offset) {
      gaps_[last].bytes += gaps_[i].bytes;
    } else {
      gaps_[++last] = gaps_[i];
    }
  }
  gaps_.resize(last + 1);
  if (gaps_.back().offset + gaps_.back().bytes == used_) {
    used_ = gaps_.back().offset;
    gaps_.pop_back();
  }
  return true;
}

/// `capacity` bytes of the region that belong to no slot: the first gap that has them, else behind the last slot.
Status Pool::find_memory(uint64_t capacity, uint64_t* offset, Error* error) {
  const auto gap = std::find_if(gaps_.begin(), gaps_.end(), [&](const Gap& g) { return g.bytes >= capacity; });
  if (gap != gaps_.end()) {
    *offset = gap->offset;
    gap->offset += capacity;
    gap->bytes -= capacity;
    if (gap->bytes == 0) gaps_.erase(gap);
    return Status::ok;
  }
  if (capacity > map_bytes_ || used_ > map_bytes_ - capacity) return exhausted(capacity, error);
  if (Status s = back(used_ + capacity, error); s != Status::ok) return s;
  *offset = used_;
  used_ += capacity;
  return Status::ok;
}

Status Pool::make_slot(uint64_t capacity, uint32_t* slot, Error* error) {
  if (bare_.empty() && slot_count_ == max_slots_) return exhausted(capacity, error);
  uint64_t offset = 0;
  if (Status s = find_memory(capacity, &offset, error); s != Status::ok) return s;
  if (!bare_.empty()) {
    *slot = bare_.back();
    bare_.pop_back();
    free_count_--;
  } else {
    if (slot_count_ % kChunk == 0) chunks_.push_back(std::make_unique<SlotInfo[]>(kChunk));
    *slot = slot_count_++;
  }
  SlotInfo& slot_info = info(*slot);
  slot_info.base = mapping_.data() + offset;
  slot_info.capacity = capacity;
  slot_info.offset = offset;
  return Status::ok;
}

Status Pool::back(uint64_t end, Error* error) {
  if (end <= backed_) return Status::ok;
  const uint64_t least = round_to_page(end) - backed_;
  const uint64_t wish = std::min(round_to_page(std::clamp(backed_, kGrowStep, kLargestStep)), map_bytes_ - backed_);
  uint64_t bytes = std::max(least, wish);
  if (!budget_->acquire(bytes, error)) {
    // Not as much as would be convenient; as much as is needed, then.
    if (bytes == least || !budget_->acquire(least, error)) return error->status;
    bytes = least;
  }
  if (Status s = grow_memfd(fd_.get(), backed_, backed_ + bytes, error); s != Status::ok) {
    budget_->give_back(bytes);
    return s;
  }
  prefault(mapping_.data() + backed_, bytes);
  backed_ += bytes;
  return Status::ok;
}

Status Pool::exhausted(uint64_t capacity, Error* error) {
  uint64_t used = used_;
  for (const Gap& gap : gaps_) used -= gap.bytes;
  return error->fail(
      Status::shm_exhausted,
      "output \"" + name_ + "\" has no slot of " + std::to_string(capacity) + " bytes: " + std::to_string(slot_count_) +
          " of " + std::to_string(max_slots_) + " slots are made (" + std::to_string(free_count_) + " free), " +
          std::to_string(used) + " bytes are used of its limit of " + std::to_string(map_bytes_),
      "Release samples sooner, lower the queue sizes of its subscribers, or raise shared_memory_pool_size.");
}

}  // namespace dora
