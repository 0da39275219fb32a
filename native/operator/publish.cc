// The scheduler's sending side: to other processes through the Node, to neighbours by reference. See scheduler.h.
//
// An output that only neighbours read is local: its message lies in a slot of the runtime's own (local_memory.h), and
// one hold of the scheduler's lock takes the slot, fills it and queues it at every receiver. An output that others read
// too goes through its Publisher, under the operator's send_lock, and then to the neighbours. Which of both an output
// is, the broker says when the node joins; it stays so for the life of the process.
//
// A send never waits. While a backpressure receiver is full the message is kept (at most kMostKept of them), the
// operator is `blocked`: it runs nothing until all of them are sent, in order. It is also not run while there is no
// room to begin with, so keeping is for operators that send several messages for one event, or from threads of their
// own. All or nothing: local receivers are looked at first (only this operator adds to their queues, and one message at
// a time, so room that is seen stays), then the Node either publishes to every edge or to none.
#include <cstring>

#include "node/ledger.h"
#include "operator/log.h"
#include "operator/scheduler.h"

namespace dora {

namespace {

/// Copying this much under the lock takes no longer than a few sends.
constexpr uint64_t kCopiedUnderLock = 1024;

}  // namespace

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

Status Scheduler::loan(Operator* op, uint32_t output, uint64_t size, OperatorLoan* loan, Error* error) {
  if (Status s = check_output(op, output, error); s != Status::ok) return s;
  if (!started_.load(std::memory_order_acquire)) return not_started(op, error);  // SYNC: started
  Output* from = &op->outputs[output];
  if (from->external) return node_->loan(from->node_index, size, &loan->loan, error);
  std::lock_guard guard(lock_);
  return loan_locked(from, size, loan, error);
}

Status Scheduler::send(Operator* op, OperatorLoan* loan, const SendArgs& args, Error* error) {
  if (loan->loan.size <= loan->loan.capacity) {
    for (uint32_t i = 0; i < op->output_count; i++) {
      Output* output = &op->outputs[i];
      const bool own = output->external ? loan->local == nullptr && output->node_index == loan->loan.output
                                        : loan->local != nullptr && loan->local->output == output;
      if (!own) continue;
      return output->external ? publish(op, output, loan, nullptr, 0, args, error)
                              : publish_local(op, output, loan, nullptr, 0, args, error);
    }
    return error->fail(Status::invalid_argument,
                       "operator \"" + std::string(op->id) + "\" sent a loan that is not its own, or was sent already");
  }
  return error->fail(Status::invalid_argument, "a loan cannot be sent larger than it was lent");
}

Status Scheduler::send_copy(Operator* op, uint32_t output, const void* data, uint64_t size, const SendArgs& args,
                            Error* error) {
  if (Status s = check_output(op, output, error); s != Status::ok) return s;
  if (!started_.load(std::memory_order_acquire)) return not_started(op, error);  // SYNC: started
  Output* to = &op->outputs[output];
  if (to->external) return publish(op, to, nullptr, data, size, args, error);
  if (size <= kCopiedUnderLock) return publish_local(op, to, nullptr, data, size, args, error);
  OperatorLoan copy;
  if (Status s = loan(op, output, size, &copy, error); s != Status::ok) return s;
  memcpy(copy.loan.data, data, size);
  const Status s = publish_local(op, to, &copy, nullptr, 0, args, error);
  if (s != Status::ok) discard(&copy);
  return s;
}

void Scheduler::discard(OperatorLoan* loan) {
  if (loan->local == nullptr) return node_->discard(&loan->loan);
  std::lock_guard guard(lock_);
  if (loan->local->lent) memory_.unref(loan->local);
  *loan = {};
}

// ---- local outputs ----

Status Scheduler::loan_locked(Output* output, uint64_t size, OperatorLoan* loan, Error* error) {
  LocalSlot* slot = take_slot_locked(output, size, 0, error);
  if (slot == nullptr) return error->status;
  slot->lent = true;
  loan->local = slot;
  loan->loan = {};
  loan->loan.data = slot->data();
  loan->loan.size = loan->loan.capacity = size;
  return Status::ok;
}

LocalSlot* Scheduler::take_slot_locked(Output* output, uint64_t size, uint32_t metadata_size, Error* error) {
  if (size > LocalMemory::kMostBytes) {
    error->fail(Status::too_large,
                "a message of " + std::to_string(size) + " bytes on \"" + output->id + "\"; at most " +
                    std::to_string(LocalMemory::kMostBytes) + " are possible",
                "Send less at once.");
    return nullptr;
  }
  LocalSlot* slot = memory_.take(output, size, metadata_size);
  if (slot != nullptr) return slot;
  error->fail(Status::shm_exhausted,
              "output \"" + std::string(output->id) + "\" has no slot of " + std::to_string(size) +
                  " bytes: " + std::to_string(output->slots) + " of the " + std::to_string(output->most_slots) +
                  " that it may have are in use",
              "Release samples and loans sooner, or lower the queue sizes of its receivers.");
  return nullptr;
}

/// Publishes `loan`, or a copy of `data`.
Status Scheduler::publish_local(Operator* op, Output* output, OperatorLoan* loan, const void* data, uint64_t size,
                                const SendArgs& args, Error* error) {
  const uint64_t wall_ns = node_->wall_ns();
  {
    std::lock_guard guard(lock_);
    // Whoever is blocked has kept messages, which go first.
    if (!op->blocked && (!output->paces || local_room(*output)))
      return put_local_locked(output, loan, data, size, args, wall_ns, error);
  }
  std::lock_guard sending(op->send_lock);
  {
    std::lock_guard guard(lock_);
    if (!op->blocked && local_room(*output)) return put_local_locked(output, loan, data, size, args, wall_ns, error);
  }
  return keep(op, output, loan, data, size, args, false, error);
}

/// There is room everywhere. On a failure the loan is still the caller's.
Status Scheduler::put_local_locked(Output* output, OperatorLoan* loan, const void* data, uint64_t size,
                                   const SendArgs& args, uint64_t wall_ns, Error* error) {
  LocalSlot* slot = nullptr;
  if (loan == nullptr) {
    slot = take_slot_locked(output, size, args.metadata_size, error);
    if (slot == nullptr) return error->status;
    if (size > 0) memcpy(slot->data(), data, size);
  } else {
    slot = loan->local;
    size = loan->loan.size;
    if (!slot->lent) return error->fail(Status::invalid_argument, "this loan was sent or given back already");
    if (LocalMemory::metadata_offset(size) + args.metadata_size > slot->capacity) {
      // Rare: slots have spare room for metadata.
      LocalSlot* larger = take_slot_locked(output, size, args.metadata_size, error);
      if (larger == nullptr) return error->status;
      memcpy(larger->data(), slot->data(), size);
      memory_.unref(std::exchange(slot, larger));
    }
    slot->lent = false;
    *loan = {};
  }
  LocalSample sample;
  sample.encoding = args.encoding;
  sample.data = slot->data();
  sample.size = size;
  if (args.metadata_size > 0) {
    uint8_t* metadata = slot->data() + LocalMemory::metadata_offset(size);
    memcpy(metadata, args.metadata, args.metadata_size);
    sample.metadata = metadata;
    sample.metadata_size = args.metadata_size;
  }
  sample.sequence = ++output->sequence;
  sample.sent_at_ns = node_->stamp(wall_ns);
  Ledger::add(output->counts->sent, 1);
  Ledger::add(output->counts->bytes, size);
  Message* outside = nullptr;  // stays so: what waits in these queues is local as well
  for (uint32_t i = 0; i < output->receiver_count; i++) {
    Message* message = queue_locked(output->receivers[i], sample, &outside);
    if (message == nullptr) continue;
    message->origin = Message::Origin::local;
    message->local = slot;
    slot->refs++;
  }
  memory_.unref(slot);  // the reference that it was taken with
  return Status::ok;
}

// ---- outputs that others read too ----

Status Scheduler::publish(Operator* op, Output* output, OperatorLoan* loan, const void* data, uint64_t size,
                          SendArgs args, Error* error) {
  std::lock_guard guard(op->send_lock);
  const bool behind = op->kept != nullptr && !op->kept->empty();
  if (behind || (output->paces && !local_room(*output))) return keep(op, output, loan, data, size, args, false, error);
  args.arm = true;
  args.local_refs = output->receiver_count;
  LocalSample sample;
  const Status s = loan != nullptr ? node_->send(&loan->loan, args, &sample, error)
                                   : node_->send_copy(output->node_index, data, size, args, &sample, error);
  if (s == Status::would_block) return keep(op, output, loan, data, size, args, true, error);
  if (s == Status::ok && output->receiver_count > 0) deliver_shared(output, sample);
  return s;
}

/// Queues a published message at its local receivers, which hold a reference each. Under send_lock.
void Scheduler::deliver_shared(Output* output, const LocalSample& sample) {
  Message* dropped = nullptr;
  uint32_t unwanted = 0;
  {
    std::lock_guard guard(lock_);
    for (uint32_t i = 0; i < output->receiver_count; i++) {
      Message* message = queue_locked(output->receivers[i], sample, &dropped);
      if (message == nullptr) {
        unwanted++;
        continue;
      }
      message->origin = Message::Origin::shared;
      message->shared = sample;
    }
  }
  for (; unwanted > 0; unwanted--) node_->release_local(sample);
  if (dropped != nullptr) release_chain(dropped);
}

// ---- messages that wait for room ----

/// Under send_lock. `outside`: it is a receiver in another process that is full.
Status Scheduler::keep(Operator* op, Output* output, OperatorLoan* loan, const void* data, uint64_t size,
                       const SendArgs& args, bool outside, Error* error) {
  if (op->kept == nullptr) op->kept = std::make_unique<std::deque<KeptMessage>>();
  if (op->kept->size() >= kMostKept) {
    return error->fail(Status::would_block,
                       "operator \"" + std::string(op->id) + "\" has " + std::to_string(kMostKept) +
                           " messages that wait for a full backpressure receiver; nothing more is kept",
                       "Send less for one event, or raise queue_size at the receiver.");
  }
  KeptMessage kept{{}, output, args.encoding, {}};
  if (loan != nullptr) {
    kept.memory = std::exchange(*loan, OperatorLoan{});
  } else {
    if (Status s = this->loan(op, static_cast<uint32_t>(output - op->outputs), size, &kept.memory, error);
        s != Status::ok)
      return s;
    if (size > 0) memcpy(kept.memory.loan.data, data, size);
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

/// Sends a kept message. would_block: one outside is full, and it stays.
Status Scheduler::send_kept(KeptMessage* kept, Error* error) {
  SendArgs args;
  args.encoding = kept->encoding;
  args.metadata = kept->metadata.data();
  args.metadata_size = static_cast<uint32_t>(kept->metadata.size());
  if (!kept->output->external) {
    const uint64_t wall_ns = node_->wall_ns();
    std::lock_guard guard(lock_);
    return put_local_locked(kept->output, &kept->memory, nullptr, 0, args, wall_ns, error);
  }
  args.local_refs = kept->output->receiver_count;
  args.arm = true;
  LocalSample sample;
  const Status s = node_->send(&kept->memory.loan, args, &sample, error);
  if (s == Status::ok && kept->output->receiver_count > 0) deliver_shared(kept->output, sample);
  return s;
}

/// Sends what was kept, as far as there is room. By a worker that has the operator.
void Scheduler::flush(Operator* op) {
  std::lock_guard sending(op->send_lock);
  bool outside = false;
  while (!op->kept->empty()) {
    KeptMessage& kept = op->kept->front();
    if (!local_room(*kept.output)) break;
    Error error;
    const Status s = send_kept(&kept, &error);
    outside = s == Status::would_block;
    if (outside) break;
    if (s != Status::ok) {
      log_runtime("error", error);
      discard(&kept.memory);
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

void fill(dora_operator_event_t* event, const Input& input, const LocalSample& sample) {
  event->struct_size = sizeof *event;
  event->type = DORA_EVENT_INPUT;
  event->input = static_cast<uint32_t>(&input - input.owner->inputs);
  event->reason = DORA_REASON_NONE;
  event->encoding = sample.encoding;
  event->metadata_size = sample.metadata_size;
  event->input_id = input.id;
  event->data = sample.size == 0 ? nullptr : sample.data;
  event->size = sample.size;
  event->metadata = sample.metadata;
  event->sequence = sample.sequence;
  event->sent_at_ns = sample.sent_at_ns;
  event->deadline_ns = 0;
  event->grace_ns = 0;
}

}  // namespace

/// A new message in this input's queue, whose memory the caller sets. Null: nobody will read it. What it drops goes
/// back to the pool, or to `dropped` where its memory is the node's.
Message* Scheduler::queue_locked(Input* input, const LocalSample& sample, Message** dropped) {
  Operator* owner = input->owner;
  if (owner->destroyed || !input->open) return nullptr;
  if (input->silent) {
    input->recovered_pending = true;
  } else if (input->closed_pending && input->reason == DORA_REASON_TIMEOUT) {
    input->closed_pending = false;  // it has not heard of the silence, which is over
  }
  uint32_t queued = input->queued.load(std::memory_order_relaxed);
  if (queued >= input->queue_size) {  // drop_oldest: room was seen in all others
    Message* oldest = input->head;
    input->head = oldest->next;
    if (input->head == nullptr) input->tail = nullptr;
    input->dropped++;
    Ledger::add(input->counts->dropped, 1);
    queued--;
    owner->local_pending--;
    if (oldest->origin == Message::Origin::local) {
      pool_.give(oldest, &memory_);
    } else {
      oldest->next = *dropped;
      *dropped = oldest;
    }
  }
  Message* message = pool_.take();
  fill(&message->event, *input, sample);
  message->arrival = ++arrivals_;
  (input->tail == nullptr ? input->head : input->tail->next) = message;
  input->tail = message;
  input->queued.store(queued + 1, std::memory_order_relaxed);
  owner->local_pending++;
  list_change_locked(owner);
  make_runnable_locked(owner, false);
  return message;
}

/// A message left this input's queue: its publisher may have waited for that.
void Scheduler::dequeued_locked(Input* input) {
  Operator* source = input->source;
  if (source == nullptr || !input->paced() || !(source->wants_room || source->blocked)) return;
  // Unless it waits for another process, which tells it.
  if (!source->waits_outside) room_locked(source);
}

}  // namespace dora
