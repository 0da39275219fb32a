// What one run of the model explores: how many edges, slots, messages and kills, which optional rules of the protocol
// are in force, and which mistake (if any) is seeded. Read once from `key=value` arguments in check.cc, constant after.
//
// Bounds are small on purpose: the checker visits every interleaving, so one more message or kill multiplies the
// states. `limit`, `retain`, `join` and `count` add state only when they are on.
#pragma once
#include <cstdint>
#include <string>

namespace model {

enum class Policy : int { kDropOldest, kBackpressure };

/// One wrong line each. A run with a mistake must end in a violation: this is how the model itself is tested.
#define DORA_MODEL_MISTAKES(X)                                                                                \
  X(none)                                                                                                     \
  X(claim_without_cas)          /* reader stores the tail where it must compare-and-swap it */                \
  X(takeback_without_cas)       /* publisher does */                                                          \
  X(recheck_before_asleep)      /* reader looks for work first and says that it sleeps afterwards */          \
  X(ready_before_head)          /* publisher announces the entry before it is there */                        \
  X(given_after_head)           /* slot booked as given after the reader could see it */                      \
  X(reclaim_from_the_living)    /* edge cleaned up although its subscriber lives */                           \
  X(death_does_not_wake)        /* a sleeping reader does not watch the publisher's pidfd */                  \
  X(newest_region_first)        /* after a restart the reader starts with the new region */                   \
  X(orphan_frees_queued)        /* slots still queued for a dead reader are freed */                          \
  X(ready_cleared_after)        /* ready bit cleared after the ring was looked at, not before */              \
  X(release_before_read)        /* reader releases a slot, then reads it */                                   \
  X(room_checked_while_putting) /* several backpressure edges, no look at all of them first */                \
  X(want_after_check)           /* publisher looks for room first and says that it waits afterwards */        \
  X(slot_want_after_sweep)      /* the same with release map and want_slot */                                 \
  X(orphan_keeps_releases)      /* release map of a dead reader is swept later */                             \
  X(skip_head_first)            /* skip moves head before tail: an entry nobody wrote can be claimed */       \
  X(half_skip_retried)          /* final edge with tail = head + 1 is tried again for ever */                 \
  X(half_skip_is_corrupt)       /* the same taken for damage */                                               \
  X(skip_without_position)      /* message dropped by the hold limit without moving the positions */          \
  X(put_after_lost_takeback)    /* hold limit not looked at again when the reader was faster */               \
  X(limit_waits_for_tail)       /* publisher at the hold limit sets want_tail only */                         \
  X(limit_want_after_sweep)     /* publisher at the hold limit sweeps first, then sets want_slot */           \
  X(retain_on_return)           /* retained messages put again for a subscriber that comes back */            \
  X(retain_without_reference)   /* retained messages without a reference of the publisher's own */            \
  X(retain_forgotten)           /* a new edge opens empty */                                                  \
  X(open_not_pending)           /* subscriber does not look into a region it has just been given */           \
  X(subscriber_opens_first)     /* broker gives the region to the subscriber before the publisher answered */ \
  X(successor_trusts_publisher) /* the broker's successor does not ask the subscriber what it has */

enum class Mistake : int {
#define DORA_MODEL_ENTRY(name) name,
  DORA_MODEL_MISTAKES(DORA_MODEL_ENTRY)
#undef DORA_MODEL_ENTRY
};

struct Config {
  int edges = 2;                           ///< inputs fed by the publisher: 1 or 2
  int same_process = 0;                    ///< both edges end in one subscriber process
  int queue = 1, slots = 2, messages = 3;  ///< ring size, slots in the pool, messages to send
  Policy policy[2] = {};                   ///< policy0=, policy1=: drop | backpressure
  int hold = 1;                            ///< samples a subscriber may hold at once
  int sweeper = 0;                         ///< a second thread of the publisher sweeps at any moment
  int kill_publisher = 0, kill_subscriber = 0, kill_broker = 0;  ///< kills allowed
  int restart_publisher = 1;                                     ///< 0 never; 1 it is started again
  int restart_subscriber = 1;  ///< 0 its edges are closed; 1 it returns; 2 closed, then a new one joins
  int limit = -1;              ///< samples an edge may have beyond its queue; -1 no limit
  int retain = 0;              ///< newest messages the publisher keeps for new subscribers
  int join = 0;                ///< 1: nobody has joined at the start; joins come in any order
  int announce = 0;            ///< 1: the publisher may wake a reader that sleeps before it writes a message
  int count = 0;               ///< 1: compare the drops the reader counts with those that happened
  Mistake mistake = Mistake::none;
  uint64_t max_states = 150'000'000;
};

extern Config config;

inline bool seeded(Mistake mistake) { return config.mistake == mistake; }
inline bool limited() { return config.limit >= 0; }
inline int subscriber_of(int edge) { return config.same_process ? 0 : edge; }
inline int subscriber_count() { return config.same_process || config.edges == 1 ? 1 : 2; }

/// Returns an empty text, or what is wrong with the argument.
std::string parse_argument(const std::string& argument);

}  // namespace model
