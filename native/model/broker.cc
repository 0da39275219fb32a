// The broker (the daemon's part): starts processes, creates regions, and tells both ends of an edge.
//
// A first join and a return are the same to it: publisher and subscriber may come in any order; once both are there it
// creates a region, the publisher opens it and answers, and only then the subscriber is told. It keeps no truth of its
// own: it (or its successor) compares what both ends say they have, and where they differ makes a new region.
#include "publisher.h"

namespace model {

static void step_start_processes(const State& now, Steps& steps) {
  const bool publisher_joins = now.ghost.to_join & kToJoinPublisher;
  if (!now.publisher.alive && (publisher_joins || config.restart_publisher)) {
    State next = now;
    next.publisher.alive = 1;
    next.publisher.incarnation++;
    next.ghost.to_join &= Byte(~kToJoinPublisher);
    if (next.publisher.incarnation >= kMaxIncarnations) return fail("kMaxIncarnations is too small");
    next.broker.offered[0] = next.broker.offered[1] = 0;
    steps.add(kBrokerThread, publisher_joins ? "broker: the publisher joins" : "broker: restarts the publisher", next);
  }
  for (int who = 0; who < subscriber_count(); who++) {
    const bool joins = now.ghost.to_join & to_join_bit(who);
    bool may_start = joins || config.restart_subscriber;
    if (!joins && config.restart_subscriber == 2)  // a new one comes only when the old one's edges are closed
      for (int edge = 0; edge < config.edges; edge++)
        if (subscriber_of(edge) == who && (now.publisher.edges[edge].status || now.publisher.mail[edge]))
          may_start = false;
    if (now.subscriber[who].alive || !may_start) continue;
    State next = now;
    next.subscriber[who].alive = 1;
    next.subscriber[who].incarnation++;
    next.ghost.to_join &= Byte(~to_join_bit(who));
    steps.add(kBrokerThread, joins ? "broker: a subscriber joins" : "broker: restarts the subscriber", next);
  }
}

static bool is_listed(const Subscriber& subscriber, int edge, int region) {
  for (int i = 0; i < subscriber.listed[edge]; i++)
    if (subscriber.list[edge][i] == region) return true;
  return false;
}

static void step_edge(const State& now, int edge, Steps& steps) {
  const Subscriber& reader = now.subscriber[subscriber_of(edge)];
  const PublisherEdge& books = now.publisher.edges[edge];
  if (now.publisher.mail[edge]) return;
  State next = now;
  if (!reader.alive) {
    if (config.restart_subscriber == 1 || books.status == kNoEdge) return;
    next.publisher.mail[edge] = kCloseEdge;
    next.broker.offered[edge] = 0;
    return steps.add(kBrokerThread, "broker: closes the edge for good", next);
  }
  if (reader.mail[edge]) return;
  const int newest = reader.listed[edge] ? reader.list[edge][reader.listed[edge] - 1] : 0;
  if (books.region && books.status != kNoEdge && books.reader == reader.incarnation) {
    if (newest == books.region) return;
    if (seeded(Mistake::successor_trusts_publisher) && now.broker.offered[edge] != books.region) return;
    if (seeded(Mistake::newest_region_first) && is_listed(reader, edge, books.region)) return;
    if (now.broker.offered[edge] == books.region) {
      next.subscriber[subscriber_of(edge)].mail[edge] = books.region;
      return steps.add(kBrokerThread, "broker: gives the region to the subscriber", next);
    }
  }
  if (next.region_count[edge] == kMaxRegions) return fail("kMaxRegions is too small");
  const Byte fresh = ++next.region_count[edge];
  next.broker.offered[edge] = next.publisher.mail[edge] = fresh;
  next.publisher.mail_reader[edge] = reader.incarnation;
  if (seeded(Mistake::subscriber_opens_first)) next.subscriber[subscriber_of(edge)].mail[edge] = fresh;
  steps.add(kBrokerThread, "broker: a new region, to the publisher", next);
}

void step_broker(const State& now, Steps& steps) {
  if (!now.broker.alive) {
    State next = now;
    next.broker.alive = 1;
    return steps.add(kBrokerThread, "broker: a successor asks every process what it has", next);
  }
  step_start_processes(now, steps);
  if (!now.publisher.alive) return;
  for (int edge = 0; edge < config.edges; edge++) step_edge(now, edge, steps);
}

}  // namespace model
