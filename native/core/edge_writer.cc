// The publisher's end of an edge. See edge_writer.h; ARCHITECTURE.md has the algorithm and its memory orders.
#include "core/edge_writer.h"

#include <bit>
#include <cstring>
#include <utility>

#include "core/fetch.h"
#include "core/step.h"

namespace dora {

namespace {
constexpr uint64_t kCellsAhead = 2;
}

bool valid_constants(const EdgeConstants& c, uint64_t size) {
  if (c.magic != kEdgeMagic || c.version != kEdgeVersion || c.policy > 1) return false;
  if (c.queue_size == 0 || c.queue_size > kMaxQueueSize || c.cells != cells_for(c.queue_size)) return false;
  if (c.rel_words == 0 || c.rel_offset != rel_offset_for(c.cells) || c.input_bit >= kMaxInputs) return false;
  return edge_region_size(c.cells, c.rel_words) <= size;
}

Status EdgeWriter::open(EdgeWriterConfig config, Error* error) {
  // The broker vouches for it: there is a new incarnation. The old one is over even if the new one cannot be opened.
  if (opened_before_ && state_ == State::open) peer_died();
  const uint64_t size = file_size(config.region.get());
  if (!valid_constants(config.constants, size))
    return error->fail(Status::shm_corrupt, "an edge to \"" + config.peer + "\" has an impossible layout");
  if (config.constants.rel_words * 64ull < pool_->max_slots())
    return error->fail(Status::shm_corrupt, "the release map of the edge to \"" + config.peer + "\" is too small");
  Mapping mapping;
  if (Status s = Mapping::map(config.region.get(), size, true, &mapping, error); s != Status::ok) return s;
  EdgeConstants seen;
  memcpy(&seen, mapping.data(), sizeof seen);
  if (memcmp(&seen, &config.constants, sizeof seen) != 0)
    return error->fail(Status::shm_corrupt,
                       "the region of the edge to \"" + config.peer + "\" is not what the broker described");
  InboxPeer inbox;
  if (Status s = InboxPeer::open(std::move(config.inbox), std::move(config.doorbell), config.constants.input_bit,
                                 &inbox, error);
      s != Status::ok)
    return s;

  uint64_t tail = 0;
  if (opened_before_) {
    const bool same_ring = config.constants.cells == config_.constants.cells &&
                           config.constants.queue_size == config_.constants.queue_size;
    if (state_ == State::closed || !same_ring)
      return error->fail(Status::shm_corrupt, "an edge that was closed cannot come back");
    // SYNC: final-tail. The dead reader's last claim, or what we took back since; nothing of it runs any more.
    if (!read_tail(&tail)) tail = head_;
    // What the dead one released although it was still queued is gone: its successor must not be offered it.
    for (uint64_t position = tail; position != head_; position++) {
      if (still_queued(mine(position))) continue;
      for (; tail != position; tail++) ungive(mine(tail).slot);
      tail++;
    }
  } else {
    mine_.resize(config.constants.cells);
    given_.resize(config.constants.rel_words);
  }
  mapping_ = std::move(mapping);
  inbox_ = std::move(inbox);
  config_ = std::move(config);
  seen_tail_ = tail;
  for (uint64_t position = tail; position != head_; position++) write_cell(position, mine(position));
  // Nobody else has this region yet: the broker hands it to the reader only after our answer, and its socket orders
  // these stores.
  shared()->start.store(tail, std::memory_order_relaxed);
  shared()->tail.store(tail, std::memory_order_relaxed);
  shared()->head.store(head_, std::memory_order_release);
  state_ = State::open;
  opened_before_ = true;
  return Status::ok;
}

Status EdgeWriter::move_inbox(Fd inbox, Fd doorbell, Error* error) {
  InboxPeer moved;
  if (Status s = InboxPeer::open(std::move(inbox), std::move(doorbell), config_.constants.input_bit, &moved, error);
      s != Status::ok)
    return s;
  inbox_ = std::move(moved);
  if (state_ == State::open) inbox_.notify();
  return Status::ok;
}

/// Reads tail, unless the largest one seen leaves room: then the reader's line stays where it is. False as below.
bool EdgeWriter::tail_for_put(uint64_t* tail) {
  *tail = seen_tail_;
  return head_ - seen_tail_ < queue_size() || read_tail(tail);
}

/// Reads tail. False when it is none that an honest reader could have written.
bool EdgeWriter::read_tail(uint64_t* tail) {
  // SYNC: ring-tail. Acquire: the reader's copy of the cell is over before the cell is written again.
  *tail = shared()->tail.load(std::memory_order_acquire);
  if (*tail < seen_tail_ || *tail > head_ || head_ - *tail > queue_size()) return false;
  seen_tail_ = *tail;
  return true;
}

bool EdgeWriter::still_queued(const QueuedEntry& entry) const {
  return is_given(entry.slot) && pool_->info(entry.slot).generation == entry.generation;
}

void EdgeWriter::give(uint32_t slot) {
  given_[slot / 64] |= uint64_t{1} << (slot % 64);
  given_count_++;
  pool_->add_ref(slot);
}

void EdgeWriter::ungive(uint32_t slot) {
  given_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
  given_count_--;
  pool_->unref(slot);
}

void EdgeWriter::sweep() {
  if (state_ != State::open) return;
  const uint32_t words = (pool_->slot_count() + 63) / 64;
  for (uint32_t w = 0; w < words; w++) {
    // SYNC: slot-want. Seq_cst, this look as much as the exchange: after want_slot() it must not be served before that
    // store.
    if (rel()[w].load(std::memory_order_seq_cst) == 0) continue;
    // SYNC: slot-release. Acquire: the reader's use of the payload is over.
    uint64_t bits = rel()[w].exchange(0, std::memory_order_seq_cst) & given_[w];
    for (; bits != 0; bits &= bits - 1) ungive(w * 64 + static_cast<uint32_t>(std::countr_zero(bits)));
  }
}

bool EdgeWriter::over_limit() {
  const uint64_t limit = uint64_t{queue_size()} + config_.constants.hold_limit;
  if (given_count_ < limit) return false;
  sweep();
  return given_count_ >= limit;
}

bool EdgeWriter::has_room() {
  if (state_ == State::closed) return false;
  uint64_t tail;
  if (!tail_for_put(&tail)) {
    close();
    return false;
  }
  if (head_ - tail >= queue_size()) return false;
  return !over_limit();
}

bool EdgeWriter::want_room() {
  if (state_ == State::closed) return false;
  // Half the ring, against a wake-up a message.
  const uint64_t target = head_ - queue_size() / 2;
  const uint64_t tail = shared()->tail.load(std::memory_order_acquire);
  if (head_ - tail >= queue_size()) {
    DORA_STEP("pub.want_set");
    // SYNC: ring-want. Our store, then our load of tail; the reader stores tail, then loads want_tail: one sees the
    // other.
    shared()->want_tail.store(target, std::memory_order_seq_cst);
    DORA_STEP("pub.want_check");
    if (head_ - shared()->tail.load(std::memory_order_seq_cst) >= queue_size()) return false;
    shared()->want_tail.store(0, std::memory_order_seq_cst);
  }
  if (over_limit()) {
    want_slot();
    if (over_limit()) return false;
  }
  return true;
}

void EdgeWriter::set_waits(uint64_t since_ns) {
  const bool full = std::exchange(full_, false);
  if (state_ != State::closed) shared()->waits_since.store(full ? since_ns : 0, std::memory_order_relaxed);
}

void EdgeWriter::want_slot() {
  if (state_ != State::open) return;
  DORA_STEP("pub.slot_want");
  // SYNC: slot-want. Then the caller sweeps again (seq_cst exchange): either it finds the bit or the reader finds the
  // wish.
  shared()->want_slot.store(1, std::memory_order_seq_cst);
}

void EdgeWriter::write_cell(uint64_t position, const QueuedEntry& entry) {
  Cell& cell = cells()[position & (config_.constants.cells - 1)];
  cell.where.store(uint64_t{entry.slot} | entry.offset / 64 << 32, std::memory_order_relaxed);
  cell.payload_size.store(entry.payload_size, std::memory_order_relaxed);
  cell.stamp.store(entry.stamp, std::memory_order_relaxed);
  cell.generation.store(entry.generation, std::memory_order_relaxed);
}

/// Takes the oldest entry back, or finds that the reader has just claimed it. Either way the ring has room afterwards.
Status EdgeWriter::take_back(uint64_t tail) {
  DORA_STEP("pub.takeback");
  // SYNC: ring-claim. Exactly one of reader and writer gets the entry at this position.
  if (shared()->tail.compare_exchange_strong(tail, tail + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
    seen_tail_ = tail + 1;
    if (still_queued(mine(tail))) ungive(mine(tail).slot);
    return Status::ok;
  }
  // The reader was faster, so tail has moved on from what we saw.
  if (tail <= seen_tail_ || tail > head_) {
    close();
    return Status::shm_corrupt;
  }
  seen_tail_ = tail;
  return Status::ok;
}

/// The reader holds all it may and the ring is empty: this message is dropped for it, by position, so that its count
/// stays exact.
Status EdgeWriter::skip() {
  uint64_t tail = head_;
  DORA_STEP("pub.skip_tail");
  // SYNC: ring-claim. The ring is empty, so an honest reader does not touch tail; it sees head < tail for a moment and
  // looks again.
  if (!shared()->tail.compare_exchange_strong(tail, tail + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
    close();
    return Status::shm_corrupt;
  }
  DORA_STEP("pub.head");
  shared()->head.store(++head_, std::memory_order_release);
  seen_tail_ = head_;
  return Status::ok;
}

Status EdgeWriter::put(const QueuedEntry& entry) {
  if (is_given(entry.slot)) {
    sweep();
    if (is_given(entry.slot)) return Status::internal;  // one bit an edge cannot say "twice"; senders never do this
  }
  uint64_t tail;
  if (!tail_for_put(&tail)) {
    close();
    return Status::shm_corrupt;
  }
  if (head_ - tail == queue_size()) {
    if (Status s = take_back(tail); s != Status::ok) return s;
  }
  // The limit concerns drop_oldest here; a backpressure edge was asked by has_room() before anything was put anywhere.
  // Each turn moves tail on, so there are at most queue_size of them whatever the reader does.
  while (policy() == Policy::drop_oldest && over_limit()) {
    if (!read_tail(&tail)) {
      close();
      return Status::shm_corrupt;
    }
    if (tail == head_) return skip();
    if (Status s = take_back(tail); s != Status::ok) return s;
  }
  DORA_STEP("pub.given");
  give(entry.slot);  // before the entry can be seen
  mine(head_) = entry;
  DORA_STEP("pub.cell");
  write_cell(head_, entry);
  DORA_STEP("pub.head");
  // SYNC: ring-head. Publishes header, payload, metadata and cell; pairs with the reader's load of head.
  shared()->head.store(++head_, std::memory_order_release);
  fetch_to_write(&cells()[(head_ + kCellsAhead) & (config_.constants.cells - 1)]);
  return Status::ok;
}

void EdgeWriter::peer_died() {
  if (state_ != State::open) return;
  // SYNC: final-tail.
  uint64_t tail;
  if (!read_tail(&tail)) tail = head_;
  seen_tail_ = tail;
  shared()->tail.store(tail, std::memory_order_relaxed);
  std::vector<uint64_t> queued(given_.size());
  for (uint64_t position = tail; position != head_; position++) {
    const QueuedEntry& entry = mine(position);
    if (still_queued(entry)) queued[entry.slot / 64] |= uint64_t{1} << (entry.slot % 64);
  }
  for (uint32_t w = 0; w < given_.size(); w++) {
    for (uint64_t bits = given_[w] & ~queued[w]; bits != 0; bits &= bits - 1)
      ungive(w * 64 + static_cast<uint32_t>(std::countr_zero(bits)));
  }
  // Its release map is dead too, and never swept again: a bit left there would free a slot that is queued later.
  for (uint32_t w = 0; w < config_.constants.rel_words; w++) rel()[w].store(0, std::memory_order_relaxed);
  state_ = State::orphan;
}

void EdgeWriter::end() {
  if (state_ == State::closed) return;
  // SYNC: edge-ended. Release: every head of ours is visible to a reader that sees this.
  shared()->ended.store(1, std::memory_order_release);
  if (state_ == State::open) inbox_.notify();
}

void EdgeWriter::close() {
  if (state_ == State::closed) return;
  for (uint32_t w = 0; w < given_.size(); w++) {
    for (uint64_t bits = given_[w]; bits != 0; bits &= bits - 1)
      ungive(w * 64 + static_cast<uint32_t>(std::countr_zero(bits)));
  }
  state_ = State::closed;
}

}  // namespace dora
