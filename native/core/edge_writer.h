// The publisher's end of one edge: puts entries into the ring, takes the oldest back, sweeps what the reader released.
//
// What this process believes lies here, in private memory: head, a copy of each queued entry, which slots the reader
// was given. Of the shared region it reads only `tail` and the release map, and believes neither beyond what is
// possible (tail only grows, and never beyond head): a reader can damage its own edge at most. References to slots are
// counted by the Pool; this class takes one for each slot given and drops it when the slot comes back.
//
// States: open → orphan (the reader died; entries stay queued and the policy goes on) → open (it came back, new region)
// or closed. Threads: all methods are called under the Publisher's lock.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/inbox.h"
#include "core/layout.h"
#include "core/pool.h"
#include "core/region.h"

namespace dora {

/// Everything that comes with an edge from the broker.
struct EdgeWriterConfig {
  uint64_t edge_id = 0, region_id = 0, peer_incarnation = 0;
  EdgeConstants constants{};
  std::string peer;  ///< for people: "plot/image"
  Fd region, inbox, doorbell;
};

/// A queued entry, as this process knows it.
struct QueuedEntry {
  uint32_t slot = 0;
  uint64_t offset = 0;
  uint64_t payload_size = 0;
  uint64_t stamp = 0;
  uint64_t generation = 0;
};

class EdgeWriter {
 public:
  enum class State { open, orphan, closed };

  explicit EdgeWriter(Pool* pool) : pool_(pool) {}
  EdgeWriter(const EdgeWriter&) = delete;
  EdgeWriter& operator=(const EdgeWriter&) = delete;
  ~EdgeWriter() = default;

  /// Maps the region. The first time the ring is empty; after a death what was unclaimed is put into the new region at
  /// the same positions.
  Status open(EdgeWriterConfig config, Error* error);

  uint64_t edge_id() const { return config_.edge_id; }
  uint64_t region_id() const { return config_.region_id; }
  uint64_t peer_incarnation() const { return config_.peer_incarnation; }
  const std::string& peer() const { return config_.peer; }
  State state() const { return state_; }
  Policy policy() const { return static_cast<Policy>(config_.constants.policy); }
  uint32_t queue_size() const { return config_.constants.queue_size; }
  uint32_t held() const { return given_count_; }

  /// backpressure: may one more entry be put? False also on a violation (then state() is closed).
  bool has_room();
  /// backpressure: asks the reader to ring once there is room, and looks again. True: there is room now after all.
  bool want_room();
  /// backpressure: a sender that waits found no room here; the next set_waits() tells the broker.
  void note_full() { full_ = true; }
  /// Tells the broker that a send waits for room since then: here, if there was none since the last call. 0: nobody
  /// waits.
  void set_waits(uint64_t since_ns);
  /// Asks the reader to ring when it releases a slot.
  void want_slot();
  /// Puts an entry; drop_oldest may take the oldest one back, or drop this one when the reader holds too much.
  /// shm_corrupt closes the edge.
  Status put(const QueuedEntry& entry);
  void notify() { inbox_.notify(); }
  /// An entry follows at once.
  void announce() { inbox_.announce(); }
  /// Takes back what the reader has released.
  void sweep();
  /// The reader's process is dead (pidfd), not merely gone quiet.
  /// The reader looks into another inbox from now on, and is told there that it should look.
  Status move_inbox(Fd inbox, Fd doorbell, Error* error);
  void peer_died();
  /// Tells the reader that nothing follows what is queued.
  void end();
  /// Gives everything up: the reader will not come back, or lied.
  void close();

 private:
  EdgeShared* shared() const { return reinterpret_cast<EdgeShared*>(mapping_.data()); }
  Cell* cells() const { return reinterpret_cast<Cell*>(mapping_.data() + kCellsOffset); }
  std::atomic<uint64_t>* rel() const {
    return reinterpret_cast<std::atomic<uint64_t>*>(mapping_.data() + config_.constants.rel_offset);
  }
  QueuedEntry& mine(uint64_t position) { return mine_[position & (config_.constants.cells - 1)]; }
  bool is_given(uint32_t slot) const { return (given_[slot / 64] >> (slot % 64) & 1) != 0; }
  void give(uint32_t slot);
  void ungive(uint32_t slot);
  bool over_limit();
  bool read_tail(uint64_t* tail);
  bool tail_for_put(uint64_t* tail);
  bool still_queued(const QueuedEntry& entry) const;
  Status take_back(uint64_t tail);
  Status skip();
  void write_cell(uint64_t position, const QueuedEntry& entry);

  Pool* const pool_;
  EdgeWriterConfig config_;
  Mapping mapping_;
  InboxPeer inbox_;
  State state_ = State::closed;
  bool opened_before_ = false;
  bool full_ = false;
  uint64_t head_ = 0;
  uint64_t seen_tail_ = 0;  // the largest tail seen: an honest reader never moves it back
  uint32_t given_count_ = 0;
  std::vector<QueuedEntry> mine_;
  std::vector<uint64_t> given_;
};

/// True when `constants` describe a region of at most `size` bytes and are what a broker would write.
bool valid_constants(const EdgeConstants& constants, uint64_t size);

}  // namespace dora
