// One state of the whole system: three kinds of processes, the shared regions, and what only the checker knows.
//
// Everything is a byte, so that two equal states have equal memory: the checker hashes it as it stands. Fields that a
// run does not use stay 0. A killed process loses its struct (and nothing else); what lies in `Region`, in a
// subscriber's inbox fields and in `Ghost` survives it or belongs to the kernel.
//
// Positions count entries from 0 and never wrap. Region numbers are index + 1, so that 0 means none.
#pragma once
#include <cstdint>
#include <string>

#include "config.h"

namespace model {

using Byte = uint8_t;

inline constexpr int kMaxEdges = 2, kMaxSubscribers = 2, kMaxRegions = 6, kMaxSlots = 4, kMaxQueue = 2;
inline constexpr int kMaxIncarnations = 4, kMaxMessages = 6, kMaxListed = 4, kMaxHeld = 3, kMaxRetained = 2;
inline constexpr Byte kCloseEdge = 255;  ///< in the publisher's mail instead of a region number

/// Where a process stands. One step of the model runs from one of these to the next.
enum PublisherAt : Byte {
  kIdle,
  kWrite,
  kRoom,
  kRoomSweep,
  kWantTail,
  kWantCheck,
  kWantClear,
  kWantSlot,
  kWantSweep,
  kRoomWait,  // A: room everywhere?
  kTail,
  kPutSweep,
  kTakeBack,
  kSkipFirst,
  kSkipSecond,  // B: make room on this edge
  kCell1,
  kCell2,
  kHead,
  kGivenLate,
  kReady,
  kAsleep,
  kAsleepTake,
  kDoorbell,  // B: put, announce, wake
  kLoanWant,
  kLoanSweep,
  kLoanWait,  // no free slot
  kAnnounceBell,
  kAnnounced,  // woken ahead of the message
};
enum SubscriberAt : Byte {
  kTop,
  kScan,
  kTakeReady,
  kReadHead,
  kReadTail,
  kReadHeadAgain,
  kReadCell1,
  kReadCell2,
  kClaim,
  kWant,
  kWantTake,
  kWantBell,
  kReleaseWant,
  kReleaseTake,
  kReleaseBell,
  kSayAsleep,
  kRecheck,
  kSleeping,
  kWoken,
};

struct Cell {
  Byte slot, message;  // `message` stands for generation, length and stamp
};

/// Two halves, written and read as one step here; the loom model tears them.
struct Payload {
  Byte front, back;
};

/// Shared by publisher and subscriber. A new connection gets a new one; an old one is never reset.
struct Region {
  Byte pool;  // incarnation of the publisher whose pool the slots belong to
  Byte head, tail;
  Cell cell[kMaxQueue];
  Byte released;  // bit per slot
  Byte want_tail, want_slot;
  Byte first;  // where the reader's count of drops begins
};

enum EdgeStatus : Byte { kNoEdge, kOpen, kOrphan };

/// The publisher's private memory.
struct PublisherEdge {
  Byte status, region, reader;  // reader: incarnation of the subscriber
  Byte given, head;
  Cell mine[kMaxQueue];
};
struct Publisher {
  Byte alive, incarnation, at;
  Byte next_message, slot, edge, seen_tail, waits_for_limit;
  Byte refs[kMaxSlots];
  Cell retained[kMaxRetained];  // oldest first
  Byte retained_count;
  PublisherEdge edges[kMaxEdges];
  // kernel and control socket
  Byte doorbell, dead_subscribers;
  Byte mail[kMaxEdges], mail_reader[kMaxEdges];
};

struct Held {
  Byte region, slot, edge, message;  // region 0: none
};
struct Subscriber {
  Byte alive, incarnation, at;
  Byte pending, input;
  Byte list[kMaxEdges][kMaxListed], listed[kMaxEdges], final_bits[kMaxEdges];  // regions, oldest first
  Byte seen_head, seen_tail, released_region;
  Cell seen;
  Held held[kMaxHeld];
  Byte held_count, must_release;
  Byte next_position[kMaxEdges], dropped[kMaxEdges];  // with `count`
  // inbox, kernel and control socket
  Byte ready, asleep, doorbell, publisher_died;
  Byte mail[kMaxEdges];
};

struct Broker {
  Byte alive;
  Byte offered[kMaxEdges];  // region it has sent to the publisher and may give to the subscriber
};

enum Fate : Byte { kUnsent, kInRing, kClaimed, kDone, kDropped, kLost };

/// Known to the checker only: no process reads this.
struct Ghost {
  Byte fate[kMaxEdges][kMaxMessages + 1], last[kMaxEdges];
  Byte dropped[kMaxEdges];
  Byte kills_publisher, kills_subscriber, kills_broker, to_join, reclaimed;
};

struct State {
  Publisher publisher;
  Subscriber subscriber[kMaxSubscribers];
  Broker broker;
  Region regions[kMaxEdges][kMaxRegions];
  Byte region_count[kMaxEdges];
  Payload payload[kMaxIncarnations][kMaxSlots];  // the message each slot of each pool holds
  Ghost ghost;

  Region& region(int edge, int number) { return regions[edge][number - 1]; }
  const Region& region(int edge, int number) const { return regions[edge][number - 1]; }
};
static_assert(alignof(State) == 1, "no padding: states are hashed as memory");

inline constexpr Byte kToJoinPublisher = 1;  ///< bits of Ghost::to_join
inline Byte to_join_bit(int subscriber) { return Byte(2 << subscriber); }

const char* name_of(PublisherAt at);
const char* name_of(SubscriberAt at);

/// Records the first violation; the search stops at it.
[[gnu::format(printf, 1, 2)]] void fail(const char* format, ...);
extern std::string violation;

}  // namespace model
