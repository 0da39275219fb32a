// The broker's state in one place, and numbers that are never given twice.
//
// Parts of the broker (registry, membership, edges, counts) are functions over the Hub; the Hub itself decides nothing.
// One lock, held by broker.cc around every call of a part, covers all of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "broker/budget.h"
#include "broker/connection.h"
#include "broker/events.h"
#include "broker/model.h"

namespace dora::broker {

/// What epoll says back: two low bits are the kind, the rest the number of the connection or the incarnation.
enum class WatchKind : uint64_t { wake = 0, listener = 1, connection = 2, process = 3 };
constexpr uint64_t watch_key(WatchKind kind, uint64_t number = 0) { return number << 2 | static_cast<uint64_t>(kind); }

struct Hub {
  Hub(BrokerOptions broker_options, uint64_t first_id)
      : options(std::move(broker_options)), budget(options.memory_limit), next_id(first_id) {}

  /// For incarnations, regions, edges: unique on this machine, for each broker starts at a random number below 2^61.
  uint64_t new_id() { return next_id++; }
  bool alive(uint64_t incarnation) const { return live.count(incarnation) != 0; }

  BrokerOptions options;
  int epoll = -1;
  SharedFd own_pidfd;
  Budget budget;  ///< before everything that gives memory back to it
  Events events;
  uint64_t next_id;
  std::map<std::string, std::unique_ptr<Dataflow>> dataflows;
  std::unordered_map<std::string, Node*> tokens;                ///< unused ones only
  std::unordered_map<uint64_t, std::shared_ptr<Process>> live;  ///< by incarnation: all that are not known dead
  std::map<uint64_t, std::unique_ptr<Connection>> connections;
  uint64_t next_connection = 1;
};

}  // namespace dora::broker
