// Waiting for events and taking them. See bridge_client.h.
//
// The client's epoll has the bell of joins and leaves, and one descriptor a member (Node::wait_fd). A member that was
// prepared for a sleep is awake again as soon as anything is looked for.
#include <sys/epoll.h>

#include "broker/bridge_client.h"

namespace dora::broker {
namespace {

constexpr uint32_t kLeastEvent = 136;  // what every client knows of an event

/// Fills what the caller knows of an event; what only the caller knows is 0.
void write_event(const dora_bridge_event_t& full, dora_bridge_event_t* event) {
  const uint32_t size = event->struct_size;
  auto* bytes = reinterpret_cast<uint8_t*>(event);
  memcpy(bytes, &full, std::min<size_t>(size, sizeof full));
  if (size > sizeof full) memset(bytes + sizeof full, 0, size - sizeof full);
  event->struct_size = size;
}

/// After a sleep, or instead of one: everything that can be heard without waiting.
void listen(dora_bridge* bridge) {
  epoll_event ready[64];
  int n = 0;
  do {
    n = epoll_wait(bridge->epoll.get(), ready, 64, 0);
    for (int i = 0; i < n; i++) {
      auto* member = static_cast<dora_bridge_member*>(ready[i].data.ptr);
      if (member == nullptr) {
        drain_doorbell(bridge->bell.get());
        continue;
      }
      member->node().awake(true, true);
      member->asleep = false;
    }
  } while (n == 64);
  for (auto& member : bridge->members)
    if (std::exchange(member->asleep, false)) member->node().awake(false, false);
}

/// Of the broker: who joined, who left.
bool take_broker_event(dora_bridge* bridge, dora_bridge_event_t* full) {
  BrokerEvent event;
  {
    std::lock_guard guard(bridge->lock);
    if (bridge->events.empty()) {
      full->type = DORA_BRIDGE_MISSED;
      full->dropped = std::exchange(bridge->missed, 0);
      return full->dropped > 0;
    }
    event = std::move(bridge->events.front());
    bridge->events.pop_front();
  }
  switch (event.kind) {
    case BrokerEvent::Kind::joined: full->type = DORA_BRIDGE_JOINED; break;
    case BrokerEvent::Kind::started: full->type = DORA_BRIDGE_STARTED; break;
    case BrokerEvent::Kind::left: full->type = DORA_BRIDGE_LEFT; break;
    default: full->type = DORA_BRIDGE_LOST;
  }
  auto lease = std::make_unique<Lease>();
  lease->dataflow = std::move(event.dataflow);
  lease->node = std::move(event.node);
  lease->message = std::move(event.text);
  full->pid = event.pid;
  full->dataflow = lease->dataflow.c_str();
  full->node = lease->node.c_str();
  full->message = lease->message.c_str();
  full->lease = lease.release();
  return true;
}

void fill(Lease* lease, const Event& event, dora_bridge_event_t* full) {
  full->type = static_cast<uint32_t>(event.type);
  full->input = event.input == UINT32_MAX ? 0 : event.input;
  full->reason = event.reason;
  full->dropped = event.dropped;
  full->grace_ns = event.grace_ns;
  if (event.type == EventType::error) {
    lease->message = event.error.message;
    full->message = lease->message.c_str();
  }
  if (event.type != EventType::input) return;
  const Sample& sample = lease->sample = event.sample;
  full->encoding = sample.encoding;
  full->data = sample.data;
  full->size = sample.size;
  full->sequence = sample.sequence;
  full->sent_at_ns = sample.sent_at_ns;
  if (sample.metadata_size == 0) return;
  lease->metadata.assign(sample.metadata, sample.metadata + sample.metadata_size);
  full->metadata = lease->metadata.data();
  full->metadata_size = lease->metadata.size();
}

bool take_of(dora_bridge_member* member, dora_bridge_event_t* full) {
  if (member->over || !member->node().started()) return false;
  std::unique_ptr<Lease> lease;
  if (!member->ready.load(std::memory_order_relaxed)) {
    member->ready.store(true, std::memory_order_relaxed);
    full->type = DORA_BRIDGE_READY;
    lease = std::make_unique<Lease>();
  } else {
    Event event;
    if (member->node().take(&event, member->mask) != Status::ok) return false;
    member->over = event.type == EventType::end;
    lease = std::make_unique<Lease>();
    fill(lease.get(), event, full);
  }
  lease->membership = member->membership;
  full->member = member;
  full->user = member->user;
  full->dataflow = member->membership->dataflow.c_str();
  full->node = member->membership->name.c_str();
  full->lease = lease.release();
  return true;
}

bool take(dora_bridge* bridge, dora_bridge_event_t* full) {
  if (take_broker_event(bridge, full)) return true;
  const size_t count = bridge->members.size();
  for (size_t i = 0; i < count; i++) {
    bridge->turn = (bridge->turn + 1) % count;
    if (take_of(bridge->members[bridge->turn].get(), full)) return true;
  }
  return false;
}

}  // namespace

namespace bridge {

int32_t wait_fd(dora_bridge_t* bridge) { return bridge == nullptr ? DORA_INVALID_ARGUMENT : bridge->epoll.get(); }

int32_t prepare_wait(dora_bridge_t* bridge) {
  if (bridge == nullptr) return DORA_INVALID_ARGUMENT;
  if (bridge->has_events()) return 0;
  for (auto& member : bridge->members) {
    if (member->over) continue;
    if (!member->ready.load(std::memory_order_relaxed) && member->node().started()) return 0;
    if (!member->node().prepare_sleep(member->mask)) return 0;
    member->asleep = true;
  }
  return 1;
}

int32_t next(dora_bridge_t* bridge, dora_bridge_event_t* event) {
  if (bridge == nullptr || event == nullptr || event->struct_size < kLeastEvent) return DORA_INVALID_ARGUMENT;
  dora_bridge_event_t full{};
  full.dataflow = full.node = full.message = "";
  bool taken = take(bridge, &full);
  if (!taken) {
    listen(bridge);
    full.dropped = 0;
    taken = take(bridge, &full);
  }
  if (!taken) full.type = DORA_EVENT_NONE;
  write_event(full, event);
  return taken ? DORA_OK : DORA_EMPTY;
}

void release(dora_bridge_event_t* event) {
  if (event == nullptr || event->struct_size < kLeastEvent || event->lease == nullptr) return;
  const std::unique_ptr<Lease> lease(static_cast<Lease*>(std::exchange(event->lease, nullptr)));
  event->data = event->metadata = nullptr;
  event->size = event->metadata_size = 0;
  event->dataflow = event->node = event->message = "";
  if (lease->membership != nullptr) lease->membership->node->release(lease->sample);
}

}  // namespace bridge

}  // namespace dora::broker
