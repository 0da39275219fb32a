// Send, phase B: an entry into each ring; then, once all of them have it, the wake-up of each reader.
//
// A full drop_oldest ring gives up its oldest entry (kTakeBack): whoever moves `tail` over an entry owns it, so the
// slot is ours again, or the reader has just claimed it and there is room. The slot is booked as given *before* the
// entry can be seen (kCell1 before kHead).
//
// The hold limit: when the reader is at its limit even after a sweep (kPutSweep), the ring counts as full. With entries
// in it the oldest is taken back, which also frees a given bit; when the reader was faster, all of this is looked at
// again. With none in it the new message itself is dropped by a skip: `tail` moves over a position that was never put
// (kSkipFirst), then `head` follows (kSkipSecond). In between head - tail is -1, so the reader sees no entry, and it
// counts the drop by position, as any other. A publisher killed in between leaves tail = head + 1 for ever.
#include "publisher.h"

namespace model {

static void count_drop(State& next, int edge, int message) {
  next.ghost.fate[edge][message] = kDropped;
  if (config.count) next.ghost.dropped[edge]++;
}

static void step_look_at_tail(const State& now, Steps& steps) {
  State next = now;
  const int edge = now.publisher.edge;
  const PublisherEdge& books = now.publisher.edges[edge];
  const bool paces = config.policy[edge] == Policy::kBackpressure;
  const Region* region = region_of(next, edge);
  if (!region) {
    next.ghost.fate[edge][now.publisher.next_message] = kDropped;
    next_edge(next);
    return steps.add(kPublisherThread, "pub: no such edge yet", next);
  }
  const bool is_full = ring_is_full(books, region->tail);
  if (seeded(Mistake::room_checked_while_putting) && paces && is_full) {
    next.publisher.at = kWantTail;
    return steps.add(kPublisherThread, "pub: full, half of the edges have it", next);
  }
  if (paces && (is_full || at_limit(books))) fail("backpressure edge %d has no room in phase B", edge);
  next.publisher.seen_tail = region->tail;
  next.publisher.at = is_full ? kTakeBack : at_limit(books) ? kPutSweep : kCell1;
  steps.add(kPublisherThread, "pub: tail?", next);
}

static void step_put_sweep(const State& now, Steps& steps) {
  State next = now;
  Publisher& own = next.publisher;
  const int edge = own.edge;
  sweep(next, edge);
  if (!at_limit(own.edges[edge])) {
    own.at = kCell1;
  } else if (own.seen_tail != own.edges[edge].head) {
    own.at = kTakeBack;
  } else if (seeded(Mistake::skip_without_position)) {
    count_drop(next, edge, own.next_message);
    next_edge(next);
  } else {
    own.at = kSkipFirst;
  }
  steps.add(kPublisherThread, "pub: sweeps, reader at its limit?", next);
}

static void step_take_back(const State& now, Steps& steps) {
  State next = now;
  Publisher& own = next.publisher;
  const int edge = own.edge, tail = own.seen_tail;
  PublisherEdge& books = own.edges[edge];
  Region& region = *region_of(next, edge);
  own.at = kCell1;
  if (region.tail == tail || seeded(Mistake::takeback_without_cas)) {
    region.tail = Byte(tail + 1);
    const Cell cell = books.mine[tail % config.queue];
    const Byte fate = now.ghost.fate[edge][cell.message];
    if (fate != kInRing) fail("took back message %d that is not in the ring (fate %d)", cell.message, fate);
    count_drop(next, edge, cell.message);
    if (marked(books.given, cell.slot)) {
      unmark(books.given, cell.slot);
      unref(next, cell.slot);
    }
  } else if (ring_is_full(books, region.tail)) {
    fail("the reader moved the tail and there is no room");
  } else if (at_limit(books) && !seeded(Mistake::put_after_lost_takeback)) {
    own.at = kTail;
  }
  own.seen_tail = 0;
  steps.add(kPublisherThread, "pub.takeback", next);
}

static void step_skip(const State& now, Steps& steps) {
  State next = now;
  Publisher& own = next.publisher;
  const int edge = own.edge;
  PublisherEdge& books = own.edges[edge];
  Region& region = *region_of(next, edge);
  const bool is_first = own.at == kSkipFirst;
  if (is_first != seeded(Mistake::skip_head_first)) {
    if (region.tail != books.head) fail("the tail of an empty ring was moved by its reader");
    region.tail = Byte(books.head + 1);
  } else {
    region.head = Byte(books.head + 1);
  }
  if (is_first) {
    own.at = kSkipSecond;
    return steps.add(kPublisherThread, "pub.skip_tail", next);
  }
  books.head++;
  count_drop(next, edge, own.next_message);
  next_edge(next);
  steps.add(kPublisherThread, "pub.head of a skip", next);
}

static void step_entry(const State& now, Steps& steps) {
  State next = now;
  Publisher& own = next.publisher;
  PublisherEdge& books = own.edges[own.edge];
  Region& region = *region_of(next, own.edge);
  const int index = books.head % config.queue;
  const auto give = [&] {
    if (marked(books.given, own.slot)) fail("slot given twice on one edge");
    mark(books.given, own.slot);
    own.refs[own.slot]++;
    if (limited() && std::popcount(books.given) > config.queue + config.limit) fail("reader got beyond its limit");
  };
  switch (now.publisher.at) {
    case kCell1:
      own.seen_tail = 0;
      if (!seeded(Mistake::given_after_head)) give();
      books.mine[index] = {own.slot, own.next_message};
      region.cell[index].slot = own.slot;
      own.at = kCell2;
      return steps.add(kPublisherThread, "pub.given, pub.cell", next);
    case kCell2:
      region.cell[index].message = own.next_message;
      own.at = seeded(Mistake::ready_before_head) ? kReady : kHead;
      return steps.add(kPublisherThread, "pub.cell, second word", next);
    case kHead:
      region.head = ++books.head;
      next.ghost.fate[own.edge][own.next_message] = kInRing;
      if (seeded(Mistake::given_after_head)) {
        own.at = kGivenLate;
      } else if (seeded(Mistake::ready_before_head)) {
        own.at = kAsleep;
      } else {
        next_edge(next);
      }
      return steps.add(kPublisherThread, "pub.head", next);
    default:
      give();
      next_edge(next);
      return steps.add(kPublisherThread, "pub.given (late)", next);
  }
}

/// The reader's inbox, or nothing when the process it belonged to is gone.
static void step_wake(const State& now, Steps& steps) {
  State next = now;
  Publisher& own = next.publisher;
  const int edge = own.edge;
  Subscriber& reader = next.subscriber[subscriber_of(edge)];
  const bool is_there = reader.alive && reader.incarnation == own.edges[edge].reader;
  switch (now.publisher.at) {
    case kReady:
      if (is_there) mark(reader.ready, edge);
      own.at = seeded(Mistake::ready_before_head) ? kHead : kAsleep;
      return steps.add(kPublisherThread, "pub.ready", next);
    case kAsleep:
      if (is_there && reader.asleep) {
        own.at = kAsleepTake;
      } else {
        next_wake(next);
      }
      return steps.add(kPublisherThread, "pub.asleep", next);
    case kAsleepTake:
      if (is_there && reader.asleep) {
        reader.asleep = 0;
        own.at = kDoorbell;
      } else {
        next_wake(next);
      }
      return steps.add(kPublisherThread, "pub.asleep, exchange", next);
    default:
      if (is_there) reader.doorbell = 1;
      next_wake(next);
      return steps.add(kPublisherThread, "pub.doorbell", next);
  }
}

void step_put(const State& now, Steps& steps) {
  switch (now.publisher.at) {
    case kTail: return step_look_at_tail(now, steps);
    case kPutSweep: return step_put_sweep(now, steps);
    case kTakeBack: return step_take_back(now, steps);
    case kSkipFirst:
    case kSkipSecond: return step_skip(now, steps);
    case kCell1:
    case kCell2:
    case kHead:
    case kGivenLate: return step_entry(now, steps);
    default: return step_wake(now, steps);
  }
}

}  // namespace model
