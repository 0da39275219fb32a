// The subscriber's end of an edge. See edge_reader.h; ARCHITECTURE.md has the algorithm and its memory orders.
#include "core/edge_reader.h"

#include <algorithm>
#include <cstring>

#include "core/edge_writer.h"
#include "core/fetch.h"
#include "core/inbox.h"
#include "core/step.h"

namespace dora {

namespace {
constexpr int kClaimTries = 64;
constexpr uint64_t kAhead = 2;
}  // namespace

Status EdgeReader::open(EdgeReaderConfig config, Error* error) {
  const uint64_t size = file_size(config.region.get());
  if (!valid_constants(config.constants, size) || config.map_bytes < 2 * kLine)
    return error->fail(Status::shm_corrupt, "the edge from \"" + config.peer + "\" has an impossible layout");
  if (Status s = Mapping::map(config.region.get(), size, true, &mapping_, error); s != Status::ok) return s;
  EdgeConstants seen;
  memcpy(&seen, mapping_.data(), sizeof seen);
  if (memcmp(&seen, &config.constants, sizeof seen) != 0)
    return error->fail(Status::shm_corrupt,
                       "the region of the edge from \"" + config.peer + "\" is not what the broker described");
  if (Status s = Mapping::map(config.pool.get(), config.map_bytes, false, &pool_, error); s != Status::ok) return s;
  config_ = std::move(config);
  doorbells_.push_back(std::move(config_.doorbell));
  doorbell_.store(doorbells_.back().get(), std::memory_order_relaxed);
  const uint64_t start = shared()->start.load(std::memory_order_relaxed);
  next_ = start <= shared()->tail.load(std::memory_order_acquire) ? start : 0;
  return Status::ok;
}

Status EdgeReader::corrupt(const char* what, Error* error) {
  corrupt_ = true;
  return error->fail(Status::shm_corrupt, "\"" + config_.peer + "\" wrote something impossible: " + what,
                     "This input is closed, everything else goes on. A node that corrupts shared memory has a bug or "
                     "an enemy in its process.");
}

uint64_t EdgeReader::uncounted_drops() const {
  const uint64_t head = shared()->head.load(std::memory_order_acquire);
  // In the middle of a skip tail is one ahead: that message is not dropped before head has followed.
  const uint64_t settled = std::min(head, shared()->tail.load(std::memory_order_acquire));
  return settled > next_ && !corrupt_ ? settled - next_ : 0;
}

bool EdgeReader::peek_stamp(uint64_t* stamp) const {
  const uint64_t head = shared()->head.load(std::memory_order_acquire);
  const uint64_t tail = shared()->tail.load(std::memory_order_acquire);
  if (static_cast<int64_t>(head - tail) <= 0) return false;
  *stamp = cells()[tail & (config_.constants.cells - 1)].stamp.load(std::memory_order_relaxed);
  return true;
}

/// Tail was beyond the head read before it. ok: head was old, look again; empty: the writer is between the two steps of
/// a skip. It rings when it is through, and if it dies there nobody finishes the skip, so the ring is as good as empty.
Status EdgeReader::behind(uint64_t tail, Error* error) {
  // SYNC: ring-claim. Whoever moved tail to t had seen a head of at least t - 1, so this load sees that head too.
  const uint64_t head = shared()->head.load(std::memory_order_acquire);
  if (static_cast<int64_t>(head - tail) >= 0) return Status::ok;
  if (tail - head == 1 && config_.constants.policy == static_cast<uint16_t>(Policy::drop_oldest)) return Status::empty;
  return corrupt("more entries taken than put", error);
}

Status EdgeReader::claim(ClaimedSample* out, Error* error) {
  if (corrupt_) return Status::empty;
  Status unsettled = Status::would_block;
  for (int i = 0; i < kClaimTries; i++) {
    DORA_STEP("sub.head");
    // In this order: head, then tail. A head that was seen earlier is as good as long as tail is below it, and the
    // writer's line stays where it is.
    uint64_t head = seen_head_;
    DORA_STEP("sub.tail");
    uint64_t tail = shared()->tail.load(std::memory_order_acquire);
    if (static_cast<int64_t>(head - tail) <= 0) {
      // SYNC: ring-head. Acquire: header, payload and cell of every entry below head are complete.
      head = seen_head_ = shared()->head.load(std::memory_order_acquire);
      tail = shared()->tail.load(std::memory_order_acquire);
    }
    if (head == tail) return Status::empty;
    unsettled = Status::would_block;
    if (static_cast<int64_t>(head - tail) < 0) {
      const Status s = behind(tail, error);
      if (s == Status::shm_corrupt || (s == Status::empty && final_)) return s;
      if (s == Status::empty) unsettled = s;  // a skip is two instructions: usually it is over at the next look
      continue;
    }
    if (head - tail > config_.constants.queue_size) return corrupt("more entries than its queue has", error);
    if (tail < next_) return corrupt("its queue ran backwards", error);
    DORA_STEP("sub.cell");
    const Cell& shared_cell = cells()[tail & (config_.constants.cells - 1)];
    const uint64_t where = shared_cell.where.load(std::memory_order_relaxed);
    const CellCopy cell{
        static_cast<uint32_t>(where), (where >> 32) * 64, shared_cell.payload_size.load(std::memory_order_relaxed),
        shared_cell.stamp.load(std::memory_order_relaxed), shared_cell.generation.load(std::memory_order_relaxed)};
    DORA_STEP("sub.claim");
    if (config_.constants.policy == static_cast<uint16_t>(Policy::drop_oldest)) {
      // SYNC: ring-claim. Release: our copy of the cell is over. A torn copy is harmless: its cell is rewritten only
      // after tail has left this position, so this exchange fails.
      if (!shared()->tail.compare_exchange_strong(tail, tail + 1, std::memory_order_acq_rel, std::memory_order_relaxed))
        continue;
    } else {
      // SYNC: ring-tail (release part) and ring-want (before the load of want_tail).
      shared()->tail.store(tail + 1, std::memory_order_seq_cst);
    }
    out->dropped = tail - next_;
    next_ = tail + 1;
    if (config_.constants.policy == static_cast<uint16_t>(Policy::backpressure)) give_credit(tail + 1);
    const Status s = check(cell, out, error);
    if (s == Status::ok) claimed_++;
    fetch_ahead(head, tail + kAhead);
    return s;
  }
  return unsettled;
}

/// The lines of a message that is claimed soon come from another core's cache: they are asked for while others are
/// read.
void EdgeReader::fetch_ahead(uint64_t head, uint64_t position) const {
  if (static_cast<int64_t>(head - position) <= 0) return;
  const uint64_t mask = config_.constants.cells - 1;
  fetch_to_read(&cells()[(position + kAhead) & mask]);
  fetch_message(position);
}

/// Not checked as a claim does: hints for addresses inside the mapping.
void EdgeReader::fetch_message(uint64_t position) const {
  const Cell& cell = cells()[position & (config_.constants.cells - 1)];
  const uint64_t offset = (cell.where.load(std::memory_order_relaxed) >> 32) * 64;
  if (offset > pool_.size() - 2 * kLine) return;
  fetch_slot_to_read(pool_.data() + offset);
  const uint64_t size = cell.payload_size.load(std::memory_order_relaxed);
  if (size < kLine || size > pool_.size() - 2 * kLine - offset) return;
  fetch_to_read(pool_.data() + offset + metadata_offset(size));
}

void EdgeReader::fetch_next() const {
  // The cell is asked for before it is known whether there is one, so that both lines come at once.
  fetch_to_read(&cells()[next_ & (config_.constants.cells - 1)]);
  const uint64_t head = shared()->head.load(std::memory_order_relaxed);
  if (static_cast<int64_t>(head - next_) > 0) fetch_message(next_);
}

void EdgeReader::give_credit(uint64_t tail) {
  DORA_STEP("sub.want");
  // SYNC: ring-want.
  const uint64_t want = shared()->want_tail.load(std::memory_order_seq_cst);
  if (want == 0 || tail < want) return;
  if (shared()->want_tail.exchange(0, std::memory_order_acq_rel) == 0) return;
  DORA_STEP("sub.want_bell");
  ring_doorbell(doorbell_.load(std::memory_order_relaxed));
}

Status EdgeReader::check(const CellCopy& cell, ClaimedSample* out, Error* error) {
  if (cell.slot >= config_.max_slots || cell.slot >= config_.constants.rel_words * 64ull)
    return corrupt("a slot that does not exist", error);
  if (cell.offset > pool_.size() - sizeof(SlotHeader) || cell.payload_size > pool_.size())
    return corrupt("an offset outside its memory", error);
  const uint64_t room = pool_.size() - cell.offset;
  uint64_t end = metadata_offset(cell.payload_size);
  if (end > room) return corrupt("a payload that ends outside its memory", error);
  // The file only grows; what lies beyond the size known so far may be there by now.
  auto backed = [&](uint64_t bytes) {
    if (cell.offset + bytes <= pool_file_size_) return true;
    pool_file_size_ = file_size(config_.pool.get());
    return cell.offset + bytes <= pool_file_size_;
  };
  if (!backed(sizeof(SlotHeader))) return corrupt("an offset without memory behind it", error);
  SlotHeader header;
  memcpy(&header, pool_.data() + cell.offset, sizeof header);
  if (header.version != kSlotVersion) return corrupt("a message of an unknown version", error);
  if (header.generation != cell.generation || header.payload_size != cell.payload_size)
    return corrupt("a queue entry for another message", error);
  if (header.metadata_size > kMaxMetadata) return corrupt("metadata larger than allowed", error);
  end += header.metadata_size;
  if (end > room || !backed(end)) return corrupt("a message without memory behind it", error);
  out->slot = cell.slot;
  out->encoding = header.encoding;
  out->size = cell.payload_size;
  out->data = cell.payload_size == 0 ? nullptr : pool_.data() + cell.offset + sizeof(SlotHeader);
  out->metadata_size = header.metadata_size;
  out->metadata = header.metadata_size == 0 ? nullptr : pool_.data() + cell.offset + metadata_offset(cell.payload_size);
  out->sequence = header.sequence;
  out->stamp = cell.stamp;
  return Status::ok;
}

void EdgeReader::set_doorbell(Fd doorbell) {
  doorbells_.push_back(std::move(doorbell));
  doorbell_.store(doorbells_.back().get(), std::memory_order_relaxed);
  ring_doorbell(doorbells_.back().get());
}

void EdgeReader::release(uint32_t slot) {
  give_back(slot);
  released_.fetch_add(1, std::memory_order_release);
}

void EdgeReader::release_at_once(uint32_t slot) {
  give_back(slot);
  claimed_--;
}

void EdgeReader::give_back(uint32_t slot) {
  DORA_STEP("sub.release");
  // SYNC: slot-release. Release: our reads of the payload are over. Seq_cst: pairs with the publisher's want_slot.
  rel()[slot / 64].fetch_or(uint64_t{1} << (slot % 64), std::memory_order_seq_cst);
  if (shared()->want_slot.load(std::memory_order_seq_cst) != 0 &&
      shared()->want_slot.exchange(0, std::memory_order_acq_rel) != 0) {
    DORA_STEP("sub.slot_bell");
    ring_doorbell(doorbell_.load(std::memory_order_relaxed));
  }
}

}  // namespace dora
