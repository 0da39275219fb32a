// The scheduler's side towards other processes: claiming their messages, and sleeping while there are none. See
// scheduler.h.
//
// An operator listens (its inputs' bits are in mask_) while it could run a message at once: idle, nothing claimed,
// nothing kept. Who changes that lists the operator (list_change_locked); the next poll brings the mask up to date
// before it takes. So a ring's messages stay in the ring, under its policy, until their operator is ready. Inputs of
// operators that have ended stay in the mask and what comes there is given back at once, so that nobody who paces
// himself by them waits for ever.
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>

#include <cstring>

#include "operator/log.h"
#include "operator/scheduler.h"

namespace dora {
namespace {

constexpr uint32_t kMostPerPoll = 32;
constexpr uint32_t kRoundsPerPoll = 16;    // while there is local work
constexpr uint32_t kPollsPerBlocked = 64;  // looks at the node between two looks at who waits for room outside

}  // namespace

// ---- the mask ----

void Scheduler::list_change_locked(Operator* op) {
  if (!op->has_external || op->change_listed) return;
  op->change_listed = true;
  op->next_change = changes_;
  changes_ = op;
}

/// Under node_lock_ and lock_.
void Scheduler::set_listening(Operator* op, bool on) {
  if (op->listening == on) return;
  op->listening = on;
  listening_ += on ? 1 : UINT32_MAX;
  for (uint32_t i = 0; i < op->input_count; i++) {
    const Input& input = op->inputs[i];
    if (input.source != nullptr) continue;
    uint64_t& word = mask_[input.node_index / 64];
    const uint64_t bit = uint64_t{1} << (input.node_index % 64);
    word = on ? word | bit : word & ~bit;
  }
}

/// Under node_lock_. True when it is time to look at control traffic.
bool Scheduler::apply_changes() {
  std::lock_guard guard(lock_);
  while (Operator* op = changes_) {
    changes_ = op->next_change;
    op->change_listed = false;
    const bool ready =
        op->phase == Phase::idle && op->claimed == nullptr && !op->blocked && !op->stop_pending && !op->quit;
    // Room that is there stays until it sends, so it can run whatever is claimed for it.
    set_listening(op, op->destroyed || (ready && !op->wants_room && has_room_locked(op)));
  }
  return std::exchange(control_now_, false);
}

// ---- polling ----

/// True about once a scheduler tick of the kernel (1 to 10 ms): time for a look at control traffic and timers by a
/// worker that never sleeps.
bool Scheduler::tick() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);  // no system call, about 5 ns
  return std::exchange(last_tick_, now.tv_sec * 1'000'000'000 + now.tv_nsec) != last_tick_;
}

/// An operator with inputs from outside must see what lies there before it runs a local message, for what caused that
/// may be among it: whenever such an operator has finished or is sent something, it is listed as a change.
bool Scheduler::poll_due_locked() const {
  if (control_now_) return true;
  if (node_ended_) return false;
  if (poll_now_ || changes_ != nullptr) return true;
  return rounds_ >= kRoundsPerPoll && listening_ > 0;
}

void Scheduler::poll_node() {
  std::lock_guard consumer(node_lock_);
  const bool control = apply_changes();
  if (control) node_->awake(false, true);
  uint32_t count = 0;
  bool ended = node_ended_;
  while (count < kMostPerPoll && !ended) {
    Event& event = batch_[count];
    if (node_->take(&event, mask_.data()) != Status::ok) break;
    ended = event.type == EventType::end;
    count++;
    if (event.type != EventType::input) continue;
    Operator* op = by_index_[event.input]->owner;
    std::lock_guard guard(lock_);
    if (!op->destroyed) set_listening(op, false);
  }
  std::lock_guard guard(lock_);
  // Looking at control traffic has taken back the "asleep" of a leader who sleeps: nobody would ring him any more.
  if (control && leader_asleep_) kick_leader_locked();
  const bool look = control || ++polls_ % kPollsPerBlocked == 0;
  rounds_ = 0;
  poll_now_ = count == kMostPerPoll;
  for (uint32_t i = 0; i < count; i++) deliver_locked(batch_[i]);
  if (blocked_ != nullptr && look) look_at_blocked_locked(false);
}

void Scheduler::deliver_locked(Event& event) {
  switch (event.type) {
    case EventType::input: return deliver_input_locked(event);
    case EventType::input_closed:
    case EventType::input_recovered: return deliver_change_locked(event);
    case EventType::stop:
      // Each operator notices for itself that its inputs are closed; the node only sees those from outside.
      if (event.reason != DORA_REASON_ALL_INPUTS_CLOSED) deliver_stop_locked(event.reason, event.grace_ns);
      return;
    case EventType::error: return log_runtime("error", event.error);
    case EventType::end: return close_externals_locked();
    case EventType::none: return;
  }
}

/// An input that closed, or came back. What undoes a notice that the operator has not heard yet, cancels it.
void Scheduler::deliver_change_locked(const Event& event) {
  Input* input = by_index_[event.input];
  if (input->owner->destroyed) return;
  if (event.type == EventType::input_recovered) {
    if (!std::exchange(input->closed_pending, false) || input->silent) input->recovered_pending = true;
  } else if (event.reason == DORA_REASON_TIMEOUT) {
    // A neighbour's messages do not pass the node, which only knows what was taken: one that waits is no silence.
    if (input->source != nullptr && (input->head != nullptr || !input->open || input->closed_pending)) return;
    input->reason = event.reason;
    if (!input->silent || !std::exchange(input->recovered_pending, false)) input->closed_pending = true;
  } else {
    input->reason = event.reason;
    if (!std::exchange(input->recovered_pending, false) || input->silent) input->closed_pending = true;
  }
  make_runnable_locked(input->owner, true);
}

void Scheduler::deliver_input_locked(Event& taken) {
  Input* input = by_index_[taken.input];
  Operator* op = input->owner;
  if (op->destroyed) return node_->release(taken.sample);
  const Sample& sample = taken.sample;
  Message* message = pool_.take();
  message->origin = Message::Origin::external;
  message->sample = sample;
  message->arrival = ++arrivals_;
  dora_operator_event_t& event = message->event;
  event = {};
  event.struct_size = sizeof event;
  event.type = DORA_EVENT_INPUT;
  event.input = static_cast<uint32_t>(input - op->inputs);
  event.input_id = input->id;
  event.encoding = sample.encoding;
  event.data = sample.size == 0 ? nullptr : sample.data;
  event.size = sample.size;
  event.sequence = sample.sequence;
  event.sent_at_ns = sample.sent_at_ns;
  event.dropped = taken.dropped;
  if (sample.metadata_size > 0) {
    if (message->metadata_capacity < sample.metadata_size) {
      message->metadata = std::make_unique<uint8_t[]>(sample.metadata_size);
      message->metadata_capacity = sample.metadata_size;
    }
    memcpy(message->metadata.get(), sample.metadata, sample.metadata_size);
    event.metadata = message->metadata.get();
    event.metadata_size = sample.metadata_size;
  }
  op->claimed = message;
  make_runnable_locked(op, true);
}

/// The node has nothing more to give: whoever still counts on it learns that its inputs are closed.
void Scheduler::close_externals_locked() {
  if (std::exchange(node_ended_, true)) return;
  for (Input* input : by_index_) {
    if (input->source != nullptr || !input->open || input->owner->destroyed || input->closed_pending) continue;
    input->closed_pending = true;
    if (input->reason == DORA_REASON_NONE) input->reason = DORA_REASON_ENDED;
    make_runnable_locked(input->owner, true);
  }
}

// ---- waiting for room outside ----

/// `all`: the doorbell rang, so any of them may have room; otherwise the node is asked for each.
void Scheduler::look_at_blocked_locked(bool all) {
  Operator* waiting = std::exchange(blocked_, nullptr);
  while (Operator* op = waiting) {
    waiting = op->next_blocked;
    if (!all && !node_->has_room(op->blocked_output, true)) {
      op->next_blocked = blocked_;
      blocked_ = op;
      continue;
    }
    op->waits_outside = false;
    room_locked(op);
  }
}

/// There may be room again for an operator that waits for some.
void Scheduler::room_locked(Operator* op) {
  if (op->waits_inside) end_local_waits_locked(op);
  op->wants_room = false;
  op->flush_due = op->blocked;
  list_change_locked(op);
  if (has_work_locked(op))
    make_runnable_locked(op, false);
  else if (op->has_external)
    wake_one_locked();  // somebody has to listen for it
}

// ---- sleeping ----

/// Called and returns with lock_ held; nothing is runnable.
void Scheduler::sleep_as_leader() {
  // From here on a push kicks; whatever was pushed before was seen.
  has_leader_ = leader_asleep_ = true;
  lock_.unlock();
  node_lock_.lock();
  apply_changes();
  // After its end the node has nothing to wait for but room in other processes' queues, which rings in any case.
  const bool sleep = node_ended_ || node_->prepare_sleep(mask_.data());
  node_lock_.unlock();
  pollfd readable[3] = {{node_->doorbell_fd(), POLLIN, 0}, {node_->control_fd(), POLLIN, 0}, {kick_.get(), POLLIN, 0}};
  if (sleep && poll(readable, 3, -1) > 0) {
    std::lock_guard consumer(node_lock_);
    node_->awake(readable[0].revents != 0, readable[1].revents != 0);
  }
  lock_.lock();
  has_leader_ = leader_asleep_ = false;
  if (readable[2].revents != 0) {
    eventfd_t ignored;
    eventfd_read(kick_.get(), &ignored);
    leader_kicked_ = false;
  }
  poll_now_ = !node_ended_;
  if (readable[0].revents != 0 || readable[1].revents != 0) look_at_blocked_locked(readable[0].revents != 0);
}

/// Called and returns with lock_ held.
void Scheduler::sleep_as_follower() {
  const uint32_t ticket = ticket_.load(std::memory_order_relaxed);
  followers_asleep_++;
  lock_.unlock();
  ticket_.wait(ticket, std::memory_order_relaxed);
  lock_.lock();
  followers_asleep_--;
  if (followers_woken_ > 0) followers_woken_--;
}

void Scheduler::wait_started() {
  while (!node_->started() && !stop_requested()) {
    pollfd readable[3] = {
        {node_->doorbell_fd(), POLLIN, 0}, {node_->control_fd(), POLLIN, 0}, {kick_.get(), POLLIN, 0}};
    if (poll(readable, 3, -1) > 0) node_->awake(readable[0].revents != 0, readable[1].revents != 0);
  }
}

}  // namespace dora
