// Send, phase A: every backpressure edge must have room before anything is put anywhere, so that a refused send can be
// repeated without doubling a message. Only the publisher adds entries and gives slots: room seen stays.
//
// An edge has no room when its ring is full (the reader makes room by claiming: want_tail) or when its reader is at the
// hold limit even after a sweep (it makes room by releasing: want_slot). The publisher says which of the two it waits
// for, looks again, and only then sleeps on its doorbell. Woken, or with room after all, it begins at the first edge.
#include "publisher.h"

namespace model {

static void wait_for_limit(State& next) {
  next.publisher.at = kRoomWait;
  next.publisher.waits_for_limit = 1;
}

static void look_again(State& next) {
  next.publisher.at = seeded(Mistake::room_checked_while_putting) ? kTail : kRoom;
  next.publisher.edge = 0;
  next.publisher.waits_for_limit = 0;
}

static void pass_edge(State& next) {
  next.publisher.edge++;
  next_room_check(next);
}

static void step_look(const State& now, Steps& steps) {
  State next = now;
  const int edge = now.publisher.edge;
  const PublisherEdge& books = now.publisher.edges[edge];
  const Region* region = region_of(next, edge);
  const bool paces = config.policy[edge] == Policy::kBackpressure && region;
  if (now.publisher.at == kRoom) {
    if (paces && books.head - region->tail > config.queue) fail("publisher finds an impossible tail");
    if (paces && ring_is_full(books, region->tail)) {
      next.publisher.at = seeded(Mistake::want_after_check) ? kWantCheck : kWantTail;
      return steps.add(kPublisherThread, "pub: ring is full", next);
    }
    if (paces && at_limit(books)) {
      next.publisher.at = kRoomSweep;
    } else {
      pass_edge(next);
    }
    return steps.add(kPublisherThread, "pub: room?", next);
  }
  sweep(next, edge);
  if (at_limit(next.publisher.edges[edge])) {
    next.publisher.at = seeded(Mistake::limit_waits_for_tail) ? kWantTail : kWantSlot;
  } else {
    next.publisher.at = kRoom;
    pass_edge(next);
  }
  steps.add(kPublisherThread, "pub: sweeps, reader at its limit?", next);
}

static void step_want(const State& now, Steps& steps) {
  State next = now;
  Publisher& own = next.publisher;
  const PublisherEdge& books = own.edges[own.edge];
  Region* region = region_of(next, own.edge);
  const bool late = seeded(Mistake::want_after_check);
  switch (now.publisher.at) {
    case kWantTail:
      if (region) region->want_tail = Byte(books.head - config.queue + 1);
      own.at = late || seeded(Mistake::limit_waits_for_tail) ? kRoomWait : kWantCheck;
      return steps.add(kPublisherThread, "pub.want_set", next);
    case kWantCheck:
      own.at = kWantClear;
      if (region && ring_is_full(books, region->tail)) own.at = late ? kWantTail : kRoomWait;
      return steps.add(kPublisherThread, "pub.want_check", next);
    case kWantClear:
      if (region) region->want_tail = 0;
      look_again(next);
      return steps.add(kPublisherThread, "pub: takes want_tail back", next);
    case kWantSlot:
      if (region) region->want_slot = 1;
      own.at = kWantSweep;
      if (seeded(Mistake::limit_want_after_sweep)) wait_for_limit(next);
      return steps.add(kPublisherThread, "pub.slot_want", next);
    default:  // want_slot stays set when there is room after all: it costs one needless wake-up
      sweep(next, own.edge);
      if (at_limit(books)) {
        wait_for_limit(next);
      } else {
        look_again(next);
      }
      return steps.add(kPublisherThread, "pub: sweeps again", next);
  }
}

static void step_wait(const State& now, Steps& steps) {
  const Publisher& own = now.publisher;
  step_control(now, seeded(Mistake::room_checked_while_putting) ? kTail : kRoom, steps);
  State next = now;
  next.publisher.doorbell = 0;
  look_again(next);
  if (own.doorbell) return steps.add(kPublisherThread, "pub: woken", next);
  if (own.waits_for_limit && !at_limit(own.edges[own.edge]))
    steps.add(kPublisherThread, "pub: another thread swept", next);
}

void step_room(const State& now, Steps& steps) {
  const Byte at = now.publisher.at;
  if (at == kRoom || at == kRoomSweep) return step_look(now, steps);
  if (at == kRoomWait) return step_wait(now, steps);
  step_want(now, steps);
}

}  // namespace model
