// The core as a table of C functions (dora/bridge.h), for a client in the broker's process.
//
// A client's member is a Node like any other, joined through the broker's socket from this process: so policies,
// counts, budget and death are those of every node, and nothing on a message's path is made twice. What differs is its
// end: no process dies with it, so the broker takes its word (BrokerNode::embedded). A member's Node lives until the
// last event that it lent is released, on whatever thread; only then the broker hears of the end and its publishers may
// reuse the slots.
//
// BridgeHost is what clients and broker share: the broker may go first, then functions fail with DORA_ENDED. Locks:
// the host's is taken before the broker's; a client's queue of joins and leaves has its own, taken last (the broker
// fills it under its lock).
#pragma once

#include <memory>
#include <mutex>

#include "broker/broker.h"
#include "dora/bridge.h"

namespace dora::broker {

class BridgeHost : public std::enable_shared_from_this<BridgeHost> {
 public:
  explicit BridgeHost(Broker* broker);
  BridgeHost(const BridgeHost&) = delete;
  BridgeHost& operator=(const BridgeHost&) = delete;
  ~BridgeHost() = default;

  const dora_bridge_host_t* table() const { return &table_; }
  /// The broker is about to go. `silence` makes it call no client any more, before one can find it gone.
  template <class F>
  void broker_gone(F&& silence) {
    std::lock_guard guard(lock_);
    silence();
    broker_ = nullptr;
  }
  /// Runs `work` with the broker, which stays for that long. False: it is gone.
  template <class F>
  bool with_broker(F&& work) {
    std::lock_guard guard(lock_);
    if (broker_ == nullptr) return false;
    work(*broker_);
    return true;
  }
  /// Behind a table: the host, for as long as its owner has it.
  static std::shared_ptr<BridgeHost> of(const dora_bridge_host_t* table);

 private:
  dora_bridge_host_t table_;
  std::mutex lock_;
  Broker* broker_;
};

}  // namespace dora::broker
