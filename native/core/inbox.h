// The inbox of a receiving process, from both sides: "input i has something" bits, the asleep flag and the doorbell.
//
// Owner: scan() takes the bits before it looks at the rings; going to sleep is asleep = 1, then one more look. Peer:
// sets its bit, then looks at asleep; whoever exchanges the 1 rings, so there is one write per sleep. Each side stores
// its own word and then loads the other's, all seq_cst, so at least one of them sees the other: no lost wake-up (SYNC:
// inbox-sleep). A hostile peer can ring, clear bits or clear asleep: that delays, it never damages; nothing read here
// is used as an index.
#pragma once

#include <cstdint>

#include "core/fd.h"
#include "core/layout.h"
#include "core/region.h"
#include "core/status.h"

namespace dora {

/// Adds 1 to an eventfd; a full counter rings already. Does not wait, even if a peer has made the descriptor blocking.
void ring_doorbell(int doorbell);
/// Empties an eventfd; does not wait either.
void drain_doorbell(int doorbell);

/// The receiving process's side.
class Inbox {
 public:
  /// Takes both descriptors over.
  static Status open(Fd memory, Fd doorbell, Inbox* out, Error* error);

  /// How many of the words are in use: the process's highest input bit / 64 + 1.
  void set_words(uint32_t words) { words_ = words; }
  int doorbell() const { return doorbell_.get(); }
  /// Moves the ready bits into `pending` (kInboxWords words). True when there was one.
  bool scan(uint64_t* pending);
  /// [any-thread] A peer's part, done by its own process: sets a bit, and rings when the owner sleeps.
  void notify(uint32_t bit);
  /// True when some bit is ready. A look, takes nothing.
  bool any_ready() const;
  /// asleep = 1. Then look at any_ready(), then sleep.
  void set_asleep();
  /// Nobody has cleared it. A hint: a hostile peer can clear it at any time.
  bool is_asleep() const { return shared()->asleep.load(std::memory_order_relaxed) != 0; }
  /// asleep = 0, whoever cleared it before.
  void set_awake();

 private:
  InboxShared* shared() const { return reinterpret_cast<InboxShared*>(memory_.data()); }
  Mapping memory_;
  Fd doorbell_;
  uint32_t words_ = kInboxWords;
};

/// A sender's side of another process's inbox.
class InboxPeer {
 public:
  static Status open(Fd memory, Fd doorbell, uint32_t bit, InboxPeer* out, Error* error);
  /// "Your input has something": sets the bit and rings when the receiver sleeps.
  void notify();
  /// "It will have something at once": wakes a receiver that sleeps on another core, so that this core wakes up while
  /// the message is made. notify() follows as ever; where it does not, the receiver goes to sleep again.
  void announce();

 private:
  Mapping memory_;
  Fd doorbell_;
  uint32_t bit_ = 0;
};

}  // namespace dora
