// One consumer of a node, with everything that it alone takes and sleeps on: its inputs, an inbox, what it polls.
//
// A process has one, part 0. Others are made by Node::share() for threads that take over inputs and outputs; each has
// an inbox and a doorbell of its own, which the peers of its inputs and outputs are told to ring. So consumers sleep,
// wake and take without each other. What concerns the node as a whole (edges that open and close, deaths, stop) lies in
// a shared epoll that every part polls: whoever wakes first handles it for all.
//
// `lock` is over what is not atomic, held for one step of the consumer or of whoever handles control for it. While a
// node has one part nobody else comes, and nothing is locked (Node::Impl::hold). Order: the node's control lock, then a
// part's; part 0's before another's.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "core/fd.h"
#include "core/inbox.h"
#include "node/inputs.h"
#include "node/node.h"

namespace dora {

struct Part {
  uint32_t number = 0;  ///< as the broker knows it
  Inbox inbox;
  Fd control;  ///< epoll: the node's control, this part's timers and alarm; the data says which
  Fd wait;     ///< epoll: doorbell and control, for foreign loops

  std::mutex lock;
  std::unique_ptr<Inputs> inputs;
  std::deque<Event> events;
  bool ended = false;  ///< then `end` for ever
  uint32_t takes = 0;

  std::atomic<bool> stopping{false};  ///< a stop event was given or waits; a hint for senders, so relaxed

  // Written under the control lock:
  uint64_t key = 0;                    ///< of the share that gives it out; 0: none does
  std::vector<uint32_t> outputs;       ///< of that share
  std::atomic<bool> connected{false};  ///< a thread has it; part 0: always. Relaxed for those without the lock: a hint

  static constexpr uint64_t kNodeControl = 0, kAlarm = 1, kTimers = 2;  ///< data in `control`; a timer's is kTimers + i
  static constexpr uint64_t kDeath = uint64_t{1} << 63;                 ///< and with the key of a watch: a peer's pidfd
};

}  // namespace dora
