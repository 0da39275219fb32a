// One output. See publisher.h.
#include "core/publisher.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/fetch.h"

namespace dora {
namespace {
/// Room that every slot has for metadata beyond the payload, so that a loan rarely has to move when it is sent.
constexpr uint64_t kMetadataReserve = 64;
/// Slots of this size on are swept for before one is taken: what its readers have just given back is still in the
/// writer's caches, and the fewer slots go round, the more of them are. For smaller ones a look at the release map,
/// whose line comes from a reader's core, costs more than it gains, and so it does while the whole pool fits into the
/// caches.
constexpr uint64_t kSweptFirst = 32 * 1024;
constexpr uint64_t kCached = 1024 * 1024;
}  // namespace

Publisher::Publisher(PublisherConfig config, MemoryBudget* budget, Hlc* hlc)
    : config_(std::move(config)), hlc_(hlc), pool_(config_.name, config_.map_bytes, config_.max_slots, budget) {}

void Publisher::sweep_all() {
  for (auto& edge : edges_) edge->sweep();
}

Status Publisher::allocate(uint64_t bytes, uint32_t* slot, Error* error) {
  if (bytes >= kSweptFirst && pool_.bytes() > kCached) sweep_all();
  if (pool_.allocate(bytes, false, slot, error) == Status::ok) return Status::ok;
  sweep_all();
  Status s = pool_.allocate(bytes, true, slot, error);
  if (s != Status::shm_exhausted) return s;
  // Whoever releases next rings; then look once more, so that a release in between is not missed (SYNC: slot-want).
  for (auto& edge : edges_) edge->want_slot();
  const uint32_t free_before = pool_.free_count();
  sweep_all();
  // Growing may serve it by a larger slot that has just come back.
  if (pool_.free_count() != free_before && pool_.allocate(bytes, true, slot, error) == Status::ok) return Status::ok;
  describe_holders(error);
  return s;
}

void Publisher::describe_holders(Error* error) {
  for (auto& edge : edges_) {
    if (edge->held() == 0) continue;
    error->message += "; \"" + edge->peer() + "\" has " + std::to_string(edge->held());
  }
}

Status Publisher::closed_error(Error* error) const {
  return error->fail(Status::ended, "output \"" + config_.name + "\" is closed");
}

Status Publisher::check_size(uint64_t size, Error* error) const {
  const uint64_t least = metadata_offset(size) + kMetadataReserve;
  if (size <= UINT32_MAX && least <= config_.map_bytes) return Status::ok;
  return error->fail(Status::too_large,
                     "a message of " + std::to_string(size) + " bytes on \"" + config_.name +
                         "\" is larger than its memory (" + std::to_string(config_.map_bytes) + " bytes)",
                     "Raise the node's shared_memory_pool_size, or send less at once.");
}

Status Publisher::check_metadata(uint32_t size, Error* error) const {
  if (size <= kMaxMetadata) return Status::ok;
  return error->fail(Status::too_large, "metadata of " + std::to_string(size) + " bytes on \"" + config_.name +
                                            "\"; at most " + std::to_string(kMaxMetadata));
}

Status Publisher::loan(uint64_t size, uint32_t* slot, uint8_t** data, uint64_t* capacity, Error* error) {
  std::lock_guard guard(lock_);
  if (ended_) return closed_error(error);
  if (Status s = check_size(size, error); s != Status::ok) return s;
  if (Status s = allocate(metadata_offset(size) + kMetadataReserve, slot, error); s != Status::ok) return s;
  SlotInfo& info = pool_.info(*slot);
  *data = info.base + sizeof(SlotHeader);
  *capacity = info.capacity - sizeof(SlotHeader);
  return Status::ok;
}

bool Publisher::room_everywhere(bool arm) {
  bool room = true;
  for (auto& edge : edges_) {
    if (edge->state() == EdgeWriter::State::closed || edge->policy() != Policy::backpressure) continue;
    if (edge->has_room()) continue;
    if (edge->state() == EdgeWriter::State::closed) {
      note_corrupt(*edge);
      continue;
    }
    if (!arm) return false;
    if (edge->want_room()) continue;
    edge->note_full();
    room = false;
  }
  if (room && waits_since_ != 0) end_wait_locked();
  return room;
}

uint64_t Publisher::begin_wait(uint64_t now_ns) {
  std::lock_guard guard(lock_);
  if (waits_since_ == 0) waits_since_ = now_ns;
  for (auto& edge : edges_) edge->set_waits(waits_since_);
  return waits_since_;
}

uint64_t Publisher::waits_since() const {
  std::lock_guard guard(lock_);
  return waits_since_;
}

void Publisher::end_wait() {
  std::lock_guard guard(lock_);
  if (waits_since_ != 0) end_wait_locked();
}

void Publisher::end_wait_locked() {
  waits_since_ = 0;
  for (auto& edge : edges_) edge->set_waits(0);
}

void Publisher::announce() {
  std::lock_guard guard(lock_);
  if (edges_.size() == 1 && edges_[0]->state() == EdgeWriter::State::open && !ended_) edges_[0]->announce();
}

bool Publisher::has_room(bool arm) {
  std::lock_guard guard(lock_);
  return room_everywhere(arm);
}

/// The metadata does not fit behind the payload: a larger slot takes both. Rare: slots have spare room.
Status Publisher::move_to_larger(Outgoing* message, Error* error) {
  uint32_t slot;
  if (Status s = allocate(metadata_offset(message->size) + message->metadata_size, &slot, error); s != Status::ok)
    return s;
  memcpy(pool_.info(slot).base + sizeof(SlotHeader), pool_.info(message->slot).base + sizeof(SlotHeader),
         message->size);
  pool_.unref(message->slot);
  message->slot = slot;
  return Status::ok;
}

QueuedEntry Publisher::entry_of(uint32_t slot, uint64_t stamp) {
  const SlotInfo& info = pool_.info(slot);
  return {slot, info.offset, reinterpret_cast<const SlotHeader*>(info.base)->payload_size, stamp, info.generation};
}

void Publisher::fetch_for_send(const uint8_t* data, uint64_t size) const {
  const uint8_t* header = data - sizeof(SlotHeader);
  fetch_to_write(header);
  fetch_to_write(header + metadata_offset(size));
  const auto* own = reinterpret_cast<const uint8_t*>(this);
  for (size_t at = 0; at < sizeof *this; at += kLine) fetch_to_write(own + at);
}

Status Publisher::send(const Outgoing& message, PublishedSlot* published, Error* error) {
  std::lock_guard guard(lock_);
  if (ended_) return closed_error(error);
  if (Status s = check_metadata(message.metadata_size, error); s != Status::ok) return s;
  if (!room_everywhere(message.arm)) return Status::would_block;
  return publish(message, published, error);
}

Status Publisher::send_copy(const void* data, const Outgoing& given, PublishedSlot* published, Error* error) {
  std::lock_guard guard(lock_);
  if (ended_) return closed_error(error);
  if (!room_everywhere(given.arm)) return Status::would_block;
  Outgoing message = given;
  if (Status s = check_size(message.size, error); s != Status::ok) return s;
  if (Status s = check_metadata(message.metadata_size, error); s != Status::ok) return s;
  if (Status s = allocate(metadata_offset(message.size) + std::max<uint64_t>(kMetadataReserve, message.metadata_size),
                          &message.slot, error);
      s != Status::ok)
    return s;
  if (message.size > 0) memcpy(pool_.info(message.slot).base + sizeof(SlotHeader), data, message.size);
  return publish(message, published, error);
}

/// Under the lock, with room everywhere. A failure leaves the slot to the caller; there is none when it holds the
/// metadata.
Status Publisher::publish(Outgoing message, PublishedSlot* published, Error* error) {
  const uint64_t end = metadata_offset(message.size) + message.metadata_size;
  if (end > pool_.info(message.slot).capacity) {
    if (Status s = move_to_larger(&message, error); s != Status::ok) return s;
  }
  const uint64_t own = message.sent_at_ns != 0 ? message.sent_at_ns : hlc_->stamp(message.wall_ns);
  const uint64_t stamp = last_stamp_ = std::max(own, last_stamp_);  // never decreasing within a ring
  SlotInfo& info = pool_.info(message.slot);
  const SlotHeader header{
      info.generation, message.size, message.metadata_size, message.encoding, kSlotVersion, ++sequence_,
      stamp,           {0, 0, 0}};
  memcpy(info.base, &header, sizeof header);
  if (message.metadata_size > 0)
    memcpy(info.base + metadata_offset(message.size), message.metadata, message.metadata_size);

  if (message.local_refs > 0) info.refs.fetch_add(message.local_refs, std::memory_order_relaxed);
  const QueuedEntry entry{message.slot, info.offset, message.size, stamp, info.generation};
  for (auto& edge : edges_) {
    if (edge->state() == EdgeWriter::State::closed) continue;
    const Status s = edge->put(entry);
    if (s == Status::shm_corrupt) note_corrupt(*edge);
  }
  // Nobody is woken before every edge has it: who is woken may answer at once, and the answer must not overtake its
  // cause.
  for (auto& edge : edges_) {
    if (edge->state() != EdgeWriter::State::closed) edge->notify();
  }
  count(message.size);
  if (config_.retain > 0) keep_newest(message.slot, stamp);
  if (published != nullptr) *published = {message.slot, info.base, sequence_, stamp};
  pool_.unref(message.slot);
  return Status::ok;
}

/// Relaxed: the lock makes this the only writer, and the counts order nothing.
void Publisher::count(uint64_t bytes) {
  if (config_.counts == nullptr) return;
  auto add = [](std::atomic<uint64_t>& counter, uint64_t n) {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  };
  add(config_.counts->sent, 1);
  add(config_.counts->bytes, bytes);
}

void Publisher::keep_newest(uint32_t slot, uint64_t stamp) {
  pool_.add_ref(slot);
  if (newest_.size() < config_.retain) {
    newest_.push_back(entry_of(slot, stamp));
    return;
  }
  pool_.unref(std::exchange(newest_[oldest_], entry_of(slot, stamp)).slot);
  oldest_ = (oldest_ + 1) % config_.retain;
}

void Publisher::unref(uint32_t slot) {
  std::lock_guard guard(lock_);
  pool_.unref(slot);
}

void Publisher::note_corrupt(const EdgeWriter& edge) {
  corrupt_.push_back(edge.edge_id());
  has_corrupt_.store(true, std::memory_order_relaxed);
}

EdgeWriter* Publisher::find(uint64_t edge_id) {
  for (auto& edge : edges_) {
    if (edge->edge_id() == edge_id) return edge.get();
  }
  return nullptr;
}

Status Publisher::open_edge(EdgeWriterConfig config, bool is_return, Error* error) {
  std::lock_guard guard(lock_);
  EdgeWriter* known = find(config.edge_id);
  if (known != nullptr) {
    const Status s = known->open(std::move(config), error);
    if (s == Status::ok && ended_) known->end();
    return s;
  }
  auto edge = std::make_unique<EdgeWriter>(&pool_);
  if (Status s = edge->open(std::move(config), error); s != Status::ok) return s;
  edges_.push_back(std::move(edge));
  EdgeWriter& added = *edges_.back();
  const size_t skip =
      is_return ? newest_.size() : newest_.size() - std::min<size_t>(newest_.size(), added.queue_size());
  for (size_t i = skip; i < newest_.size(); i++) added.put(newest_[(oldest_ + i) % newest_.size()]);
  if (ended_) added.end();
  return Status::ok;
}

void Publisher::close_edge(uint64_t edge_id) {
  std::lock_guard guard(lock_);
  std::erase_if(edges_, [&](auto& edge) {
    if (edge->edge_id() != edge_id) return false;
    edge->close();
    return true;
  });
}

Status Publisher::move_inbox(uint64_t edge_id, Fd* inbox, Fd* doorbell, Error* error) {
  std::lock_guard guard(lock_);
  EdgeWriter* edge = find(edge_id);
  return edge == nullptr ? Status::empty : edge->move_inbox(std::move(*inbox), std::move(*doorbell), error);
}

void Publisher::peer_died(uint64_t edge_id, uint64_t peer_incarnation) {
  std::lock_guard guard(lock_);
  EdgeWriter* edge = find(edge_id);
  if (edge != nullptr && edge->peer_incarnation() == peer_incarnation) edge->peer_died();
}

void Publisher::end() {
  std::lock_guard guard(lock_);
  if (ended_) return;
  ended_ = true;
  if (waits_since_ != 0) end_wait_locked();
  for (auto& edge : edges_) edge->end();
}

bool Publisher::ended() const {
  std::lock_guard guard(lock_);
  return ended_;
}

uint32_t Publisher::open_edges() const {
  std::lock_guard guard(lock_);
  return static_cast<uint32_t>(
      std::count_if(edges_.begin(), edges_.end(), [](auto& edge) { return edge->state() == EdgeWriter::State::open; }));
}

uint64_t Publisher::sent() const {
  std::lock_guard guard(lock_);
  return sequence_;
}

std::vector<EdgeStatus> Publisher::edges() const {
  std::lock_guard guard(lock_);
  std::vector<EdgeStatus> out;
  out.reserve(edges_.size());
  for (auto& edge : edges_) out.push_back({edge->edge_id(), edge->region_id(), edge->peer_incarnation()});
  return out;
}

std::vector<uint64_t> Publisher::take_corrupt() {
  std::lock_guard guard(lock_);
  has_corrupt_.store(false, std::memory_order_relaxed);
  return std::exchange(corrupt_, {});
}

uint32_t Publisher::busy_slots() {
  std::lock_guard guard(lock_);
  sweep_all();
  return pool_.slot_count() - pool_.free_count() - static_cast<uint32_t>(newest_.size());
}

}  // namespace dora
