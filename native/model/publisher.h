// What the files of the publisher share: the bookkeeping of slots and edges in its private memory.
//
// publisher.cc lends slots and orders the phases of a send, publisher_room.cc asks for room, publisher_put.cc puts and
// wakes, publisher_edges.cc opens, orphans and closes edges.
#pragma once
#include <bit>

#include "steps.h"

namespace model {

inline void mark(Byte& bits, int bit) { bits = Byte(bits | 1 << bit); }
inline void unmark(Byte& bits, int bit) { bits = Byte(bits & ~(1 << bit)); }
inline bool marked(Byte bits, int bit) { return bits >> bit & 1; }

/// The region that the publisher puts into, or nullptr.
inline Region* region_of(State& state, int edge) {
  const int number = state.publisher.edges[edge].region;
  return number ? &state.region(edge, number) : nullptr;
}

inline bool ring_is_full(const PublisherEdge& edge, int tail) { return edge.head - tail == config.queue; }

/// The hold limit: the reader has, queued and held together, as much as it may.
inline bool at_limit(const PublisherEdge& edge) {
  return limited() && std::popcount(edge.given) >= config.queue + config.limit;
}

void unref(State& state, int slot);  // publisher_edges.cc, and the next four
void sweep(State& state, int edge);
void orphan(State& state, int edge);
void retain(State& state);
void step_control(const State& now, PublisherAt back_to, Steps& steps);
void start_room_check(State& state);  // publisher.cc, and the next
void next_room_check(State& state);

void step_room(const State& now, Steps& steps);  // publisher_room.cc
void step_put(const State& now, Steps& steps);   // publisher_put.cc
void next_edge(State& state);                    // publisher.cc
void next_wake(State& state);                    // publisher.cc

}  // namespace model
