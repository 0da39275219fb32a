// The publisher: takes a free slot, writes the payload, and sends it to every edge.
//
//   loan    kIdle -> kWrite, or kLoanWant -> kLoanSweep -> kLoanWait while no slot is free
//   send    A publisher_room.cc: room on every backpressure edge, before anything is put anywhere
//           B publisher_put.cc: put on one edge after the other; then, with next_wake(), wake one reader after the
//             other, so that nobody can answer a message that another edge does not have yet
//           C after the last: the own reference goes, or becomes the retained one
#include "publisher.h"

namespace model {

/// drop_oldest edges need no room check.
void next_room_check(State& state) {
  Publisher& own = state.publisher;
  const auto needs_none = [&] { return config.policy[own.edge] == Policy::kDropOldest || !own.edges[own.edge].region; };
  while (own.edge < config.edges && needs_none()) own.edge++;
  if (own.edge < config.edges) return;
  own.edge = 0;
  own.at = kTail;
}

void start_room_check(State& state) {
  state.publisher.edge = 0;
  next_room_check(state);
}

static void finish_send(State& state) {
  Publisher& own = state.publisher;
  if (config.retain) {
    retain(state);
  } else {
    unref(state, own.slot);
  }
  own.slot = own.edge = 0;
  own.next_message++;
  own.at = kIdle;
}

static void wake_from(State& state, int edge) {
  Publisher& own = state.publisher;
  while (edge < config.edges && !own.edges[edge].region) edge++;
  if (edge == config.edges) return finish_send(state);
  own.edge = Byte(edge);
  own.at = kReady;
}

void next_edge(State& state) {
  Publisher& own = state.publisher;
  own.seen_tail = 0;
  own.edge++;
  own.at = kTail;
  if (own.edge < config.edges) return;
  if (seeded(Mistake::ready_before_head)) return finish_send(state);  // it has announced each edge on its way
  wake_from(state, 0);
}

void next_wake(State& state) {
  if (seeded(Mistake::ready_before_head)) return next_edge(state);
  wake_from(state, state.publisher.edge + 1);
}

static bool has_free_slot(const State& state) {
  for (int slot = 0; slot < config.slots; slot++)
    if (!state.publisher.refs[slot]) return true;
  return false;
}

static void step_idle(const State& now, Steps& steps) {
  step_control(now, kIdle, steps);
  if (now.publisher.next_message > config.messages) {
    for (int edge = 0; edge < config.edges; edge++) {
      State next = now;
      const Region* region = region_of(next, edge);
      if (!region || !region->released) continue;
      sweep(next, edge);
      steps.add(kPublisherThread, "pub: sweeps", next);
    }
    return;
  }
  if (!has_free_slot(now)) {
    State next = now;
    next.publisher.at = seeded(Mistake::slot_want_after_sweep) ? kLoanSweep : kLoanWant;
    next.publisher.edge = 0;
    steps.add(kPublisherThread, "pub: no slot is free", next);
    return;
  }
  for (int slot = 0; slot < config.slots; slot++) {
    if (now.publisher.refs[slot]) continue;
    State next = now;
    next.publisher.refs[slot] = 1;
    next.publisher.slot = Byte(slot);
    next.publisher.at = kWrite;
    steps.add(kPublisherThread, "pub: takes a slot", next);
  }
}

/// want_slot on every edge first, then a sweep of every edge, then sleep: never the other way round.
static void step_loan(const State& now, Steps& steps) {
  const bool wrong_order = seeded(Mistake::slot_want_after_sweep);
  State next = now;
  Publisher& own = next.publisher;
  const bool is_last = own.edge + 1 == config.edges;
  switch (now.publisher.at) {
    case kLoanWant:
      if (Region* region = region_of(next, own.edge)) region->want_slot = 1;
      own.edge = is_last ? 0 : Byte(own.edge + 1);
      if (is_last) own.at = wrong_order ? kLoanWait : kLoanSweep;
      return steps.add(kPublisherThread, "pub.slot_want", next);
    case kLoanSweep:
      sweep(next, own.edge);
      own.edge = is_last ? 0 : Byte(own.edge + 1);
      if (is_last) own.at = has_free_slot(next) ? kIdle : wrong_order ? kLoanWant : kLoanWait;
      return steps.add(kPublisherThread, "pub: sweeps for a slot", next);
    default:
      step_control(now, kIdle, steps);
      own.at = kIdle;
      own.doorbell = 0;
      if (now.publisher.doorbell) return steps.add(kPublisherThread, "pub: woken", next);
      if (has_free_slot(now)) steps.add(kPublisherThread, "pub: another thread freed a slot", next);
  }
}

/// A ring ahead of the message: no bit goes with it, so the reader may find nothing and sleep again. Its look at asleep
/// is a hint, and one step with the exchange here.
static void step_announce(const State& now, Steps& steps) {
  State next = now;
  Publisher& own = next.publisher;
  Subscriber& reader = next.subscriber[subscriber_of(0)];
  const bool is_there = own.edges[0].region && reader.alive && reader.incarnation == own.edges[0].reader;
  if (own.at == kWrite) {
    if (!is_there || !reader.asleep) return;
    reader.asleep = 0;
    own.at = kAnnounceBell;
    return steps.add(kPublisherThread, "pub: announces, exchange", next);
  }
  if (is_there) reader.doorbell = 1;
  own.at = kAnnounced;
  steps.add(kPublisherThread, "pub.doorbell", next);
}

static void step_write(const State& now, Steps& steps) {
  const Publisher& own = now.publisher;
  for (int who = 0; who < subscriber_count(); who++)
    for (int i = 0; i < now.subscriber[who].held_count; i++) {
      const Held& held = now.subscriber[who].held[i];
      if (now.region(held.edge, held.region).pool == own.incarnation && held.slot == own.slot)
        fail("slot %d is rewritten while subscriber %d holds it", own.slot, who);
    }
  State next = now;
  next.publisher.at = kRoom;
  next.payload[own.incarnation][own.slot] = {own.next_message, own.next_message};
  if (seeded(Mistake::room_checked_while_putting)) {
    next.publisher.edge = 0;
    next.publisher.at = kTail;
  } else {
    start_room_check(next);
  }
  steps.add(kPublisherThread, "pub: writes the payload", next);
}

/// Steps that may happen whatever the sending thread does.
static void step_aside(const State& now, Steps& steps) {
  if (config.sweeper)
    for (int edge = 0; edge < config.edges; edge++) {
      State next = now;
      const Region* region = region_of(next, edge);
      if (!region || !region->released) continue;
      sweep(next, edge);
      steps.add(kSweeperThread, "pub: another thread sweeps", next);
    }
  const bool may_reclaim = now.publisher.at == kIdle || now.publisher.at == kLoanWait;
  if (seeded(Mistake::reclaim_from_the_living) && !now.ghost.reclaimed && may_reclaim)
    for (int edge = 0; edge < config.edges; edge++) {
      if (now.publisher.edges[edge].status != kOpen) continue;
      State next = now;
      next.ghost.reclaimed = 1;
      orphan(next, edge);
      steps.add(kPublisherThread, "pub: cleans up after a living subscriber", next);
    }
}

void step_publisher(const State& now, Steps& steps) {
  if (!now.publisher.alive) return;
  step_aside(now, steps);
  const Byte at = now.publisher.at;
  if (at == kIdle) return step_idle(now, steps);
  if (at == kAnnounceBell || (at == kWrite && config.announce)) step_announce(now, steps);
  if (at == kWrite || at == kAnnounced) return step_write(now, steps);
  if (at == kAnnounceBell) return;
  if (at >= kLoanWant) return step_loan(now, steps);
  if (at <= kRoomWait) {
    step_room(now, steps);
  } else {
    step_put(now, steps);
  }
}

}  // namespace model
