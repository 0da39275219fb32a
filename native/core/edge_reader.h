// The subscriber's end of one edge: claims entries, checks all that the publisher wrote, gives slots back.
//
// The publisher's pool is mapped read-only. Every value from shared memory is copied, checked against this process's
// own copy of the layout, then used; what cannot be is Status::shm_corrupt, and the edge is not used again. Drops are
// counted by position: whatever lies between the last claim and this one was taken back, so the count is exact without
// a shared counter, also across kills.
//
// An edge is *final* once its publisher is known dead or done: it is read to its end and then left. Its memory lives
// while this object does: the owner keeps it until it is drained and held() is 0. Threads: claim(), uncounted_drops(),
// peek_stamp() and set_final() by the consumer; release() by any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "core/fd.h"
#include "core/layout.h"
#include "core/region.h"
#include "core/status.h"

namespace dora {

/// Everything that comes with an edge from the broker.
struct EdgeReaderConfig {
  uint64_t edge_id = 0, region_id = 0, peer_incarnation = 0;
  uint32_t input = 0;
  uint32_t max_slots = 0;
  uint64_t map_bytes = 0;
  EdgeConstants constants{};
  std::string peer;  ///< for people: "camera/image"
  Fd region, pool, doorbell;
};

/// A claimed entry: header fields are copies, pointers point into read-only shared memory.
struct ClaimedSample {
  uint32_t slot = 0;
  uint16_t encoding = 0;
  const uint8_t* data = nullptr;
  uint64_t size = 0;
  const uint8_t* metadata = nullptr;
  uint32_t metadata_size = 0;
  uint64_t sequence = 0;
  uint64_t stamp = 0;
  uint64_t dropped = 0;  ///< since the previous claim
};

class EdgeReader {
 public:
  EdgeReader() = default;
  EdgeReader(const EdgeReader&) = delete;
  EdgeReader& operator=(const EdgeReader&) = delete;
  ~EdgeReader() = default;

  Status open(EdgeReaderConfig config, Error* error);

  uint64_t edge_id() const { return config_.edge_id; }
  uint64_t region_id() const { return config_.region_id; }
  uint32_t input() const { return config_.input; }
  const std::string& peer() const { return config_.peer; }
  const uint8_t* pool_base() const { return pool_.data(); }
  uint64_t pool_size() const { return pool_.size(); }
  /// Claimed and not yet released.
  uint32_t held() const { return claimed_ - released_.load(std::memory_order_acquire); }
  bool final() const { return final_; }
  void set_final() { final_ = true; }
  /// The publisher has said that nothing follows what is queued. Read it before the claim that finds the ring empty.
  bool ended() const { return shared()->ended.load(std::memory_order_acquire) != 0; }  // SYNC: edge-ended
  bool corrupt() const { return corrupt_; }

  /// ok; empty; would_block: the writer was faster each time, leave the input pending; shm_corrupt with words.
  Status claim(ClaimedSample* out, Error* error);
  /// Messages taken back since the last claim: drops that no claim has counted yet.
  uint64_t uncounted_drops() const;
  /// Stamp of the oldest entry, for choosing between inputs; false when there seems to be none. A hint: claims nothing,
  /// checks nothing.
  bool peek_stamp(uint64_t* stamp) const;
  /// Asks for the lines of the entry that is claimed next, while its consumer is on the way to claim it. A hint: claims
  /// nothing, checks nothing.
  void fetch_next() const;
  /// [any-thread] Once a claimed slot.
  void release(uint32_t slot);
  /// The same by the consumer, which has read what it wants: a step less.
  void release_at_once(uint32_t slot);
  /// Whoever waits for room listens to this one from now on. It is rung once: what was granted until now may have rung
  /// the old one. By the consumer.
  void set_doorbell(Fd doorbell);

 private:
  struct CellCopy {
    uint32_t slot;
    uint64_t offset, payload_size, stamp, generation;
  };
  EdgeShared* shared() const { return reinterpret_cast<EdgeShared*>(mapping_.data()); }
  const Cell* cells() const { return reinterpret_cast<const Cell*>(mapping_.data() + kCellsOffset); }
  std::atomic<uint64_t>* rel() const {
    return reinterpret_cast<std::atomic<uint64_t>*>(mapping_.data() + config_.constants.rel_offset);
  }
  Status behind(uint64_t tail, Error* error);
  Status check(const CellCopy& cell, ClaimedSample* out, Error* error);
  Status corrupt(const char* what, Error* error);
  void give_credit(uint64_t tail);
  void give_back(uint32_t slot);
  void fetch_ahead(uint64_t head, uint64_t position) const;
  void fetch_message(uint64_t position) const;

  EdgeReaderConfig config_;
  Mapping mapping_;
  Mapping pool_;
  // Of the publisher. Any thread rings the newest; older ones stay open, for it may just be at it. Relaxed: a number.
  std::atomic<int> doorbell_{-1};
  std::vector<Fd> doorbells_;
  uint64_t pool_file_size_ = 0;
  uint64_t next_ = 0;  // position after the last claim
  bool final_ = false;
  bool corrupt_ = false;
  uint64_t seen_head_ = 0;  // the largest head seen: all entries below it are complete
  uint32_t claimed_ = 0;    // the consumer's, as held() is
  // Releases add (release); the consumer's acquire load of as many as it claimed sees every use over (SYNC: edge-held).
  std::atomic<uint32_t> released_{0};
};

}  // namespace dora
