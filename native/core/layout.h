// Binary layout of everything that lies in shared memory, little endian. ARCHITECTURE.md, "Binary layouts", explains
// it.
//
// Who may write what:
//   pool region    its publisher only (other processes can map it read-only and no other way: F_SEAL_FUTURE_WRITE)
//   edge region    line 0 the broker, before anyone else has it; `head` and cells the publisher; `tail` both; `rel`
//   both inbox          every peer of the receiving process ledger         the process it belongs to; the broker reads
//   it, also after that process has died
// Everything read from memory that another process can write is copied first, then checked, then used.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dora {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the layouts are little endian");
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free);

constexpr uint64_t kLine = 64;  ///< alignment of everything that two processes write

enum class Policy : uint16_t { drop_oldest = 0, backpressure = 1 };

// ---- pool ---------------------------------------------------------------------------------------------------------
constexpr uint16_t kSlotVersion = 1;
constexpr uint32_t kMaxMetadata = 65536;
/// A pool is never used beyond this: a cell has 32 bits for offset / 64.
constexpr uint64_t kMaxPoolBytes = uint64_t{64} << 32;

/// In front of every slot: header, payload (at +64), padding to 8, metadata.
struct SlotHeader {
  uint64_t generation;  ///< +1 for each allocation of the slot; rejects stale entries
  uint64_t payload_size;
  uint32_t metadata_size;
  uint16_t encoding;
  uint16_t version;
  uint64_t sequence;
  uint64_t sent_at_ns;
  uint64_t reserved[3];
};
static_assert(sizeof(SlotHeader) == 64);
static_assert(offsetof(SlotHeader, metadata_size) == 16 && offsetof(SlotHeader, sequence) == 24);

/// Offset of the metadata from the start of the slot.
constexpr uint64_t metadata_offset(uint64_t payload_size) { return 64 + ((payload_size + 7) & ~uint64_t{7}); }

// ---- edge ---------------------------------------------------------------------------------------------------------
constexpr uint32_t kEdgeMagic = 0x45444f44;  // "DODE"
constexpr uint16_t kEdgeVersion = 1;
constexpr uint32_t kMaxQueueSize = 65536;

/// Line 0 of an edge region, written by the broker before it hands the region out. Each end copies it once.
struct EdgeConstants {
  uint32_t magic;
  uint16_t version;
  uint16_t policy;
  uint32_t queue_size;
  uint32_t cells;       ///< power of two, >= queue_size
  uint32_t rel_words;   ///< slots of the publisher's pool / 64, rounded up
  uint32_t rel_offset;  ///< of the release map, a multiple of 64
  uint32_t input_bit;   ///< bit of this edge's input in the receiver's inbox
  uint32_t hold_limit;  ///< slots the receiver may hold beyond its queue
  uint64_t edge_id;
  uint64_t region_id;
  uint64_t reserved[2];
};
static_assert(sizeof(EdgeConstants) == 64);

/// One entry of the ring: which slot, where, how long, when. Written as relaxed words.
struct Cell {
  std::atomic<uint64_t> where;  ///< low 32 bits: slot; high 32 bits: offset in the pool / 64
  std::atomic<uint64_t> payload_size;
  std::atomic<uint64_t> stamp;  ///< sender's hybrid logical clock, ns
  std::atomic<uint64_t> generation;
};
static_assert(sizeof(Cell) == 32);

/// Start of an edge region. Cells follow at kCellsOffset, the release map at EdgeConstants::rel_offset.
struct EdgeShared {
  EdgeConstants constants;
  alignas(64) std::atomic<uint64_t> head;       ///< entries ever put
  alignas(64) std::atomic<uint64_t> tail;       ///< entries ever claimed or taken back
  alignas(64) std::atomic<uint64_t> want_tail;  ///< publisher waits until tail reaches this; 0: no
  std::atomic<uint32_t> want_slot;              ///< publisher waits for any slot; 0: no
  std::atomic<uint64_t> start;  ///< tail when the region was opened; publisher, before the reader has it
  std::atomic<uint32_t> ended;  ///< 1: the publisher is done; nothing follows what is queued
  /// For the broker alone: when a send began to wait that found no room in this edge (steady ns); 0: none waits.
  std::atomic<uint64_t> waits_since;
};
constexpr uint64_t kCellsOffset = 256;
static_assert(sizeof(EdgeShared) == 256 && offsetof(EdgeShared, head) == 64 && offsetof(EdgeShared, tail) == 128);
static_assert(offsetof(EdgeShared, want_tail) == 192 && offsetof(EdgeShared, want_slot) == 200);
static_assert(offsetof(EdgeShared, start) == 208 && offsetof(EdgeShared, ended) == 216);
static_assert(offsetof(EdgeShared, waits_since) == 224);

constexpr uint32_t cells_for(uint32_t queue_size) {
  uint32_t cells = 1;
  while (cells < queue_size) cells *= 2;
  return cells;
}
constexpr uint32_t rel_offset_for(uint32_t cells) {
  return static_cast<uint32_t>((kCellsOffset + 32ull * cells + 63) & ~63ull);
}
constexpr uint64_t edge_region_size(uint32_t cells, uint32_t rel_words) {
  return rel_offset_for(cells) + 8ull * rel_words;
}

// ---- inbox --------------------------------------------------------------------------------------------------------
constexpr uint32_t kInboxMagic = 0x49444f44;  // "DODI"
constexpr uint32_t kInboxWords = 16;
constexpr uint32_t kMaxInputs = kInboxWords * 64;

struct InboxShared {
  uint32_t magic;
  uint32_t version;
  uint64_t reserved[7];
  alignas(64) std::atomic<uint32_t> asleep;
  std::atomic<uint32_t> core;  ///< where the owner went to sleep last; a hint for whoever would wake it early
  alignas(64) std::atomic<uint64_t> ready[kInboxWords];
};
static_assert(offsetof(InboxShared, asleep) == 64 && offsetof(InboxShared, core) == 68 &&
              offsetof(InboxShared, ready) == 128);
constexpr uint64_t kInboxSize = 256;

// ---- ledger -------------------------------------------------------------------------------------------------------
constexpr uint32_t kLedgerMagic = 0x4c444f44;  // "DODL"

/// Counters of one process, written by it alone (relaxed), readable by the broker at any time, also after its death.
struct LedgerHead {
  uint32_t magic;
  uint32_t inputs;   ///< LedgerInput entries follow at 64
  uint32_t outputs;  ///< LedgerOutput entries follow the inputs
  uint32_t reserved[13];
};
struct LedgerInput {
  std::atomic<uint64_t> received;  ///< messages claimed, or ticks delivered
  std::atomic<uint64_t> dropped;   ///< as the receiver saw it; ticks missed
  std::atomic<uint64_t> waited;    ///< fed inside the process: 1 while its operator waits for room in it
};
struct LedgerOutput {
  std::atomic<uint64_t> sent;
  std::atomic<uint64_t> bytes;
};
static_assert(sizeof(LedgerHead) == 64 && sizeof(LedgerInput) == 24 && sizeof(LedgerOutput) == 16);
constexpr uint64_t ledger_size(uint32_t inputs, uint32_t outputs) { return 64 + 24ull * inputs + 16ull * outputs; }

}  // namespace dora
