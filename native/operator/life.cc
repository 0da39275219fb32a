// Beginning and end: of the runtime's operators, of one of them, of all. See scheduler.h.
//
// An operator ends in steps, each of which may have to wait: stop event (unless it asked for the end itself, or
// failed), destroy, what it has kept is sent, its outputs close. The runtime ends when the last one has.
#include <sys/eventfd.h>

#include <cerrno>
#include <thread>

#include "node/clock.h"
#include "operator/log.h"
#include "operator/scheduler.h"

namespace dora {

Scheduler::Scheduler(const OperatorList& list, const dora_host_api_t* api)
    : operator_count_(list.size()),
      operators_(std::make_unique<Operator[]>(list.size())),
      kick_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  size_t inputs = 0, outputs = 0;
  for (uint32_t i = 0; i < operator_count_; i++) {
    inputs += list.at(i).input_count;
    outputs += list.at(i).output_count;
  }
  inputs_ = std::make_unique<Input[]>(inputs);
  outputs_ = std::make_unique<Output[]>(outputs);
  Input* input = inputs_.get();
  Output* output = outputs_.get();
  for (uint32_t i = 0; i < operator_count_; i++) {
    const OperatorList::Entry entry = list.at(i);
    Operator& op = operators_[i];
    op.host.api = api;
    op.scheduler = this;
    op.id = entry.id;
    op.priority = entry.priority;
    op.inputs = input;
    op.outputs = output;
    op.input_count = op.open_inputs = entry.input_count;
    op.output_count = entry.output_count;
    for (uint32_t k = 0; k < entry.input_count; k++) {
      input->owner = &op;
      input++->id = entry.inputs[k];
    }
    for (uint32_t k = 0; k < entry.output_count; k++) output++->id = entry.outputs[k];
  }
}

Scheduler::~Scheduler() = default;

Status Scheduler::check(Error* error) const {
  if (kick_.valid()) return Status::ok;
  errno = EMFILE;  // the only way in which it fails on a sane machine
  return error->fail_os("eventfd", "cannot start the operator runtime");
}

void Scheduler::fail_locked(Operator* op, const Message* message, int32_t status) {
  op->quit = true;
  std::string text =
      "operator \"" + std::string(op->id) + "\" failed with " + status_text(status) + " while it handled ";
  text += event_text(message->event);
  log_runtime("error", text);
  if (failure_.code.empty()) {
    failure_.fail("OPERATOR_FAILED", text,
                  "See what the operator logged before; on_event returns a negative status only when it cannot go on.");
  }
}

Status Scheduler::request_stop(Operator* op, bool all) {
  if (all) return started_.load(std::memory_order_acquire) ? node_->request_stop() : Status::would_block;
  std::lock_guard guard(lock_);
  op->quit = true;
  make_runnable_locked(op, false);
  return Status::ok;
}

void Scheduler::stop(uint32_t reason, int64_t grace_ns) {
  std::lock_guard guard(lock_);
  if (stop_requested_.exchange(true, std::memory_order_relaxed)) return;
  stop_reason_ = reason;
  stop_grace_ns_ = grace_ns;
  if (started_.load(std::memory_order_relaxed)) deliver_stop_locked(reason, grace_ns);
  wake_all_locked();
  eventfd_write(kick_.get(), 1);  // also for wait_started()
}

void Scheduler::deliver_stop_locked(uint32_t reason, int64_t grace_ns) {
  for (uint32_t i = 0; i < operator_count_; i++) {
    Operator* op = &operators_[i];
    if (op->quit || op->destroyed || op->stop_pending) continue;
    op->stop_pending = true;
    op->stop_reason = reason;
    op->grace_ns = grace_ns;
    make_runnable_locked(op, false);
  }
}

void Scheduler::destroy(Operator* op, CrashScope* self) {
  if (op->entry->destroy != nullptr) {
    self->enter(op, "destroy");
    op->entry->destroy(&op->host, op->state);
    self->leave();
  }
  Message* chain = nullptr;
  {
    std::lock_guard guard(lock_);
    op->destroyed = true;
    op->phase = Phase::idle;
    if (op->claimed != nullptr) {
      op->claimed->next = chain;
      chain = std::exchange(op->claimed, nullptr);
    }
    for (uint32_t i = 0; i < op->input_count; i++) {
      Input& input = op->inputs[i];
      input.open = false;
      // What is left unread is neither received nor dropped: the broker counts it as in flight.
      input.queued.store(0, std::memory_order_relaxed);
      while (Message* message = input.head) {
        input.head = message->next;
        message->next = chain;
        chain = message;
      }
      input.tail = nullptr;
      dequeued_locked(&input);
    }
    op->local_pending = 0;
    if (op->has_external) list_change_locked(op);
    make_runnable_locked(op, true);
  }
  release_chain(chain);
}

/// Last step of an operator: its receivers learn that nothing more comes.
void Scheduler::close(Operator* op) {
  for (uint32_t i = 0; i < op->output_count; i++) {
    if (op->outputs[i].external) node_->close_output(op->outputs[i].node_index);
  }
  std::lock_guard guard(lock_);
  for (uint32_t i = 0; i < op->output_count; i++) {
    const Output& output = op->outputs[i];
    for (uint32_t r = 0; r < output.receiver_count; r++) {
      Input* input = output.receivers[r];
      if (!input->open || input->source_ended) continue;
      input->source_ended = true;
      input->closed_pending = true;
      input->reason = DORA_REASON_ENDED;
      make_runnable_locked(input->owner, true);
    }
  }
  op->phase = Phase::ended;
  if (--live_ > 0) return;
  finished_ = true;
  wake_all_locked();
}

void Scheduler::run(uint32_t threads, CrashScope* self) {
  {
    std::lock_guard guard(lock_);
    live_ = operator_count_;
    for (uint32_t i = 0; i < operator_count_; i++) {
      operators_[i].start_pending = true;
      make_runnable_locked(&operators_[i], true);
      if (operators_[i].has_external) list_change_locked(&operators_[i]);
    }
    started_.store(true, std::memory_order_release);  // SYNC: started
    if (stop_requested_.load(std::memory_order_relaxed)) deliver_stop_locked(stop_reason_, stop_grace_ns_);
  }
  std::vector<std::thread> others;
  for (uint32_t i = 1; i < threads; i++) {
    others.emplace_back([this] {
      CrashScope scope;
      work(&scope);
    });
  }
  work(self);
  for (std::thread& other : others) other.join();
}

uint64_t Scheduler::now_ns() {
  return started_.load(std::memory_order_acquire) ? node_->now_ns() : machine_clock().wall_ns();  // SYNC: started
}

}  // namespace dora
