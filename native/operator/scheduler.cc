// Picks the next operator and runs it. See scheduler.h.
#include "operator/scheduler.h"

#include <sys/eventfd.h>

#include "node/ledger.h"

namespace dora {

// ---- what an operator does next ----

namespace {

/// Input priority first, then sent-at, then arrival.
bool goes_before(const Message& a, uint8_t a_priority, const Message& b, uint8_t b_priority) {
  if (a_priority != b_priority) return a_priority > b_priority;
  if (a.event.sent_at_ns != b.event.sent_at_ns) return a.event.sent_at_ns < b.event.sent_at_ns;
  return a.arrival < b.arrival;
}

}  // namespace

/// The message it would run next; it stays where it is.
Message* Scheduler::select_locked(Operator* op) {
  Message* best = op->claimed;
  if (op->local_pending == 0) return best;
  for (uint32_t i = 0; i < op->input_count; i++) {
    Message* head = op->inputs[i].head;
    if (head == nullptr) continue;
    if (best == nullptr || goes_before(*head, op->inputs[i].priority, *best, op->inputs[best->event.input].priority))
      best = head;
  }
  return best;
}

Message* Scheduler::take_selected_locked(Operator* op, Message* selected) {
  Input& input = op->inputs[selected->event.input];
  if (selected == op->claimed) {
    op->claimed = nullptr;
    list_change_locked(op);
    return selected;
  }
  input.head = selected->next;
  if (input.head == nullptr) input.tail = nullptr;
  input.queued.store(input.queued.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  op->local_pending--;
  selected->event.dropped = std::exchange(input.dropped, 0);
  Ledger::add(input.counts->received, 1);
  dequeued_locked(&input);
  return selected;
}

Input* Scheduler::input_with_notice_locked(Operator* op) {
  // A recovery is told before what came through it, a closing after.
  Input* closed = nullptr;
  for (uint32_t i = 0; i < op->input_count; i++) {
    Input& input = op->inputs[i];
    if (input.recovered_pending) return &input;
    if (closed == nullptr && input.closed_pending && input.head == nullptr) closed = &input;
  }
  return closed;
}

/// An event that the runtime makes itself.
Message* Scheduler::runtime_event_locked(Operator* op, Step step) {
  Message* message = pool_.take();
  message->origin = Message::Origin::runtime;
  dora_operator_event_t& event = message->event;
  event = {};
  event.struct_size = sizeof event;
  event.input_id = "";
  switch (step) {
    case Step::start: event.type = DORA_EVENT_START; break;
    case Step::stop:
      event.type = DORA_EVENT_STOP;
      event.reason = op->stop_reason;
      event.grace_ns = op->grace_ns;
      break;
    default: {
      Input* input = input_with_notice_locked(op);
      const bool recovered = input->recovered_pending;
      event.type = recovered ? DORA_EVENT_INPUT_RECOVERED : DORA_EVENT_INPUT_CLOSED;
      event.input = static_cast<uint32_t>(input - op->inputs);
      event.input_id = input->id;
      event.reason = input->reason;
      (recovered ? input->recovered_pending : input->closed_pending) = false;
      tell_change_locked(op, input, recovered);
    }
  }
  return message;
}

/// The operator hears of it now. Silence closes nothing: the input's source is there.
void Scheduler::tell_change_locked(Operator* op, Input* input, bool recovered) {
  const bool was_silent = std::exchange(input->silent, !recovered && input->reason == DORA_REASON_TIMEOUT);
  if (input->silent || (recovered && was_silent)) return;
  input->open = recovered;
  op->open_inputs = recovered ? op->open_inputs + 1 : op->open_inputs - 1;
}

/// False: a backpressure receiver is full. Then the operator is made runnable again when that changes.
bool Scheduler::has_room_locked(Operator* op) {
  if (!op->paced) return true;
  for (uint32_t i = 0; i < op->output_count; i++) {
    const Output& output = op->outputs[i];
    const bool local = !output.paces || local_room(output);
    if (local && (!output.external || node_->has_room(output.node_index, true))) continue;
    if (local) wait_outside_locked(op, output);
    if (!local) note_local_waits_locked(op, output);
    op->wants_room = true;
    list_change_locked(op);
    return false;
  }
  return true;
}

Scheduler::Step Scheduler::decide_locked(Operator* op, Message** message) {
  if (op->destroyed) return !op->blocked ? Step::close : op->flush_due ? Step::flush : Step::none;
  if (op->quit) return Step::destroy;
  if (op->stop_pending) return Step::stop;
  if (op->start_pending) return Step::start;
  if (op->blocked) return op->flush_due ? Step::flush : Step::none;
  Message* selected = select_locked(op);
  Input* noticed = input_with_notice_locked(op);
  if (selected == nullptr && noticed == nullptr) {
    if (op->input_count == 0 || op->open_inputs > 0) return Step::none;
    op->stop_reason = DORA_REASON_ALL_INPUTS_CLOSED;
    op->stop_pending = true;
    return Step::stop;
  }
  if (!has_room_locked(op)) return Step::none;
  // What was claimed lies before the notice of its input; a notice of another input may go first.
  if (noticed != nullptr && (selected == nullptr || noticed->recovered_pending)) {
    return noticed->recovered_pending ? Step::recovered : Step::closed;
  }
  *message = selected;
  return Step::input;
}

bool Scheduler::has_work_locked(const Operator* op) const {
  if (op->claimed != nullptr || op->local_pending > 0 || op->quit || op->stop_pending || op->start_pending ||
      op->destroyed)
    return true;
  if (op->blocked && op->flush_due) return true;
  if (op->input_count > 0 && op->open_inputs == 0) return true;
  for (uint32_t i = 0; i < op->input_count; i++) {
    if (op->inputs[i].closed_pending || op->inputs[i].recovered_pending) return true;
  }
  return false;
}

/// Of the oldest thing it could run.
uint64_t Scheduler::arrival_locked(const Operator* op) {
  uint64_t arrival = op->claimed != nullptr ? op->claimed->arrival : UINT64_MAX;
  if (op->local_pending > 0) {
    for (uint32_t i = 0; i < op->input_count; i++) {
      const Message* head = op->inputs[i].head;
      if (head != nullptr && head->arrival < arrival) arrival = head->arrival;
    }
  }
  return arrival == UINT64_MAX ? ++arrivals_ : arrival;
}

// ---- workers ----

/// `by_own_worker`: the caller is a worker that looks at the queue next, so nobody has to be woken for this.
void Scheduler::make_runnable_locked(Operator* op, bool by_own_worker) {
  if (op->phase != Phase::idle || op->queued) return;
  op->arrival = arrival_locked(op);
  queue_.push(op);
  if (!by_own_worker) wake_one_locked();
}

void Scheduler::wake_one_locked() {
  if (followers_asleep_ > followers_woken_) {
    followers_woken_++;
    ticket_.fetch_add(1, std::memory_order_relaxed);
    ticket_.notify_one();
  } else if (leader_asleep_) {
    kick_leader_locked();
  }
}

void Scheduler::kick_leader_locked() {
  if (std::exchange(leader_kicked_, true)) return;
  eventfd_write(kick_.get(), 1);
}

void Scheduler::wake_all_locked() {
  followers_woken_ = followers_asleep_;
  ticket_.fetch_add(1, std::memory_order_relaxed);
  ticket_.notify_all();
  wake_one_locked();  // the leader
}

bool Scheduler::pick_locked(Next* out) {
  while (Operator* op = queue_.pop()) {
    Message* message = nullptr;
    const Step step = decide_locked(op, &message);
    if (step == Step::none) continue;
    out->op = op;
    out->step = step;
    op->phase = Phase::running;
    switch (step) {
      case Step::input: out->message = take_selected_locked(op, message); break;
      case Step::start:
        op->start_pending = false;
        out->message = runtime_event_locked(op, step);
        break;
      case Step::stop:
        op->stop_pending = false;
        op->start_pending = false;
        op->quit = true;
        out->message = runtime_event_locked(op, step);
        break;
      case Step::closed:
      case Step::recovered: out->message = runtime_event_locked(op, step); break;
      default: out->message = nullptr; break;
    }
    if (out->message != nullptr) {
      op->current = out->message;
      op->completed_early = false;
      out->message->event.token = ++op->token;
    }
    if (op->has_external) list_change_locked(op);
    // Whoever takes one wakes the next worker for the rest, or to listen to the node.
    if (!queue_.empty() || !has_leader_) wake_one_locked();
    return true;
  }
  return false;
}

/// The next thing to do, sleeping until there is one. False: every operator has ended. Called with lock_ held, returns
/// without.
bool Scheduler::next(Next* out) {
  for (;;) {
    if (finished_) {
      lock_.unlock();
      return false;
    }
    if (tick()) control_now_ = true;
    rounds_++;
    if (poll_due_locked()) {
      lock_.unlock();
      poll_node();
      lock_.lock();
    }
    if (pick_locked(out)) {
      lock_.unlock();
      return true;
    }
    if (finished_ || poll_due_locked()) continue;
    // Both unlock for as long as they sleep.
    if (has_leader_)
      sleep_as_follower();
    else
      sleep_as_leader();
  }
}

void Scheduler::work(CrashScope* self) {
  Next next_step;
  lock_.lock();
  while (next(&next_step)) {
    switch (next_step.step) {
      case Step::flush: flush(next_step.op); break;
      case Step::destroy: destroy(next_step.op, self); break;
      case Step::close: close(next_step.op); break;
      default: run_event(next_step, self); continue;
    }
    lock_.lock();
  }
}

/// Returns with lock_ held: what ends one event also finds the next.
void Scheduler::run_event(const Next& next_step, CrashScope* self) {
  Operator* op = next_step.op;
  Message* message = next_step.message;
  self->enter(op, &message->event);
  int32_t status = op->entry->on_event(&op->host, op->state, &message->event);
  self->leave();
  if (status == DORA_DEFERRED) {
    lock_.lock();
    if (!op->completed_early) {
      op->phase = Phase::deferred;
      return;
    }
    status = op->early_status;
    lock_.unlock();
  }
  // SYNC: message-refs. One reference, and it is ours: no other thread can add one, for retaining needs a reference.
  const bool last = message->refs.load(std::memory_order_acquire) == 1;
  if (last) message->release_outside(node_);
  lock_.lock();
  finish_locked(op, last ? message : nullptr, status);
  if (!last) drop_ref_locked(message);
}

/// A retained sample outlives its event; but it may be gone by now.
void Scheduler::drop_ref_locked(Message* message) {
  if (message->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;  // SYNC: message-refs
  message->release_outside(node_);
  pool_.give(message, &memory_);
}

/// The current event is over. `message`, when given, goes back to the pool.
void Scheduler::finish_locked(Operator* op, Message* message, int32_t status) {
  if (status < 0) fail_locked(op, op->current, status);
  if (message != nullptr) pool_.give(message, &memory_);
  op->current = nullptr;
  op->phase = Phase::idle;
  if (op->has_external) list_change_locked(op);
  if (has_work_locked(op)) make_runnable_locked(op, true);
}

Status Scheduler::complete(Operator* op, uint64_t token, int32_t status) {
  if (status == DORA_DEFERRED) return Status::invalid_argument;
  Message* message;
  {
    std::lock_guard guard(lock_);
    if (op->token != token || op->current == nullptr || op->completed_early) return Status::invalid_argument;
    op->completed_early = true;
    op->early_status = status;
    if (op->phase == Phase::running) return Status::ok;  // on_event has not returned yet; its worker finishes it
    message = op->current;
  }
  const bool last = message->refs.load(std::memory_order_acquire) == 1;  // SYNC: message-refs
  if (last) message->release_outside(node_);
  std::lock_guard guard(lock_);
  finish_locked(op, last ? message : nullptr, status);
  if (!last) drop_ref_locked(message);
  // We are no worker (or one that is busy): its next event, or a look at the node for it, is for somebody else.
  wake_one_locked();
  return Status::ok;
}

void Scheduler::release(Message* message) {
  if (message->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;  // SYNC: message-refs
  message->release_outside(node_);
  std::lock_guard guard(lock_);
  pool_.give(message, &memory_);
}

void Scheduler::release_chain(Message* chain) {
  for (Message* message = chain; message != nullptr; message = message->next) message->release_outside(node_);
  std::lock_guard guard(lock_);
  while (chain != nullptr) {
    Message* following = chain->next;
    pool_.give(chain, &memory_);
    chain = following;
  }
}

}  // namespace dora
