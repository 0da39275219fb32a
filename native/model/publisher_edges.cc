// The publisher's books: who holds a slot is written here, in its private memory, and nowhere else.
//
// sweep() takes what a reader has released. orphan() settles the books with a dead reader. step_control() handles what
// comes by the control socket and by the pidfds: an edge is opened, opened again for a reader that returned, or closed.
#include "publisher.h"

namespace model {

void unref(State& state, int slot) {
  if (state.publisher.refs[slot] == 0) return fail("slot %d is freed twice", slot);
  state.publisher.refs[slot]--;
}

static void take_given(State& state, int edge, int slot) {
  if (!marked(state.publisher.edges[edge].given, slot)) return;
  unmark(state.publisher.edges[edge].given, slot);
  unref(state, slot);
}

void sweep(State& state, int edge) {
  Region* region = region_of(state, edge);
  if (!region) return;
  const Byte released = region->released;
  region->released = 0;
  for (int slot = 0; slot < config.slots; slot++)
    if (marked(released, slot)) take_given(state, edge, slot);
}

/// The reader is dead: what it had claimed comes back, what it had not claimed stays queued.
void orphan(State& state, int edge) {
  Region* region = region_of(state, edge);
  if (!region) return;
  PublisherEdge& own = state.publisher.edges[edge];
  // Only a corrupt reader leaves a tail outside [head - queue, head]: a skip is over before this runs (one lock).
  if (own.head - region->tail > config.queue || region->tail > own.head)
    return fail("publisher finds tail %d at head %d of edge %d", region->tail, own.head, edge);
  Byte queued = 0;
  for (int at = region->tail; at != own.head; at++) mark(queued, own.mine[at % config.queue].slot);
  if (seeded(Mistake::orphan_frees_queued)) queued = 0;
  if (!seeded(Mistake::orphan_keeps_releases)) region->released = 0;
  for (int slot = 0; slot < config.slots; slot++)
    if (!marked(queued, slot)) take_given(state, edge, slot);
}

/// The message just sent becomes the newest retained one and keeps the publisher's own reference.
void retain(State& state) {
  Publisher& own = state.publisher;
  const Cell newest{own.slot, own.next_message};
  if (seeded(Mistake::retain_without_reference)) unref(state, newest.slot);
  if (own.retained_count == config.retain) {
    if (!seeded(Mistake::retain_without_reference)) unref(state, own.retained[0].slot);
    for (int i = 0; i + 1 < own.retained_count; i++) own.retained[i] = own.retained[i + 1];
    own.retained_count--;
  }
  own.retained[own.retained_count++] = newest;
}

/// Nobody reads the region yet, so this is one step. A queue shorter than `retain` gets the newest that fit.
static void put_retained(State& state, int edge) {
  Publisher& own = state.publisher;
  PublisherEdge& books = own.edges[edge];
  Region& region = *region_of(state, edge);
  for (int i = std::max(0, own.retained_count - config.queue); i < own.retained_count; i++) {
    const Cell cell = own.retained[i];
    if (books.head - region.tail == config.queue) return fail("no room for retained messages");
    if (marked(books.given, cell.slot)) fail("slot given twice on one edge");
    mark(books.given, cell.slot);
    own.refs[cell.slot]++;
    books.mine[books.head % config.queue] = region.cell[books.head % config.queue] = cell;
    region.head = ++books.head;
    state.ghost.fate[edge][cell.message] = kInRing;
  }
}

static void open_edge(State& state, int edge, int number, int reader) {
  Publisher& own = state.publisher;
  PublisherEdge& books = own.edges[edge];
  if (books.status == kOpen) orphan(state, edge);
  Region& fresh = state.region(edge, number);
  fresh.pool = own.incarnation;
  const Region* old = region_of(state, edge);
  const bool is_return = old != nullptr;
  if (is_return) {  // same positions, from its own copy of the cells
    fresh.head = books.head;
    fresh.tail = old->tail;
    for (int i = 0; i < kMaxQueue; i++) fresh.cell[i] = books.mine[i];
    // A region that this reader never got (its broker died): what was taken back there is before its time.
    if (config.count && books.reader == reader) state.ghost.dropped[edge] -= old->tail - old->first;
    if (config.count) fresh.first = old->tail;
  } else {
    fresh.head = fresh.tail = books.head = 0;
  }
  books.region = Byte(number);
  books.status = kOpen;
  books.reader = Byte(reader);
  if (config.retain && !seeded(Mistake::retain_forgotten) && (!is_return || seeded(Mistake::retain_on_return))) {
    if (!is_return) state.ghost.last[edge] = 0;  // a new reader may see again what an earlier one saw
    put_retained(state, edge);
  }
}

static void close_edge(State& state, int edge) {
  PublisherEdge& books = state.publisher.edges[edge];
  if (books.status != kNoEdge) {
    orphan(state, edge);
    if (const Region* region = region_of(state, edge))
      for (int at = region->tail; at < books.head; at++) {
        Byte& fate = state.ghost.fate[edge][region->cell[at % config.queue].message];
        if (fate == kInRing) fate = kLost;
      }
    for (int slot = 0; slot < config.slots; slot++) take_given(state, edge, slot);
  }
  books.status = kNoEdge;
  books.region = books.reader = 0;
}

/// Control is handled between sends and while waiting, never inside a put: the pool's lock is held there.
void step_control(const State& now, PublisherAt back_to, Steps& steps) {
  const auto done = [&](State& next, const char* label) {
    next.publisher.at = back_to;
    next.publisher.waits_for_limit = 0;
    if (back_to == kRoom) start_room_check(next);
    steps.add(kPublisherThread, label, next);
  };
  for (int who = 0; who < subscriber_count(); who++) {
    if (!marked(now.publisher.dead_subscribers, who)) continue;
    State next = now;
    unmark(next.publisher.dead_subscribers, who);
    for (int edge = 0; edge < config.edges; edge++) {
      PublisherEdge& books = next.publisher.edges[edge];
      const Subscriber& reader = next.subscriber[who];
      const bool is_dead = books.reader != reader.incarnation || !reader.alive;
      if (subscriber_of(edge) != who || books.status != kOpen || !is_dead) continue;
      orphan(next, edge);
      books.status = kOrphan;
    }
    done(next, "pub: sees the subscriber's death");
  }
  for (int edge = 0; edge < config.edges; edge++) {
    const int mail = now.publisher.mail[edge];
    if (!mail) continue;
    State next = now;
    next.publisher.mail[edge] = 0;
    if (mail == kCloseEdge) {
      close_edge(next, edge);
    } else {
      open_edge(next, edge, mail, next.publisher.mail_reader[edge]);
      next.publisher.mail_reader[edge] = 0;
    }
    done(next, mail == kCloseEdge ? "pub: closes the edge" : "pub: opens the edge, answers");
  }
}

}  // namespace model
