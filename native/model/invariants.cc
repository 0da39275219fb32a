// What must hold.
//
// In every state: no message waits while its reader sleeps and nobody is about to wake it; with `count`, the reader's
// count of drops is exact. In a state that no process can leave: nobody is stuck, no slot leaks, every message has met
// its end, retained messages reached who joined late. What must hold at one step is checked there by fail(): slot
// rewritten while held, message doubled or reordered, honest peer reported corrupt, hold limit exceeded.
#include <cstdarg>
#include <cstdio>

#include "publisher.h"

namespace model {

std::string violation;

void fail(const char* format, ...) {
  if (!violation.empty()) return;
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  violation = text;
}

State first_state() {
  State state{};
  state.broker.alive = 1;
  state.publisher.next_message = 1;
  state.ghost.kills_publisher = Byte(config.kill_publisher);
  state.ghost.kills_subscriber = Byte(config.kill_subscriber);
  state.ghost.kills_broker = Byte(config.kill_broker);
  if (config.join) {
    state.ghost.to_join = kToJoinPublisher;
    for (int who = 0; who < subscriber_count(); who++) state.ghost.to_join |= to_join_bit(who);
    return state;
  }
  state.publisher.alive = 1;
  for (int who = 0; who < subscriber_count(); who++) state.subscriber[who].alive = 1;
  for (int edge = 0; edge < config.edges; edge++) {
    state.publisher.edges[edge].region = state.region_count[edge] = state.broker.offered[edge] = 1;
    state.publisher.edges[edge].status = kOpen;
    Subscriber& reader = state.subscriber[subscriber_of(edge)];
    reader.list[edge][0] = reader.listed[edge] = 1;
    mark(reader.pending, edge);
  }
  return state;
}

/// The publisher is between `head` and the end of the wake-up: of this edge, or of another one of the same process. It
/// puts on all edges first: what it has put on already it will still wake.
static bool is_being_woken(const State& now, int who, int edge) {
  const Publisher& publisher = now.publisher;
  if (!publisher.alive) return false;
  const bool wakes = publisher.at >= kReady && publisher.at <= kDoorbell;
  const bool puts = publisher.at >= kTail && publisher.at <= kGivenLate;
  if (publisher.edge == edge && (wakes || publisher.at == kGivenLate)) return true;
  if (!seeded(Mistake::ready_before_head) && (puts ? publisher.edge > edge : wakes && publisher.edge < edge))
    return true;
  return subscriber_of(publisher.edge) == who && publisher.at == kDoorbell &&
         publisher.edges[publisher.edge].reader == now.subscriber[who].incarnation;
}

/// What the reader would answer if it were asked now. A skip wakes nobody, so the answer must not depend on when it
/// last looked: drops are what lies between its position and the tail; half a skip is none yet.
static int counted_drops(const State& now, int edge) {
  const Subscriber& reader = now.subscriber[subscriber_of(edge)];
  int drops = reader.dropped[edge];
  for (int i = 0; i < reader.listed[edge]; i++) {
    const Region& region = now.region(edge, reader.list[edge][i]);
    drops += std::min(region.head, region.tail) - (i ? region.first : reader.next_position[edge]);
  }
  return drops;
}

/// Exact at any moment, for as long as the subscriber lives and once it has the publisher's region.
static void check_counts(const State& now) {
  if (now.ghost.kills_subscriber != config.kill_subscriber) return;
  for (int edge = 0; edge < config.edges; edge++) {
    const Subscriber& reader = now.subscriber[subscriber_of(edge)];
    const int region = now.publisher.edges[edge].region;
    const bool is_late = region && (!reader.listed[edge] || reader.list[edge][reader.listed[edge] - 1] != region);
    if (is_late || reader.mail[edge]) continue;
    if (counted_drops(now, edge) != now.ghost.dropped[edge])
      fail("input %d counts %d drops of %d", edge, counted_drops(now, edge), now.ghost.dropped[edge]);
  }
}

void check_every_state(const State& now) {
  if (config.count) check_counts(now);
  for (int who = 0; who < subscriber_count(); who++) {
    const Subscriber& reader = now.subscriber[who];
    const bool will_see_death = reader.publisher_died && !seeded(Mistake::death_does_not_wake);
    if (!reader.alive || reader.at != kSleeping || reader.doorbell || will_see_death) continue;
    bool has_mail = false;
    for (int edge = 0; edge < config.edges; edge++) has_mail |= reader.mail[edge] != 0;
    if (has_mail) continue;
    for (int edge = 0; edge < config.edges; edge++) {
      if (subscriber_of(edge) != who || !reader.listed[edge]) continue;
      const Region& region = now.region(edge, reader.list[edge][0]);
      if (region.head > region.tail && !is_being_woken(now, who, edge))
        fail("lost wake-up: input %d has a message, subscriber %d sleeps, nobody will wake it", edge, who);
    }
  }
}

static void check_messages(const State& now, int edge) {
  const Ghost& ghost = now.ghost;
  for (int message = 1; message < now.publisher.next_message && message <= config.messages; message++)
    if (ghost.fate[edge][message] < kDone)
      fail("message %d of edge %d ended with fate %d: not received, dropped or lost with a kill", message, edge,
           ghost.fate[edge][message]);
  const bool subscriber_lived = ghost.kills_subscriber == config.kill_subscriber;
  const bool publisher_lived = ghost.kills_publisher == config.kill_publisher;
  if (!config.retain || limited() || !subscriber_lived || !publisher_lived) return;
  const int kept = std::min(config.retain, config.queue);
  for (int message = std::max(1, config.messages - kept + 1); message <= config.messages; message++)
    if (ghost.fate[edge][message] != kDone) fail("edge %d never got message %d, which is retained", edge, message);
}

/// Retained messages are held by the publisher itself.
static int own_references(const State& now, int slot) {
  int own = 0;
  for (int i = 0; i < now.publisher.retained_count; i++) own += now.publisher.retained[i].slot == slot;
  return seeded(Mistake::retain_without_reference) ? 0 : own;
}

void check_last_state(const State& now) {
  const Publisher& publisher = now.publisher;
  if (publisher.alive) {
    if (publisher.at != kIdle || publisher.next_message <= config.messages)
      fail("publisher stuck at %s with message %d of %d", name_of(PublisherAt(publisher.at)), publisher.next_message,
           config.messages);
    for (int slot = 0; slot < config.slots; slot++)
      if (publisher.refs[slot] != own_references(now, slot))
        fail("leak: slot %d still has %d holders", slot, publisher.refs[slot]);
  } else if (config.restart_publisher) {
    fail("publisher never restarted");
  }
  for (int who = 0; who < subscriber_count(); who++) {
    const Subscriber& reader = now.subscriber[who];
    if (reader.alive && reader.at != kSleeping)
      fail("subscriber %d stuck at %s", who, name_of(SubscriberAt(reader.at)));
  }
  for (int edge = 0; edge < config.edges; edge++) check_messages(now, edge);
}

const char* name_of(PublisherAt at) {
  static const char* const kNames[] = {
      "idle",         "write",      "room?",      "room, sweep", "want_tail",  "want check", "want clear",
      "want_slot",    "want sweep", "wait, room", "tail?",       "put, sweep", "take back",  "skip, first",
      "skip, 2nd",    "cell",       "cell, 2nd",  "head",        "given late", "ready",      "asleep?",
      "asleep, take", "doorbell",   "loan, want", "loan, sweep", "wait, slot", "announce",   "announced"};
  static_assert(std::size(kNames) == kAnnounced + 1);
  return kNames[at];
}

const char* name_of(SubscriberAt at) {
  static const char* const kNames[] = {"top",        "scan",       "take ready", "head",       "tail",
                                       "head again", "cell",       "cell, 2nd",  "claim",      "want?",
                                       "want, take", "want, bell", "slot want?", "slot, take", "slot, bell",
                                       "say asleep", "recheck",    "asleep",     "woken"};
  static_assert(std::size(kNames) == kWoken + 1);
  return kNames[at];
}

}  // namespace model
