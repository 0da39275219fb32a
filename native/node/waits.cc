// Sends that wait for room, and the broker's word that one of them waits in vain. Part of Node::Impl; see node_impl.h.
//
// Nodes that wait for each other in a ring would do so for ever, and only who sees all of them can know. So a wait is
// written where the broker can read it (EdgeShared::waits_since), and while it lasts this node tells the broker again
// and again that it should look: every kLookNs in the first second, then once a second. When the broker finds a ring in
// which nothing moves it names the youngest wait; that send fails with backpressure_cycle, and the others go on. A wait
// is known by the moment at which it began, so a word that comes too late rejects nothing. Without a broker nobody
// looks, and such a ring waits on.
#include "node/node_impl.h"

namespace dora {
namespace {
constexpr uint64_t kLookNs = 150'000'000;
constexpr uint64_t kOftenNs = 1'000'000'000;
}  // namespace

void Node::Impl::start_watching_waits() {
  if (waits_alarm_.valid()) return;
  Error error;
  // Without the alarm rings are not found; everything else works.
  if (clock->make_alarm(&waits_alarm_, &error) != Status::ok) return protocol_error(error.message);
  if (watch({.kind = Watch::Kind::waits, .fd = waits_alarm_.get()}, &error) != Status::ok)
    protocol_error(error.message);
}

uint64_t Node::Impl::begin_wait(uint32_t output) {
  const uint64_t now_ns = clock->steady_ns();
  const uint64_t since_ns = publishers[output]->begin_wait(now_ns);
  look_at(since_ns == now_ns ? now_ns + kLookNs : Clock::kNever);
  return since_ns;
}

/// Sets the alarm unless it goes off earlier anyway.
void Node::Impl::look_at(uint64_t at_ns) {
  if (!waits_alarm_.valid()) return;
  // Acq_rel: the alarm that a look has just taken off is set again by whoever finds it so, or the look sees their wait.
  uint64_t planned = waits_look_ns_.load(std::memory_order_acquire);
  while (at_ns < planned) {
    if (!waits_look_ns_.compare_exchange_weak(planned, at_ns, std::memory_order_acq_rel)) continue;
    clock->set_alarm(waits_alarm_.get(), at_ns);
    return;
  }
}

Status Node::Impl::wait_for_room(uint32_t output, Error* error) {
  const uint64_t since_ns = begin_wait(output);
  std::string ring;
  if (!is_rejected(output, since_ns, &ring)) return Status::would_block;
  publishers[output]->end_wait();
  return error->fail(
      Status::backpressure_cycle,
      "the message on output \"" + outputs[output].id + "\" was not sent: nodes wait for each other in a ring, " + ring,
      "Let one input of the ring drop (`queue_policy: drop_oldest`), or take messages while a send waits. A larger "
      "queue_size only makes it rarer.");
}

bool Node::Impl::waits_in_vain(uint32_t output) { return is_rejected(output, begin_wait(output), nullptr); }

/// With `ring` the rejection is used up.
bool Node::Impl::is_rejected(uint32_t output, uint64_t since_ns, std::string* ring) {
  if (!any_rejected_.load(std::memory_order_relaxed)) return false;
  std::lock_guard guard(rejected_lock_);
  const auto found = rejected_.find(output);
  if (found == rejected_.end()) return false;
  const bool mine = found->second.since_ns == since_ns;
  if (mine && ring == nullptr) return true;
  if (mine) *ring = std::move(found->second.ring);
  rejected_.erase(found);
  any_rejected_.store(!rejected_.empty(), std::memory_order_relaxed);
  return mine;
}

void Node::Impl::on_send_rejected(Packet& packet) {
  wire::SendRejected message;
  if (!wire::decode(packet.bytes, &message) || publisher(message.output) == nullptr)
    return protocol_error("a malformed SendRejected");
  {
    std::lock_guard guard(rejected_lock_);
    rejected_[message.output] = {message.since_ns, std::move(message.ring)};
    any_rejected_.store(true, std::memory_order_relaxed);
  }
  ring_sender(message.output);  // whoever waits tries again
}

/// The alarm went off.
void Node::Impl::look_at_waits() {
  if (clock->read_timer(waits_alarm_.get()) == 0) return;
  waits_look_ns_.store(Clock::kNever,
                       std::memory_order_release);  // a wait that begins from here on sets the alarm itself
  const uint64_t now_ns = clock->steady_ns();
  bool any = false;
  uint64_t youngest_ns = 0;
  for (auto& publisher : publishers) {
    if (publisher == nullptr) continue;
    const uint64_t since_ns = publisher->waits_since();
    any |= since_ns != 0;
    youngest_ns = std::max(youngest_ns, since_ns);
  }
  if (!any) return;
  look_at(now_ns + (now_ns - youngest_ns < kOftenNs ? kLookNs : kOftenNs));
  session.send(wire::Waits{});
}

}  // namespace dora
