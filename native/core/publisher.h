// One output: its pool, its edges, its newest messages for late joiners. The unit of locking on the sending side.
//
// Life of a message: loan() → the caller writes → send(): room in every backpressure edge (else nothing happens
// anywhere), then an entry in each edge, then the caller's own reference goes. A slot is free again when the last edge
// and the last local receiver gave it back.
//
// One lock covers allocation, send, sweep and changes of edges. Wake-ups are sent while it is held: an eventfd write is
// short, and the bits must not be set after the edge is gone. Threads: every method is [any-thread].
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/edge_writer.h"
#include "core/hlc.h"
#include "core/layout.h"
#include "core/pool.h"

namespace dora {

struct PublisherConfig {
  std::string name;
  uint64_t map_bytes = 0;
  uint32_t max_slots = 1024;
  uint32_t retain = 0;
  LedgerOutput* counts = nullptr;  ///< where messages and bytes are counted; must outlive the publisher
};

/// What send() writes into the slot's header and needs to know.
struct Outgoing {
  uint32_t slot = 0;
  uint64_t size = 0;
  uint16_t encoding = 0;
  const uint8_t* metadata = nullptr;
  uint32_t metadata_size = 0;
  uint64_t wall_ns = 0;
  uint32_t local_refs = 0;
  bool arm = false;
  uint64_t sent_at_ns = 0;  ///< 0: stamped here; else the stamp that it keeps
};

/// Where a sent message lies, for receivers in this process.
struct PublishedSlot {
  uint32_t slot = 0;
  uint8_t* base = nullptr;
  uint64_t sequence = 0;
  uint64_t stamp = 0;
};

struct EdgeStatus {
  uint64_t edge_id, region_id, peer_incarnation;
};

class Publisher {
 public:
  Publisher(PublisherConfig config, MemoryBudget* budget, Hlc* hlc);

  Status init(Error* error) { return pool_.init(error); }
  int pool_fd() const { return pool_.fd(); }
  const std::string& name() const { return config_.name; }

  /// A slot for `size` bytes of payload. `capacity`: how many bytes of payload and metadata together it can hold.
  Status loan(uint64_t size, uint32_t* slot, uint8_t** data, uint64_t* capacity, Error* error);
  /// ok: the caller's reference is gone (local_refs stay). would_block: nothing happened. `published` may be null.
  Status send(const Outgoing& message, PublishedSlot* published, Error* error);
  /// Asks for the lines that a send() of a loan writes: what was written into it has pushed them out of the cache.
  void fetch_for_send(const uint8_t* data, uint64_t size) const;
  /// loan() and send() of a copy of `data` under one lock: for payloads small enough that nobody minds the wait.
  Status send_copy(const void* data, const Outgoing& message, PublishedSlot* published, Error* error);
  /// A send follows at once: its only subscriber is woken now if it sleeps. Of several, none is: they would compete
  /// with the sender for its core.
  void announce();
  /// would_block as send() would say it, without a message.
  bool has_room(bool arm);
  /// A send that was refused with `arm` set waits now. Returns since when: `now_ns`, or the moment of an earlier
  /// refusal.
  uint64_t begin_wait(uint64_t now_ns);
  uint64_t waits_since() const;
  /// It gives up. A send that finds room ends the wait by itself.
  void end_wait();
  void add_ref(uint32_t slot) { pool_.add_ref(slot); }
  void unref(uint32_t slot);

  Status open_edge(EdgeWriterConfig config, bool is_return, Error* error);
  void close_edge(uint64_t edge_id);
  /// The subscriber behind this edge is to be rung in another inbox. Status::empty: there is no such edge, and nothing
  /// was taken over.
  Status move_inbox(uint64_t edge_id, Fd* inbox, Fd* doorbell, Error* error);
  /// The subscriber behind this edge is dead, if it still is the one of `peer_incarnation`.
  void peer_died(uint64_t edge_id, uint64_t peer_incarnation);
  /// No more messages; what is queued stays readable.
  void end();
  bool ended() const;

  uint32_t open_edges() const;
  uint64_t sent() const;
  std::vector<EdgeStatus> edges() const;
  /// Edges that were closed because their reader wrote nonsense, since the last call: "plot/image".
  std::vector<uint64_t> take_corrupt();
  /// A hint that take_corrupt() would return something, without the lock.
  bool has_corrupt() const { return has_corrupt_.load(std::memory_order_relaxed); }
  /// Slots neither free nor kept for late joiners. For tests and diagnostics; sweeps first.
  uint32_t busy_slots();

 private:
  Status allocate(uint64_t bytes, uint32_t* slot, Error* error);
  Status check_size(uint64_t size, Error* error) const;
  Status check_metadata(uint32_t size, Error* error) const;
  Status closed_error(Error* error) const;
  Status publish(Outgoing message, PublishedSlot* published, Error* error);
  void count(uint64_t bytes);
  void sweep_all();
  bool room_everywhere(bool arm);
  void end_wait_locked();
  Status move_to_larger(Outgoing* message, Error* error);
  void describe_holders(Error* error);
  QueuedEntry entry_of(uint32_t slot, uint64_t stamp);
  void keep_newest(uint32_t slot, uint64_t stamp);
  void note_corrupt(const EdgeWriter& edge);
  EdgeWriter* find(uint64_t edge_id);

  const PublisherConfig config_;
  Hlc* const hlc_;
  mutable std::mutex lock_;
  Pool pool_;
  std::vector<std::unique_ptr<EdgeWriter>> edges_;
  std::vector<QueuedEntry> newest_;  // retained; full, it is a ring: oldest_ is overwritten next
  size_t oldest_ = 0;
  std::vector<uint64_t> corrupt_;
  std::atomic<bool> has_corrupt_{false};  // whether corrupt_ has any; a hint, so relaxed
  uint64_t sequence_ = 0;
  uint64_t last_stamp_ = 0;
  bool ended_ = false;
  uint64_t waits_since_ = 0;  // 0: no send waits for room
};

}  // namespace dora
