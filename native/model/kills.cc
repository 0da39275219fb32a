// Kills: between any two steps, while the budget of the run lasts, a process loses its memory. What the kernel does for
// it is done here too: peers see the pidfd become readable, mapped regions live on while somebody maps them.
//
// The ghost notes what is lost with the process, so that every other message must end as received or dropped: the
// message it was sending, samples it had claimed, and rings that nobody is left to read.
#include "publisher.h"

namespace model {

static bool is_known_to_reader(const State& now, int edge, int region) {
  const Subscriber& reader = now.subscriber[subscriber_of(edge)];
  if (!reader.alive) return false;
  for (int i = 0; i < reader.listed[edge]; i++)
    if (reader.list[edge][i] == region) return true;
  return reader.mail[edge] == region;
}

static void lose_ring(State& next, int edge, int number) {
  const Region& region = next.region(edge, number);
  for (int at = region.tail; at < region.head; at++) {
    Byte& fate = next.ghost.fate[edge][region.cell[at % config.queue].message];
    if (fate == kInRing) fate = kLost;
  }
}

static void kill_publisher(const State& now, Steps& steps) {
  State next = now;
  const Publisher& was = now.publisher;
  next.ghost.kills_publisher--;
  if (was.at != kIdle && was.at < kLoanWant) {
    for (int edge = 0; edge < config.edges; edge++) {
      Byte& fate = next.ghost.fate[edge][was.next_message];
      if (fate == kUnsent) fate = kLost;
    }
    next.publisher.next_message++;
  }
  for (int edge = 0; edge < config.edges; edge++) {
    const int region = was.edges[edge].region;
    if (!region || is_known_to_reader(now, edge, region)) continue;
    lose_ring(next, edge, region);
    if (config.count) next.ghost.dropped[edge] -= now.region(edge, region).tail - now.region(edge, region).first;
  }
  for (int who = 0; who < subscriber_count(); who++)
    if (now.subscriber[who].alive) next.subscriber[who].publisher_died = 1;
  const Byte next_message = next.publisher.next_message;
  next.publisher = {};
  next.publisher.incarnation = was.incarnation;
  next.publisher.next_message = next_message;
  steps.add(kKiller, "*** the publisher is killed", next);
}

static void kill_subscriber(const State& now, int who, Steps& steps) {
  State next = now;
  const Subscriber& was = now.subscriber[who];
  next.ghost.kills_subscriber--;
  for (int i = 0; i < was.held_count; i++) next.ghost.fate[was.held[i].edge][was.held[i].message] = kLost;
  for (int edge = 0; edge < config.edges; edge++) {
    if (subscriber_of(edge) != who) continue;
    const auto has_no_publisher = [&](int region) {
      return !now.publisher.alive || now.publisher.edges[edge].region != region;
    };
    for (int i = 0; i < was.listed[edge]; i++)
      if (has_no_publisher(was.list[edge][i])) lose_ring(next, edge, was.list[edge][i]);
    if (was.mail[edge] && has_no_publisher(was.mail[edge])) lose_ring(next, edge, was.mail[edge]);
  }
  next.subscriber[who] = {};
  next.subscriber[who].incarnation = was.incarnation;
  if (now.publisher.alive) mark(next.publisher.dead_subscribers, who);
  steps.add(kKiller, "*** a subscriber is killed", next);
}

void step_kills(const State& now, Steps& steps) {
  if (now.ghost.kills_publisher && now.publisher.alive) kill_publisher(now, steps);
  if (now.ghost.kills_subscriber)
    for (int who = 0; who < subscriber_count(); who++)
      if (now.subscriber[who].alive) kill_subscriber(now, who, steps);
  if (now.ghost.kills_broker && now.broker.alive) {
    State next = now;
    next.ghost.kills_broker--;
    next.broker = {};
    steps.add(kKiller, "*** the broker is killed", next);
  }
}

}  // namespace model
