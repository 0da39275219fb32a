// The subscriber at one ring: head, then tail, the cell, the claim; later the release of the slot.
//
// head is read before tail, so head - tail is at most what is there. Less than 0 means that the head was old, or that
// the publisher is inside a skip: head is read again, and if it is still behind, the ring is as good as empty, for the
// publisher wakes when it is through. Where the edge is final (its publisher is dead) nobody will finish that skip.
//
// Drops are counted by position: whatever lies between the last claim and this one was taken back or skipped.
#include "subscriber.h"

namespace model {

static void check_payload(const State& now, int who, const Held& held) {
  const Payload payload = now.payload[now.region(held.edge, held.region).pool][held.slot];
  if (payload.front == held.message && payload.back == held.message) return;
  fail("subscriber %d reads slot %d: wants message %d, finds %d/%d", who, held.slot, held.message, payload.front,
       payload.back);
}

static bool can_ring(const State& now, const Region& region) {
  return now.publisher.alive && region.pool == now.publisher.incarnation;
}

static void input_is_done(Subscriber& own, int input) {
  unmark(own.pending, input);
  if (seeded(Mistake::ready_cleared_after)) unmark(own.ready, input);
  back_to_top(own);
}

static void count_drops(Subscriber& own, int input, int position) {
  if (!config.count) return;
  if (position < own.next_position[input]) return fail("tail goes back: an honest publisher is reported corrupt");
  own.dropped[input] = Byte(own.dropped[input] + position - own.next_position[input]);
  own.next_position[input] = Byte(position);
}

/// Nothing in the oldest region: on to the next one if this one is final, else the input is done for now.
static void leave_empty_region(State& next, int who, int input) {
  Subscriber& own = next.subscriber[who];
  Byte* list = own.list[input];
  if (!marked(own.final_bits[input], 0) || own.listed[input] < 2) return input_is_done(own, input);
  for (int i = 0; i + 1 < own.listed[input]; i++) list[i] = list[i + 1];
  list[--own.listed[input]] = 0;
  own.final_bits[input] >>= 1;
  if (config.count) own.next_position[input] = next.region(input, list[0]).first;
  back_to_top(own);
}

static void step_read_tail(const State& now, int who, const Region& region, Steps& steps) {
  State next = now;
  Subscriber& own = next.subscriber[who];
  const int input = own.input, head = own.seen_head, tail = region.tail;
  const Actor actor = Actor(kSubscriberThread + who);
  const bool is_final = marked(own.final_bits[input], 0);
  if (seeded(Mistake::half_skip_is_corrupt) && Byte(head - tail) > config.queue)
    fail("reader would report an honest publisher as corrupt (head %d, tail %d)", head, tail);
  if (is_final && tail > head + 1) fail("final edge with head %d and tail %d", head, tail);
  const bool half_skip = is_final && head < tail;
  if (half_skip && seeded(Mistake::half_skip_retried)) {
    back_to_top(own);
    return steps.add(actor, "sub.tail: try again", next);
  }
  if (head == tail || half_skip) {
    count_drops(own, input, head);
    leave_empty_region(next, who, input);
    return steps.add(actor, "sub.tail: empty", next);
  }
  if (head < tail) {
    back_to_top(own);
    own.input = Byte(input);
    own.at = limited() ? kReadHeadAgain : kReadHead;  // only a skip can need more than a new look
    own.seen_tail = Byte(limited() ? tail : 0);
    return steps.add(actor, "sub.tail: head was old, or a skip", next);
  }
  if (head - tail > config.queue)
    fail("reader would report an honest publisher as corrupt (head %d, tail %d)", head, tail);
  own.seen_head = 0;
  own.seen_tail = Byte(tail);
  own.at = kReadCell1;
  steps.add(actor, "sub.tail", next);
}

/// Whoever moved the tail there had seen a head of at least tail - 1. Still less than the tail: the publisher is inside
/// a skip, and wakes when it is through. The ring is as good as empty.
static void step_read_head_again(const State& now, int who, const Region& region, Steps& steps) {
  State next = now;
  Subscriber& own = next.subscriber[who];
  const int input = own.input, tail = own.seen_tail;
  const Actor actor = Actor(kSubscriberThread + who);
  if (region.head + 1 < tail) fail("tail %d is more than a skip beyond head %d", tail, region.head);
  if (region.head < tail) {
    input_is_done(own, input);
    return steps.add(actor, "sub.head again: inside a skip", next);
  }
  back_to_top(own);
  own.input = Byte(input);
  own.at = kReadHead;
  steps.add(actor, "sub.head again", next);
}

static void step_claim(const State& now, int who, Steps& steps) {
  State next = now;
  Subscriber& own = next.subscriber[who];
  const int input = own.input, tail = own.seen_tail;
  Region& region = next.region(input, own.list[input][0]);
  const bool waits = config.policy[input] == Policy::kBackpressure;
  const Actor actor = Actor(kSubscriberThread + who);
  if (region.tail != tail && !waits && !seeded(Mistake::claim_without_cas)) {
    back_to_top(own);
    own.input = Byte(input);
    own.at = kReadHead;
    return steps.add(actor, "sub.claim: taken back meanwhile", next);
  }
  region.tail = Byte(tail + 1);
  const int message = own.seen.message;
  Byte& fate = next.ghost.fate[input][message];
  Byte& last = next.ghost.last[input];
  if (fate != kInRing) fail("input %d claimed message %d that is not in the ring (fate %d)", input, message, fate);
  if (message <= last) fail("input %d got message %d after %d", input, message, last);
  last = Byte(message);
  fate = kClaimed;
  count_drops(own, input, tail);
  if (config.count) own.next_position[input]++;
  const Held held{own.list[input][0], own.seen.slot, Byte(input), Byte(message)};
  own.held[own.held_count++] = held;
  check_payload(next, who, held);
  back_to_top(own);
  own.must_release = 0;
  if (waits) {
    own.at = kWant;
    own.input = Byte(input);
    own.seen_tail = Byte(tail + 1);
  }
  steps.add(actor, "sub.claim", next);
}

/// After a claim on a backpressure edge: does the publisher wait for this position?
static void step_want_bell(const State& now, int who, Steps& steps) {
  State next = now;
  Subscriber& own = next.subscriber[who];
  Region& region = next.region(own.input, own.list[own.input][0]);
  const Actor actor = Actor(kSubscriberThread + who);
  if (own.at == kWant) {
    if (region.want_tail && own.seen_tail >= region.want_tail) {
      own.at = kWantTake;
    } else {
      back_to_top(own);
    }
    return steps.add(actor, "sub.want", next);
  }
  if (own.at == kWantTake) {
    const int input = own.input;
    const bool is_ours = region.want_tail;
    region.want_tail = 0;
    back_to_top(own);
    if (is_ours) {
      own.at = kWantBell;
      own.input = Byte(input);
    }
    return steps.add(actor, "sub.want, exchange", next);
  }
  if (can_ring(next, region)) next.publisher.doorbell = 1;
  back_to_top(own);
  steps.add(actor, "sub.want_bell", next);
}

void step_ring(const State& now, int who, Steps& steps) {
  const Subscriber& own = now.subscriber[who];
  const Actor actor = Actor(kSubscriberThread + who);
  State next = now;
  Subscriber& after = next.subscriber[who];
  if (!own.listed[own.input]) {
    input_is_done(after, own.input);
    return steps.add(actor, "sub: no ring", next);
  }
  const Region& region = now.region(own.input, own.list[own.input][0]);
  switch (own.at) {
    case kReadHead:
      after.seen_head = region.head;
      after.at = kReadTail;
      return steps.add(actor, "sub.head", next);
    case kReadTail: return step_read_tail(now, who, region, steps);
    case kReadHeadAgain: return step_read_head_again(now, who, region, steps);
    case kReadCell1:
      after.seen.slot = region.cell[own.seen_tail % config.queue].slot;
      after.at = kReadCell2;
      return steps.add(actor, "sub.cell", next);
    case kReadCell2:
      after.seen.message = region.cell[own.seen_tail % config.queue].message;
      after.at = kClaim;
      return steps.add(actor, "sub.cell, second word", next);
    case kClaim: return step_claim(now, who, steps);
    default: return step_want_bell(now, who, steps);
  }
}

static void forget_first_held(State& next, int who) {
  Subscriber& own = next.subscriber[who];
  next.ghost.fate[own.held[0].edge][own.held[0].message] = kDone;
  own.held_count--;
  for (int i = 0; i < own.held_count; i++) own.held[i] = own.held[i + 1];
  own.held[own.held_count] = {};
  own.must_release = 0;
}

static void step_read_after_release(const State& now, int who, Steps& steps) {
  State next = now;
  Subscriber& own = next.subscriber[who];
  const Held held = own.held[0];
  check_payload(now, who, held);
  forget_first_held(next, who);
  Region& region = next.region(held.edge, held.region);
  if (region.want_slot && can_ring(next, region)) {
    region.want_slot = 0;
    next.publisher.doorbell = 1;
  }
  own.at = kTop;
  steps.add(Actor(kSubscriberThread + who), "sub: reads after the release", next);
}

/// From kTop: releases held[0]; then rings the publisher that waits for a slot.
void step_release(const State& now, int who, Steps& steps) {
  State next = now;
  Subscriber& own = next.subscriber[who];
  const Actor actor = Actor(kSubscriberThread + who);
  if (own.at == kTop) {
    const Held held = own.held[0];
    check_payload(now, who, held);
    mark(next.region(held.edge, held.region).released, held.slot);
    if (seeded(Mistake::release_before_read)) {
      own.at = kReleaseBell;
      return steps.add(actor, "sub.release (early)", next);
    }
    forget_first_held(next, who);
    own.released_region = held.region;
    own.input = held.edge;
    own.at = kReleaseWant;
    return steps.add(actor, "sub.release", next);
  }
  if (seeded(Mistake::release_before_read)) return step_read_after_release(now, who, steps);
  Region& region = next.region(own.input, own.released_region);
  if (own.at == kReleaseBell) {
    if (can_ring(next, region)) next.publisher.doorbell = 1;
    back_to_top(own);
    return steps.add(actor, "sub.slot_bell", next);
  }
  const bool is_exchange = own.at == kReleaseTake;
  if (region.want_slot) {
    own.at = is_exchange ? kReleaseBell : kReleaseTake;
  } else {
    back_to_top(own);
  }
  if (is_exchange) region.want_slot = 0;
  steps.add(actor, is_exchange ? "sub.slot_bell, exchange" : "sub: want_slot?", next);
}

}  // namespace model
