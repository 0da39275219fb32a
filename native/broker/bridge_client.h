// What a client of the table consists of. Included by the parts of bridge.cc only: bridge.cc (life and members),
// bridge_take.cc (waiting and taking), bridge_send.cc (publishing).
//
// A member and its client belong to the consumer; a Membership to the member and to each event that it lent.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "broker/bridge.h"
#include "core/fd.h"
#include "core/inbox.h"
#include "node/node.h"

namespace dora::broker {

/// One place in a dataflow, kept by the client and by everything that was lent from it.
struct Membership {
  Membership() = default;
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;
  /// Nothing of its memory is in use any more.
  ~Membership() {
    node.reset();
    if (dataflow.empty()) return;
    host->with_broker([this](Broker& broker) {
      broker.node_ended(dataflow, name, true, crashed);
      if (reader) broker.forget_node(dataflow, name);
    });
  }
  std::shared_ptr<BridgeHost> host;
  std::unique_ptr<Node> node;
  std::string dataflow, name;  ///< empty: not announced
  bool reader = false, crashed = false;
};

/// What one event lends.
struct Lease {
  std::shared_ptr<Membership> membership;
  Sample sample;
  std::vector<uint8_t> metadata;
  std::string dataflow, node, message;
};

}  // namespace dora::broker

struct dora_bridge_member {
  std::shared_ptr<dora::broker::Membership> membership;
  dora_bridge* bridge = nullptr;
  void* user = nullptr;
  std::atomic<bool> ready{false};  ///< told; senders on other threads look
  bool over = false;               ///< told; consumer's
  const uint64_t* mask = nullptr;  ///< of inputs that are taken; null: all; consumer's
  bool asleep = false;             ///< consumer's

  dora::Node& node() const { return *membership->node; }
};

struct dora_bridge {
  std::shared_ptr<dora::broker::BridgeHost> host;
  dora::Fd epoll;  ///< the bell and every member's descriptor
  dora::Fd bell;   ///< joins and leaves wait
  uint32_t most_events = 0;
  uint64_t observer = 0;
  std::vector<std::unique_ptr<dora_bridge_member>> members;
  size_t turn = 0;

  std::mutex lock;  ///< over the two below, which the broker fills
  std::deque<dora::BrokerEvent> events;
  uint64_t missed = 0;

  void on_broker_event(const dora::BrokerEvent& event) {
    std::lock_guard guard(lock);
    if (events.size() >= most_events) {
      missed++;
    } else {
      events.push_back(event);
    }
    dora::ring_doorbell(bell.get());
  }
  bool has_events() {
    std::lock_guard guard(lock);
    return !events.empty() || missed > 0;
  }
};

namespace dora::broker {

/// What the caller gave, as far as this core knows it. False: there is none, it is too short to be one, or it says
/// something beyond what is known here.
template <class T>
bool read_given(const T* given, uint32_t least, T* out) {
  *out = T{};
  if (given == nullptr || given->struct_size < least) return false;
  const auto* bytes = reinterpret_cast<const uint8_t*>(given);
  for (size_t i = sizeof(T); i < given->struct_size; i++)
    if (bytes[i] != 0) return false;
  memcpy(static_cast<void*>(out), bytes, std::min<size_t>(given->struct_size, sizeof(T)));
  return true;
}

/// DORA_INVALID_ARGUMENT, in words.
int32_t invalid(const std::string& text, dora_error_t* out, const std::string& hint = {});
/// The same for a structure that read_given() refused.
int32_t wrong_struct(const char* what, dora_error_t* out);

/// Entries of the table that are not in bridge.cc.
namespace bridge {
int32_t wait_fd(dora_bridge_t* bridge);
int32_t prepare_wait(dora_bridge_t* bridge);
int32_t next(dora_bridge_t* bridge, dora_bridge_event_t* event);
void release(dora_bridge_event_t* event);
int32_t loan(dora_bridge_member_t* member, uint32_t output, uint64_t size, dora_bridge_loan_t* out,
             dora_error_t* error);
int32_t send(dora_bridge_member_t* member, dora_bridge_loan_t* given, const dora_bridge_message_t* how,
             dora_error_t* error);
int32_t send_copy(dora_bridge_member_t* member, uint32_t output, const void* data, uint64_t size,
                  const dora_bridge_message_t* how, dora_error_t* error);
void discard(dora_bridge_member_t* member, dora_bridge_loan_t* given);
void stop_waiting(dora_bridge_member_t* member, uint32_t output);
int32_t close_output(dora_bridge_member_t* member, uint32_t output);
}  // namespace bridge

}  // namespace dora::broker
