// What happened, queued for the broker's owner.
//
// Bounded against nodes that cause events at will: of the kinds that a node can repeat (refused, exhausted, corrupt,
// request_stop) at most kUnreadPerNode wait unread for each node; more are dropped, for they would say the same. The
// others happen once a process. Used under the broker's lock.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "broker/broker.h"

namespace dora::broker {

class Events {
 public:
  static constexpr int kUnreadPerNode = 16;

  void push(BrokerEvent::Kind kind, std::string dataflow, std::string node, std::string text = {}, int32_t pid = 0) {
    if (!observers_.empty() && !repeatable(kind) && kind != BrokerEvent::Kind::unlocked) {
      const BrokerEvent event{kind, dataflow, node, text, pid};
      for (const auto& [number, observer] : observers_) observer(event);
    }
    int& unread = unread_[{static_cast<int>(kind), dataflow, node}];
    if (repeatable(kind) && unread >= kUnreadPerNode) return;
    unread++;
    if (queue_.empty()) became_non_empty_ = true;
    queue_.push_back({kind, std::move(dataflow), std::move(node), std::move(text), pid});
  }

  bool pop(BrokerEvent* out) {
    if (queue_.empty()) return false;
    *out = std::move(queue_.front());
    queue_.pop_front();
    auto count = unread_.find({static_cast<int>(out->kind), out->dataflow, out->node});
    if (count != unread_.end() && --count->second == 0) unread_.erase(count);
    return true;
  }

  /// For those who watch beside the owner (Broker::observe).
  uint64_t observe(std::function<void(const BrokerEvent&)> observer) {
    observers_.emplace(++last_observer_, std::move(observer));
    return last_observer_;
  }
  void unobserve(uint64_t observer) { observers_.erase(observer); }
  void forget_observers() { observers_.clear(); }

  /// True once after the queue turned non-empty.
  bool take_became_non_empty() { return std::exchange(became_non_empty_, false); }

 private:
  static bool repeatable(BrokerEvent::Kind kind) {
    using Kind = BrokerEvent::Kind;
    return kind == Kind::refused || kind == Kind::exhausted || kind == Kind::corrupt || kind == Kind::request_stop;
  }

  std::map<uint64_t, std::function<void(const BrokerEvent&)>> observers_;
  uint64_t last_observer_ = 0;
  std::deque<BrokerEvent> queue_;
  std::map<std::tuple<int, std::string, std::string>, int> unread_;
  bool became_non_empty_ = false;
};

}  // namespace dora::broker
