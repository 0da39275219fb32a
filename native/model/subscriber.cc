// The subscriber: looks for work, claims an entry, releases what it holds, sleeps when there is nothing.
//
// At kTop it may do any of: take note of a death or of a new region (control), release a held sample, look for work.
// Looking: ready bits are taken *before* the rings are looked at; what they named stays pending until a ring is found
// empty. Sleeping: say so first, look at the ready bits once more, then wait for doorbell, pidfd or control socket.
// Claiming and releasing are in subscriber_ring.cc.
#include "subscriber.h"

namespace model {

void back_to_top(Subscriber& own) {
  own.seen_head = own.seen_tail = own.released_region = own.input = 0;
  own.seen = {};
  own.at = kTop;
}

/// The publisher's pidfd: its edges are final, and may hold entries whose doorbell it died before ringing.
static void step_publisher_died(const State& now, int who, Steps& steps) {
  State next = now;
  Subscriber& own = next.subscriber[who];
  own.publisher_died = 0;
  for (int edge = 0; edge < config.edges; edge++) {
    if (subscriber_of(edge) != who) continue;
    for (int i = 0; i < own.listed[edge]; i++) {
      const Region& region = next.region(edge, own.list[edge][i]);
      if (!next.publisher.alive || region.pool != next.publisher.incarnation) mark(own.final_bits[edge], i);
    }
    if (own.listed[edge]) mark(own.pending, edge);
  }
  steps.add(Actor(kSubscriberControl + who), "sub: sees the publisher's death", next);
}

static void step_open_edge(const State& now, int who, int edge, Steps& steps) {
  State next = now;
  Subscriber& own = next.subscriber[who];
  Byte* list = own.list[edge];
  Byte& listed = own.listed[edge];
  if (listed == kMaxListed) return fail("kMaxListed is too small");
  if (seeded(Mistake::newest_region_first) && listed) {
    for (int i = listed; i > 0; i--) list[i] = list[i - 1];
    list[0] = own.mail[edge];
    own.final_bits[edge] = Byte(own.final_bits[edge] << 1 | 2);
  } else {
    list[listed] = own.mail[edge];
    own.final_bits[edge] = Byte(own.final_bits[edge] | ((1 << listed) - 1));  // older ones get no more entries
    if (config.count && !listed) own.next_position[edge] = next.region(edge, list[0]).first;
  }
  listed++;
  own.mail[edge] = 0;
  if (!seeded(Mistake::open_not_pending)) mark(own.pending, edge);
  steps.add(Actor(kSubscriberControl + who), "sub: opens the edge", next);
}

static void step_scan(const State& now, int who, Steps& steps) {
  const Subscriber& own = now.subscriber[who];
  const Actor actor = Actor(kSubscriberThread + who);
  State next = now;
  Subscriber& after = next.subscriber[who];
  const bool all_pending = (own.pending & own.ready) == own.ready;
  if (own.ready && !(seeded(Mistake::ready_cleared_after) && all_pending)) {
    after.at = kTakeReady;
    return steps.add(actor, "sub: ready?", next);
  }
  if (own.pending) {
    for (int edge = 0; edge < config.edges; edge++) {
      if (!marked(own.pending, edge)) continue;
      State look = now;
      look.subscriber[who].input = Byte(edge);
      look.subscriber[who].at = kReadHead;
      step_ring(look, who, steps);
    }
    return;
  }
  if (own.held_count) {
    after.at = kTop;
    after.must_release = 1;
    return steps.add(actor, "sub: nothing, must release first", next);
  }
  after.at = kSayAsleep;
  steps.add(actor, "sub: nothing", next);
}

static void step_top(const State& now, int who, Steps& steps) {
  const Subscriber& own = now.subscriber[who];
  if (own.publisher_died) step_publisher_died(now, who, steps);
  for (int edge = 0; edge < config.edges; edge++)
    if (own.mail[edge]) step_open_edge(now, who, edge, steps);
  for (int i = 0; i < own.held_count; i++) {
    State next = now;
    if (i) std::swap(next.subscriber[who].held[0], next.subscriber[who].held[i]);
    step_release(next, who, steps);
  }
  if (own.held_count < config.hold && !own.must_release) step_scan(now, who, steps);
}

static bool has_mail(const Subscriber& own) {
  for (int edge = 0; edge < config.edges; edge++)
    if (own.mail[edge]) return true;
  return false;
}

static void step_sleep(const State& now, int who, Steps& steps) {
  const Subscriber& own = now.subscriber[who];
  const Actor actor = Actor(kSubscriberThread + who);
  const bool late = seeded(Mistake::recheck_before_asleep);
  State next = now;
  Subscriber& after = next.subscriber[who];
  switch (own.at) {
    case kSayAsleep:
      after.at = late && own.ready ? kTop : kRecheck;
      if (!late) after.asleep = 1;
      return steps.add(actor, "sub.asleep", next);
    case kRecheck:
      after.at = own.ready && !late ? kWoken : kSleeping;
      if (late) after.asleep = 1;
      return steps.add(actor, "sub.recheck", next);
    case kSleeping: {
      const bool by_death = own.publisher_died && !seeded(Mistake::death_does_not_wake);
      if (!own.doorbell && !by_death && !has_mail(own)) return;
      after.doorbell = 0;
      after.at = kWoken;
      return steps.add(actor, "sub.sleep ends", next);
    }
    default:
      after.asleep = 0;
      after.at = kTop;
      return steps.add(actor, "sub.woken", next);
  }
}

void step_subscriber(const State& now, int who, Steps& steps) {
  const Subscriber& own = now.subscriber[who];
  if (!own.alive) return;
  if (own.at == kTop) return step_top(now, who, steps);
  if (own.at == kTakeReady) {
    State next = now;
    Subscriber& after = next.subscriber[who];
    after.pending |= own.ready;
    if (!seeded(Mistake::ready_cleared_after)) after.ready = 0;
    after.at = kTop;
    return steps.add(Actor(kSubscriberThread + who), "sub: takes ready", next);
  }
  if (own.at >= kSayAsleep) return step_sleep(now, who, steps);
  if (own.at >= kReleaseWant) return step_release(now, who, steps);
  step_ring(now, who, steps);
}

}  // namespace model
