// Bytes as a program against both ends of an edge: what honest peers do, and what a hostile one writes in between.
//
// The edge, its inbox and its pool are real. A hostile publisher writes anything anywhere into the edge, the inbox and
// the pool; a hostile subscriber anything but the pool, which it can only read. Beside single words they forge what
// fits together, which single words hardly ever come to: a publisher a queue entry with the header and the metadata
// that it points at, a subscriber a set of released slots with the tail that goes with it. (Who holds a slot is counted
// in private memory, which neither can forge.) Writes happen between two operations, or at a labelled step within one
// (dora::step(), which the program that includes this defines to call Program::step).
//
// What must hold, else abort(): no operation takes more than kMostSteps, statuses are those the headers promise, what
// a claim returns is backed by memory, an edge is corrupt for good, a second subscriber of the same output misses
// nothing, a successor is given only what is in order, and in the end no slot is leaked. Callers: reader_fuzz.cc
// (libFuzzer), reader_program_test.cc (random bytes).
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <variant>
#include <vector>

#include "core/metadata.h"
#include "core/step.h"
#include "edge_pair.h"

namespace dora::test {

class Program {
 public:
  Program(const uint8_t* bytes, size_t size) : bytes_(bytes), left_(size) {}
  void run();
  /// The program that runs now in this process, at a labelled step.
  static void step() {
    if (running != nullptr) running->on_step();
  }

 private:
  /// Only a part of the pool's mapping ever has memory behind it, at first a quarter.
  static constexpr uint64_t kMap = 1 << 20, kBudget = 512 << 10;
  static constexpr uint32_t kSlots = 128, kMostSteps = 4096, kMostOperations = 512;
  static inline Program* running = nullptr;

  /// A write into shared memory: `size` bytes of `value`, added to what stands there if `add`.
  struct Write {
    uint8_t place, size;
    bool add;
    uint32_t at;
    uint64_t value;
  };
  /// A queue entry and the slot header and metadata that it points at, all of one mind.
  struct Entry {
    uint64_t position;  ///< from tail on
    bool publish;       ///< moves head behind it
    bool differs;       ///< the generation of the header is another one after all
    uint64_t slot, offset, payload_size, generation, stamp, sequence;
    uint32_t metadata_size;
    uint16_t version, encoding;
    uint8_t blob[16];  ///< how the metadata begins
  };
  /// Slots given back and the tail that goes with them.
  struct Release {
    uint64_t positions;   ///< bit i: the slot of the entry at tail - 16 + i
    int8_t tail_by;       ///< tail moves by so much
    bool from_head;       ///< counted from head, not from where it is
    uint8_t wishes;       ///< bit 0: clears want_slot, 1: clears want_tail, 2: rings
    uint64_t more_slots;  ///< and these of the first 64
  };
  using Act = std::variant<Write, Entry, Release>;
  /// An act within an operation: steps before the first, and at how many steps.
  struct Armed {
    Act act;
    uint32_t after, times;
  };

  static void must(bool holds, const char* what) {
    if (holds) return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
  }
  uint64_t take(size_t bytes) {
    uint64_t value = 0;
    const size_t n = std::min(bytes, left_);
    if (n > 0) memcpy(&value, bytes_, n);
    bytes_ += n;
    left_ -= n;
    return value;
  }
  void begin() { steps_ = 0; }
  void on_step();
  void open(uint64_t region_id);
  void operation();
  Write read_write();
  Entry read_entry();
  Release read_release();
  Act read_act();
  uint64_t near(uint64_t value);
  void act(const Act& act);
  void hostile(const Write& write);
  void hostile(const Entry& entry);
  void hostile(const Release& release);
  EdgeShared* shared() { return reinterpret_cast<EdgeShared*>(edge_view_.data()); }
  Cell& cell(uint64_t position) {
    return reinterpret_cast<Cell*>(edge_view_.data() + kCellsOffset)[position & (edge_->constants.cells - 1)];
  }
  void send();
  Status claim();
  void drain();
  void release(size_t index);
  void bystander();
  void succeed();
  void sleep();
  void finish();
  void check(const ClaimedSample& sample, const EdgeReader& reader) const;

  const uint8_t* bytes_;
  size_t left_;
  FixedBudget budget_{kBudget};
  Hlc hlc_;
  Policy policy_ = Policy::drop_oldest;
  uint32_t queue_ = 1, hold_ = 0, steps_ = 0;
  bool bad_publisher_ = false, tainted_ = false;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<EdgePair> edge_, other_;
  Mapping edge_view_, inbox_view_;
  uint8_t* pool_ = nullptr;
  std::vector<Armed> armed_;
  std::vector<ClaimedSample> held_;
  uint64_t region_id_ = 1, sent_ = 0, expected_ = 0, other_seen_ = 0;
};

inline void Program::run() {
  const uint64_t shape = take(2);
  policy_ = (shape & 1) != 0 ? Policy::backpressure : Policy::drop_oldest;
  bad_publisher_ = (shape & 2) != 0;
  queue_ = 1 + (shape >> 2) % 9;
  hold_ = (shape >> 8) % 7;
  Error error;
  publisher_ = std::make_unique<Publisher>(PublisherConfig{"out", kMap, kSlots, 0}, &budget_, &hlc_);
  must(publisher_->init(&error) == Status::ok, "a pool");
  uint32_t slot;
  uint64_t capacity;
  must(publisher_->loan(8, &slot, &pool_, &capacity, &error) == Status::ok, "a first slot");
  publisher_->unref(slot);
  pool_ -= sizeof(SlotHeader);  // the first slot begins the region
  open(region_id_);
  if (!bad_publisher_) {
    other_ = std::make_unique<EdgePair>(Policy::drop_oldest, 4, kSlots, 4, 2, 2);
    must(other_->open_writer(*publisher_) == Status::ok, "the second edge");
    must(other_->open_reader(*publisher_, kMap, kSlots) == Status::ok, "its reader");
  }
  running = this;
  for (uint32_t i = 0; i < kMostOperations && left_ > 0; i++) operation();
  armed_.clear();
  finish();
  running = nullptr;
}

/// Makes a region as the broker does and opens both ends; none when the publisher has given the edge up.
inline void Program::open(uint64_t region_id) {
  auto next = std::make_unique<EdgePair>(policy_, queue_, kSlots, hold_, 1, region_id);
  const Status s = next->open_writer(*publisher_, region_id != 1);
  edge_.reset();
  held_.clear();
  armed_.clear();
  if (s != Status::ok) {
    must(s == Status::shm_corrupt && tainted_, "only an edge that was damaged cannot come back");
    return;
  }
  Error error;
  must(next->open_reader(*publisher_, kMap, kSlots) == Status::ok, "a reader");
  must(Mapping::map(next->region.get(), file_size(next->region.get()), true, &edge_view_, &error) == Status::ok,
       "view");
  must(Mapping::map(next->inbox_memory.get(), kInboxSize, true, &inbox_view_, &error) == Status::ok, "view");
  edge_ = std::move(next);
  if (tainted_) expected_ = 0;            // the predecessor may have said that it has read less than it had
  tainted_ = tainted_ && bad_publisher_;  // the region is new, the pool is not
}

inline void Program::operation() {
  begin();
  switch (take(1) % 14) {
    case 0:
    case 1: return send();
    case 2:
    case 3: claim(); return;
    case 4: return release(take(1));
    case 5: return sleep();
    case 6:
    case 7: return hostile(read_write());
    case 8:
      if (armed_.size() < 4) {
        const uint64_t how = take(1);
        armed_.push_back({read_act(), static_cast<uint32_t>((how & 1) != 0 ? take(1) : how >> 4),
                          static_cast<uint32_t>((how & 2) != 0 ? 1 + take(1) : 1)});
      }
      return;
    case 9: return bystander();
    case 10: return drain();
    case 11: return succeed();
    default: return act(read_act());
  }
}

inline Program::Write Program::read_write() {
  const uint64_t how = take(1);
  Write write{static_cast<uint8_t>(how & 7), 8, (how & 8) != 0, static_cast<uint32_t>(take(2)), 0};
  if ((how & 16) != 0) write.size = static_cast<uint8_t>(1 + take(1) % 8);
  // Small numbers, of either sign, are the more dangerous ones: they are nearly right.
  write.value = (how & 32) != 0 ? take(8) : static_cast<uint64_t>(static_cast<int64_t>(static_cast<int8_t>(take(1))));
  return write;
}

/// The value, one near it, one at an edge of what there is, or any.
inline uint64_t Program::near(uint64_t value) {
  const uint64_t how = take(1), by = how >> 3;
  const uint64_t backed = file_size(publisher_->pool_fd());
  switch (how & 7) {
    case 0:
    case 1: return value;
    case 2: return value + by;
    case 3: return value - by;
    case 4: return backed - by * 8;
    case 5: return kMap - by * 8;
    case 6: return (uint64_t{1} << (by * 2)) - (by & 1);
    default: return take(8);
  }
}

/// Every field is that of what is there already, or a lie; the header is told the same.
inline Program::Entry Program::read_entry() {
  const uint64_t how = take(1);
  Entry entry{};
  if (edge_ == nullptr) return entry;
  entry.position = how & 7;
  entry.publish = (how & 8) != 0;
  entry.differs = (how & 16) != 0;
  const Cell& there = cell(shared()->tail.load() + entry.position);
  const uint64_t where = there.where.load();
  entry.slot = near(where & UINT32_MAX);
  entry.offset = near((where >> 32) * 64);
  entry.payload_size = near(there.payload_size.load());
  entry.generation = near(there.generation.load());
  entry.stamp = near(there.stamp.load());
  entry.metadata_size = static_cast<uint32_t>((how & 32) != 0 ? near(kMaxMetadata) : take(1));
  entry.sequence = (how & 64) != 0 ? near(sent_) : sent_;
  entry.version = kSlotVersion;
  if ((how & 128) != 0) {
    const uint64_t word = take(2);
    if (word % 4 == 0) entry.version = static_cast<uint16_t>(word / 4);
    entry.encoding = static_cast<uint16_t>(word);
  }
  const uint64_t blob[2] = {take(8), take(8)};
  memcpy(entry.blob, blob, sizeof blob);
  return entry;
}

inline Program::Release Program::read_release() {
  const uint64_t how = take(1);
  return {(how & 1) != 0 ? take(4) : uint64_t{0xffff} << (how >> 4), static_cast<int8_t>(take(1)), (how & 2) != 0,
          static_cast<uint8_t>(how >> 5), (how & 4) != 0 ? take(8) : 0};
}

inline Program::Act Program::read_act() {
  const uint64_t kind = take(1);
  if (kind % 4 == 0) return read_write();
  if (bad_publisher_ && kind % 4 != 1) return read_entry();
  return read_release();
}

inline void Program::act(const Act& act) {
  std::visit([this](const auto& what) { hostile(what); }, act);
}

inline void Program::hostile(const Entry& entry) {
  if (edge_ == nullptr || !bad_publisher_) return;
  tainted_ = true;
  // In an order in which the reader can see it half done, as a publisher writes it: header, cell, head.
  const uint64_t offset = entry.offset & ~uint64_t{63};
  const uint64_t backed = file_size(publisher_->pool_fd());
  if (offset < backed) {
    const SlotHeader header{entry.generation + (entry.differs ? 1 : 0),
                            entry.payload_size,
                            entry.metadata_size,
                            entry.encoding,
                            entry.version,
                            entry.sequence,
                            entry.stamp,
                            {}};
    memcpy(pool_ + offset, &header, std::min<uint64_t>(sizeof header, backed - offset));
    const uint64_t metadata = offset + metadata_offset(entry.payload_size);
    if (metadata > offset && metadata < backed)
      memcpy(pool_ + metadata, entry.blob, std::min<uint64_t>(sizeof entry.blob, backed - metadata));
  }
  const uint64_t position = shared()->tail.load() + entry.position;
  Cell& to = cell(position);
  to.where.store((entry.slot & UINT32_MAX) | offset / 64 << 32);
  to.payload_size.store(entry.payload_size);
  to.stamp.store(entry.stamp);
  to.generation.store(entry.generation);
  if (entry.publish) shared()->head.store(position + 1);
}

inline void Program::hostile(const Release& release) {
  if (edge_ == nullptr) return;
  tainted_ = true;
  EdgeShared& edge = *shared();
  auto* rel = reinterpret_cast<std::atomic<uint64_t>*>(edge_view_.data() + edge_->constants.rel_offset);
  const uint64_t tail = edge.tail.load();
  for (uint64_t i = 0; i < 32; i++) {
    if ((release.positions >> i & 1) == 0) continue;
    const uint64_t slot = cell(tail - 16 + i).where.load() % (edge_->constants.rel_words * 64);
    rel[slot / 64].fetch_or(uint64_t{1} << (slot % 64));
  }
  rel[0].fetch_or(release.more_slots);
  edge.tail.store((release.from_head ? edge.head.load() : tail) +
                  static_cast<uint64_t>(static_cast<int64_t>(release.tail_by)));
  if ((release.wishes & 1) != 0) edge.want_slot.store(0);
  if ((release.wishes & 2) != 0) edge.want_tail.store(0);
  if ((release.wishes & 4) != 0) ring_doorbell(edge_->writer_bell.get());
}

inline void Program::hostile(const Write& write) {
  if (edge_ == nullptr) return;
  uint8_t* base = edge_view_.data();
  uint64_t size = edge_view_.size(), at = write.at;
  switch (write.place) {
    case 0: at = offsetof(EdgeShared, head); break;
    case 1: at = offsetof(EdgeShared, tail); break;
    case 2:  // the words behind want_tail
      at = offsetof(EdgeShared, want_tail) + at % 64;
      break;
    case 3: at = kCellsOffset + at % (edge_->constants.cells * 4) * 8; break;
    case 4: at = edge_->constants.rel_offset + at % (edge_->constants.rel_words * 8); break;
    case 5:
      base = inbox_view_.data();
      size = kInboxSize;
      break;
    case 6:
      if (bad_publisher_) {
        base = pool_;
        size = file_size(publisher_->pool_fd());
        if ((at & 1) != 0) at = at / 2 % 64 * 64 + at / 128 % 8 * 8;  // a word of some slot's header, more likely
      }
      break;
    default: break;
  }
  const uint64_t length = std::min<uint64_t>(write.size, size);
  at = std::min(at % size, size - length);
  uint64_t value = 0;
  if (write.add) memcpy(&value, base + at, length);
  value += write.value;
  memcpy(base + at, &value, length);
  tainted_ = true;
}

inline void Program::on_step() {
  must(++steps_ <= kMostSteps, "an operation is bounded in time");
  for (Armed& armed : armed_) {
    if (armed.after > 0) {
      armed.after--;
    } else if (armed.times > 0) {
      armed.times--;
      act(armed.act);
    }
  }
  std::erase_if(armed_, [](const Armed& armed) { return armed.times == 0; });
}

inline void Program::send() {
  const uint64_t how = take(1);
  const uint64_t size = (how & 1) != 0 ? 8 + take(2) % 9000 : 8;
  const bool arm = (how & 2) != 0;
  uint8_t blob[64];
  uint64_t blob_size = 0;
  const uint64_t value = take(how >> 6);
  if ((how & 4) != 0) metadata_put(blob, sizeof blob, &blob_size, "k", 2, &value, 8);
  uint8_t payload[9100] = {};
  memcpy(payload, &sent_, sizeof sent_);
  Outgoing message;
  message.size = size;
  message.wall_ns = 1000 + sent_;
  message.arm = arm;
  message.metadata = blob;
  message.metadata_size = static_cast<uint32_t>(blob_size);
  Error error;
  const Status s = publisher_->send_copy(payload, message, nullptr, &error);
  if (s == Status::ok) sent_++;
  must(s == Status::ok || s == Status::would_block || s == Status::shm_exhausted, "what a send says");
  if (s == Status::would_block) {
    must(policy_ == Policy::backpressure, "only backpressure waits");
    publisher_->begin_wait(1);
    if ((how & 8) != 0) publisher_->end_wait();
  }
  const std::vector<uint64_t> corrupt = publisher_->take_corrupt();
  must(corrupt.empty() || (tainted_ && corrupt == std::vector<uint64_t>{1}), "only the hostile edge is corrupt");
  must(publisher_->sent() == sent_, "what is counted");
}

inline void Program::check(const ClaimedSample& sample, const EdgeReader& reader) const {
  const uint64_t backed = file_size(publisher_->pool_fd());
  auto inside = [&](const uint8_t* data, uint64_t size) {
    if (size == 0) return;
    const uint64_t from = static_cast<uint64_t>(data - reader.pool_base());
    must(data >= reader.pool_base() && from <= backed && size <= backed - from, "a sample has memory behind it");
    [[maybe_unused]] static volatile uint8_t sink;
    for (uint64_t i = 0; i < size; i += 61) sink = data[i];
    sink = data[size - 1];
  };
  must(sample.slot < kSlots, "a slot of the pool");
  inside(sample.data, sample.size);
  inside(sample.metadata, sample.metadata_size);
  // As an operator looks at it, in a copy that ends where the blob does.
  const std::vector<uint8_t> blob(sample.metadata, sample.metadata + sample.metadata_size);
  uint32_t type;
  const void* value;
  uint64_t size;
  (void)metadata_get(blob.data(), blob.size(), "k", &type, &value, &size);
}

inline Status Program::claim() {
  if (edge_ == nullptr) return Status::empty;
  begin();
  const bool was_corrupt = edge_->reader.corrupt();
  ClaimedSample sample;
  uint64_t stamp;
  (void)edge_->reader.peek_stamp(&stamp);
  (void)edge_->reader.uncounted_drops();
  const Status s = edge_->reader.claim(&sample, &edge_->error);
  must(s == Status::ok || s == Status::empty || s == Status::would_block || s == Status::shm_corrupt,
       "a claim's status");
  must(s != Status::shm_corrupt || (tainted_ && !was_corrupt && edge_->reader.corrupt()), "corrupt for good, and why");
  must(!was_corrupt || s == Status::empty, "a corrupt edge gives nothing");
  if (s == Status::ok) {
    check(sample, edge_->reader);
    held_.push_back(sample);
    if (!tainted_) {
      must(sample.size >= 8 && number_of(sample) >= expected_ && number_of(sample) < sent_, "messages are in order");
      must(sample.sequence == number_of(sample) + 1, "a message is one");
      expected_ = number_of(sample) + 1;
    }
  }
  must(edge_->reader.held() == held_.size(), "held() is what is held");
  return s;
}

/// With nobody writing, a queue has an end.
inline void Program::drain() {
  const std::vector<Armed> armed = std::move(armed_);
  armed_.clear();
  for (uint32_t claimed = 0; claim() == Status::ok; claimed++) must(claimed < queue_, "a queue has an end");
  armed_ = armed;
}

inline void Program::release(size_t index) {
  if (held_.empty()) return;
  const auto sample = held_.begin() + static_cast<ptrdiff_t>(index % held_.size());
  edge_->reader.release(sample->slot);
  held_.erase(sample);
}

inline void Program::bystander() {
  if (other_ == nullptr) return;
  ClaimedSample sample;
  Status s;
  while ((s = other_->reader.claim(&sample, &other_->error)) == Status::ok) {
    other_seen_ += sample.dropped;
    check(sample, other_->reader);
    must(number_of(sample) == other_seen_ && sample.sequence == other_seen_ + 1, "an honest reader misses nothing");
    other_seen_++;
    other_->reader.release(sample.slot);
  }
  must(s == Status::empty, "an honest edge is never corrupt");
}

/// The subscriber's process dies and comes back, with a new region.
inline void Program::succeed() {
  if (edge_ == nullptr || region_id_ > 8) return;
  publisher_->peer_died(1, region_id_);
  if (take(1) % 2 != 0) send();  // into an orphan
  open(++region_id_);
}

inline void Program::sleep() {
  if (edge_ == nullptr) return;
  uint64_t pending[kInboxWords];
  (void)edge_->inbox.scan(pending);
  edge_->inbox.set_asleep();
  (void)edge_->inbox.any_ready();
  drain_doorbell(edge_->reader_bell.get());
  edge_->inbox.set_awake();
}

inline void Program::finish() {
  begin();
  drain();
  while (!held_.empty()) release(0);
  begin();
  publisher_->end();
  if (!bad_publisher_) {
    bystander();
    must(other_seen_ + other_->reader.uncounted_drops() == sent_, "sent = received + dropped");
    publisher_->close_edge(2);
  }
  publisher_->close_edge(1);
  must(publisher_->busy_slots() == 0, "no slot is leaked");
}

}  // namespace dora::test
