// The scheduler's sending side: to other processes through the Node, to neighbours by reference. See scheduler.h.
//
// A send never waits. While a backpressure receiver is full the message is kept (at most kMostKept of them), the
// operator is `blocked`: it runs nothing until all of them are sent, in order. It is also not run while there is no
// room to begin with, so keeping is for operators that send several messages for one event, or from threads of their
// own. All or nothing: local receivers are looked at first (only this operator adds to their queues, and one message at
// a time, so room that is seen stays), then the Node either publishes to every edge or to none.
#include <cstring>

#include "operator/log.h"
#include "operator/scheduler.h"

namespace dora {

bool Scheduler::local_room(const Output& output) {
  for (uint32_t i = 0; i < output.receiver_count; i++) {
    const Input& input = *output.receivers[i];
    if (input.paced() && input.full()) return false;
  }
  return true;
}

// ---- entry points ----

namespace {

Status check_output(const Operator* op, uint32_t output, Error* error) {
  if (output < op->output_count) return Status::ok;
  return error->fail(Status::unknown_output,
                     "operator \"" + std::string(op->id) + "\" has no output of index " + std::to_string(output) +
                         "; it has " + std::to_string(op->output_count),
                     "Outputs count from 0, in the order of the dataflow file; output_index() finds one by its id.");
}

Status not_started(const Operator* op, Error* error) {
  return error->fail(Status::would_block,
                     "operator \"" + std::string(op->id) + "\" cannot publish before DORA_EVENT_START");
}

}  // namespace

Status Scheduler::loan(Operator* op, uint32_t output, uint64_t size, Loan* loan, Error* error) {
  if (Status s = check_output(op, output, error); s != Status::ok) return s;
  if (!started_.load(std::memory_order_acquire)) return not_started(op, error);  // SYNC: started
  return node_->loan(op->outputs[output].node_index, size, loan, error);
}

Status Scheduler::send(Operator* op, Loan* loan, SendArgs args, Error* error) {
  for (uint32_t i = 0; i < op->output_count; i++) {
    if (op->outputs[i].node_index == loan->output) return publish(op, &op->outputs[i], loan, nullptr, 0, args, error);
  }
  return error->fail(Status::invalid_argument,
                     "operator \"" + std::string(op->id) + "\" sent a loan that is not its own, or was sent already");
}

Status Scheduler::send_copy(Operator* op, uint32_t output, const void* data, uint64_t size, SendArgs args,
                            Error* error) {
  if (Status s = check_output(op, output, error); s != Status::ok) return s;
  if (!started_.load(std::memory_order_acquire)) return not_started(op, error);  // SYNC: started
  return publish(op, &op->outputs[output], nullptr, data, size, args, error);
}

// ---- publishing ----

Status Scheduler::publish(Operator* op, Output* output, Loan* loan, const void* data, uint64_t size, SendArgs args,
                          Error* error) {
  std::lock_guard guard(op->send_lock);
  const bool behind = op->kept != nullptr && !op->kept->empty();
  if (behind || (output->paces && !local_room(*output))) return keep(op, output, loan, data, size, args, false, error);
  args.arm = true;
  args.local_refs = output->receiver_count;
  LocalSample sample;
  const Status s = loan != nullptr ? node_->send(loan, args, &sample, error)
                                   : node_->send_copy(output->node_index, data, size, args, &sample, error);
  if (s == Status::would_block) return keep(op, output, loan, data, size, args, true, error);
  if (s == Status::ok && output->receiver_count > 0) deliver_local(output, sample);
  return s;
}

/// Under send_lock. `outside`: it is a receiver in another process that is full.
Status Scheduler::keep(Operator* op, Output* output, Loan* loan, const void* data, uint64_t size, const SendArgs& args,
                       bool outside, Error* error) {
  if (op->kept == nullptr) op->kept = std::make_unique<std::deque<KeptMessage>>();
  if (op->kept->size() >= kMostKept) {
    return error->fail(Status::would_block,
                       "operator \"" + std::string(op->id) + "\" has " + std::to_string(kMostKept) +
                           " messages that wait for a full backpressure receiver; nothing more is kept",
                       "Send less for one event, or raise queue_size at the receiver.");
  }
  KeptMessage kept{{}, output, args.encoding, {}};
  if (loan != nullptr) {
    kept.loan = std::exchange(*loan, Loan{});
  } else {
    if (Status s = node_->loan(output->node_index, size, &kept.loan, error); s != Status::ok) return s;
    if (size > 0) memcpy(kept.loan.data, data, size);
  }
  if (args.metadata_size > 0) kept.metadata.assign(args.metadata, args.metadata + args.metadata_size);
  op->kept->push_back(std::move(kept));
  std::lock_guard guard(lock_);
  if (op->blocked) return Status::ok;  // whoever flushes finds it
  op->blocked = true;
  if (outside) wait_outside_locked(op, *output);
  // A local receiver may have taken one since we looked.
  else if (local_room(*output))
    op->flush_due = true;
  else
    note_local_waits_locked(op, *output);
  list_change_locked(op);
  if (op->flush_due) make_runnable_locked(op, false);
  return Status::ok;
}

/// For the broker, which looks for rings of waits.
void Scheduler::note_local_waits_locked(Operator* op, const Output& output) {
  op->waits_inside = true;
  for (uint32_t i = 0; i < output.receiver_count; i++) {
    const Input& input = *output.receivers[i];
    if (input.paced() && input.full()) node_->set_local_wait(input.node_index, true);
  }
}

void Scheduler::end_local_waits_locked(Operator* op) {
  op->waits_inside = false;
  for (uint32_t i = 0; i < op->output_count; i++) {
    const Output& output = op->outputs[i];
    for (uint32_t r = 0; r < output.receiver_count; r++) node_->set_local_wait(output.receivers[r]->node_index, false);
  }
}

void Scheduler::wait_outside_locked(Operator* op, const Output& output) {
  op->blocked_output = output.node_index;
  if (std::exchange(op->waits_outside, true)) return;
  op->next_blocked = blocked_;
  blocked_ = op;
}

/// Sends what was kept, as far as there is room. By a worker that has the operator.
void Scheduler::flush(Operator* op) {
  std::lock_guard sending(op->send_lock);
  bool outside = false;
  while (!op->kept->empty()) {
    KeptMessage& kept = op->kept->front();
    if (!local_room(*kept.output)) break;
    SendArgs args;
    args.encoding = kept.encoding;
    args.metadata = kept.metadata.data();
    args.metadata_size = static_cast<uint32_t>(kept.metadata.size());
    args.local_refs = kept.output->receiver_count;
    args.arm = true;
    LocalSample sample;
    Error error;
    const Status s = node_->send(&kept.loan, args, &sample, &error);
    outside = s == Status::would_block;
    if (outside) break;
    if (s == Status::ok && kept.output->receiver_count > 0) deliver_local(kept.output, sample);
    if (s != Status::ok) {
      log_runtime("error", error);
      node_->discard(&kept.loan);
    }
    op->kept->pop_front();
  }
  std::lock_guard guard(lock_);
  op->phase = Phase::idle;
  op->flush_due = false;
  op->blocked = !op->kept->empty();
  if (op->blocked && outside) wait_outside_locked(op, *op->kept->front().output);
  if (op->blocked && !outside) {
    op->flush_due = local_room(*op->kept->front().output);
    if (!op->flush_due) note_local_waits_locked(op, *op->kept->front().output);
  }
  list_change_locked(op);
  if (has_work_locked(op)) make_runnable_locked(op, true);
}

// ---- neighbours ----

namespace {

void fill(Message* message, const Input& input, uint32_t index, const LocalSample& sample) {
  message->origin = Message::Origin::local;
  message->local = sample;
  dora_operator_event_t& event = message->event;
  event.struct_size = sizeof event;
  event.type = DORA_EVENT_INPUT;
  event.input = index;
  event.reason = DORA_REASON_NONE;
  event.encoding = sample.encoding;
  event.metadata_size = sample.metadata_size;
  event.input_id = input.id;
  event.data = sample.size == 0 ? nullptr : sample.data;
  event.size = sample.size;
  event.metadata = sample.metadata;
  event.sequence = sample.sequence;
  event.sent_at_ns = sample.sent_at_ns;
  event.deadline_ns = 0;
  event.grace_ns = 0;
}

}  // namespace

/// Queues a published message at its receivers, which hold a reference each. Under send_lock.
void Scheduler::deliver_local(Output* output, const LocalSample& sample) {
  Message* dropped = nullptr;
  uint32_t unwanted = 0;
  {
    std::lock_guard guard(lock_);
    for (uint32_t i = 0; i < output->receiver_count; i++) {
      Input* input = output->receivers[i];
      if (input->owner->destroyed || !input->open) {
        unwanted++;
        continue;
      }
      if (input->silent) {
        input->recovered_pending = true;
      } else if (input->closed_pending && input->reason == DORA_REASON_TIMEOUT) {
        input->closed_pending = false;  // it has not heard of the silence, which is over
      }
      Operator* owner = input->owner;
      Message* message = pool_.take();
      fill(message, *input, static_cast<uint32_t>(input - owner->inputs), sample);
      message->arrival = ++arrivals_;
      uint32_t queued = input->queued.load(std::memory_order_relaxed);
      if (queued >= input->queue_size) {  // drop_oldest: room was seen in all others
        Message* oldest = input->head;
        input->head = oldest->next;
        if (input->head == nullptr) input->tail = nullptr;
        oldest->next = dropped;
        dropped = oldest;
        input->dropped++;
        node_->count_local(input->node_index, 0, 1);
        queued--;
        owner->local_pending--;
      }
      (input->tail == nullptr ? input->head : input->tail->next) = message;
      input->tail = message;
      input->queued.store(queued + 1, std::memory_order_relaxed);
      owner->local_pending++;
      list_change_locked(owner);
      make_runnable_locked(owner, false);
    }
  }
  for (; unwanted > 0; unwanted--) node_->release_local(sample);
  if (dropped != nullptr) release_chain(dropped);
}

/// A message left this input's queue: its publisher may have waited for that.
void Scheduler::dequeued_locked(Input* input) {
  Operator* source = input->source;
  if (source == nullptr || !input->paced() || !(source->wants_room || source->blocked)) return;
  // Unless it waits for another process, which tells it.
  if (!source->waits_outside) room_locked(source);
}

}  // namespace dora
