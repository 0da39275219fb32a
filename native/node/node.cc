// A process's membership: publishing, waiting, taking. See node.h; control.cc has what the broker says.
#include "node/node.h"

#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <time.h>

#include <cstring>

#include "node/node_impl.h"

namespace dora {
namespace {

constexpr uint32_t kControlEvery =
    256;  // takes between two looks at the control descriptor, for a consumer that never sleeps

/// Copying this much takes no longer than a few sends.
constexpr uint64_t kCopiedUnderLock = 16 * 1024;

int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int index_of(const auto& list, std::string_view id) {
  for (size_t i = 0; i < list.size(); i++) {
    if (list[i].id == id) return static_cast<int>(i);
  }
  return -1;
}

Outgoing outgoing(uint32_t slot, uint64_t size, const SendArgs& args, uint64_t wall_ns) {
  const uint64_t kept = Hlc::believable(args.sent_at_ns, wall_ns) ? args.sent_at_ns : 0;
  return {slot, size, args.encoding, args.metadata, args.metadata_size, wall_ns, args.local_refs, args.arm, kept};
}

LocalSample local_sample(Publisher* publisher, const PublishedSlot& slot, uint64_t size, const SendArgs& args) {
  return {publisher,
          slot.slot,
          args.encoding,
          slot.base + sizeof(SlotHeader),
          size,
          args.metadata_size == 0 ? nullptr : slot.base + metadata_offset(size),
          args.metadata_size,
          slot.sequence,
          slot.stamp};
}

}  // namespace

Node::Node(std::shared_ptr<Impl> impl, Part* part) : impl_(std::move(impl)), part_(part) {}
Node::~Node() {
  if (is_whole()) {
    close();
  } else {
    leave_part();
  }
}

// ---- who and what
// -------------------------------------------------------------------------------------------------------

const std::string& Node::id() const { return impl_->id; }
const std::string& Node::dataflow() const { return impl_->dataflow; }
uint32_t Node::restart_count() const { return impl_->restart_count; }
const std::vector<InputInfo>& Node::inputs() const { return impl_->whole().inputs->infos(); }
const std::vector<OutputInfo>& Node::outputs() const { return impl_->outputs; }
int Node::input_index(std::string_view id) const { return index_of(inputs(), id); }
int Node::output_index(std::string_view id) const { return index_of(outputs(), id); }
uint64_t Node::received(uint32_t input) const {
  return impl_->ledger.input(input).received.load(std::memory_order_relaxed);
}
uint64_t Node::dropped(uint32_t input) const {
  std::lock_guard guard(impl_->control_lock);
  Part& owner = *impl_->input_owner[input];
  const auto held = impl_->hold(owner);
  return owner.inputs->dropped(input);
}
bool Node::input_open(uint32_t input) const {
  std::lock_guard guard(impl_->control_lock);
  return impl_->input_owner[input]->inputs->is_open(input);
}
uint64_t Node::sent(uint32_t output) const { return impl_->ledger.output(output).sent.load(std::memory_order_relaxed); }
uint32_t Node::subscribers(uint32_t output) const {
  const Publisher* publisher = impl_->publishers[output].get();
  return publisher == nullptr ? 0 : publisher->open_edges();
}
uint64_t Node::now_ns() const { return impl_->hlc.stamp(impl_->clock->wall_ns()); }
uint64_t Node::wall_ns() const { return impl_->clock->wall_ns(); }
uint64_t Node::stamp(uint64_t wall_ns) { return impl_->hlc.stamp(wall_ns); }

// ---- waiting
// --------------------------------------------------------------------------------------------------------------

bool Node::started() const { return impl_->started.load(std::memory_order_relaxed); }
bool Node::stopping() const { return part_->stopping.load(std::memory_order_relaxed); }
int Node::doorbell_fd() const { return part_->inbox.doorbell(); }
int Node::control_fd() const { return part_->control.get(); }

int Node::wait_fd() {
  if (part_->wait.valid()) return part_->wait.get();
  Fd fd(epoll_create1(EPOLL_CLOEXEC));
  if (!fd.valid()) return -1;
  for (int part : {doorbell_fd(), control_fd()}) {
    epoll_event event{EPOLLIN, {.fd = part}};
    if (epoll_ctl(fd.get(), EPOLL_CTL_ADD, part, &event) != 0) return -1;
  }
  part_->wait = std::move(fd);
  return part_->wait.get();
}

Status Node::wait_start(Error* error) {
  while (!started()) {
    pollfd readable{control_fd(), POLLIN, 0};
    if (poll(&readable, 1, -1) > 0) awake(false, true);
  }
  if (impl_->broker_lost && !impl_->outlives)
    return error->fail(Status::join_refused, "the daemon ended before the dataflow started", kDaemonGoneHint);
  return Status::ok;
}

bool Node::prepare_sleep(const uint64_t* mask) {
  if (!started()) return true;
  const auto held = impl_->hold(*part_);
  if (impl_->has_control_events(*part_)) return false;
  for (;;) {
    if (part_->inputs->scan(mask)) return false;
    part_->inbox.set_asleep();
    if (!part_->inbox.any_ready()) return true;
    part_->inbox.set_awake();
  }
}

bool Node::still_asleep() const { return part_->inbox.is_asleep(); }

void Node::await_announced(uint64_t ns) {
  if (part_->inbox.any_ready()) return;
  const int64_t until = monotonic_ns() + static_cast<int64_t>(ns);
  while (!part_->inbox.any_ready() && monotonic_ns() < until) sched_yield();  // who sends may need this core
}

void Node::awake(bool doorbell_readable, bool control_readable) {
  part_->inbox.set_awake();
  if (doorbell_readable) drain_doorbell(doorbell_fd());
  if (control_readable) impl_->handle_control(*part_);
  const auto held = impl_->hold(*part_);
  part_->inputs->free_retired();
}

Status Node::wait(int64_t timeout_ns, uint64_t spin_ns, const uint64_t* mask) {
  const int64_t begin = spin_ns > 0 || timeout_ns > 0 ? monotonic_ns() : 0;
  if (timeout_ns > INT64_MAX - begin) timeout_ns = -1;  // beyond the clock's end is for ever
  if (spin_ns > 0) {
    const int64_t spin_end =
        begin + static_cast<int64_t>(timeout_ns >= 0 ? std::min<uint64_t>(spin_ns, static_cast<uint64_t>(timeout_ns))
                                                     : spin_ns);
    do {
      const auto held = impl_->hold(*part_);
      for (int i = 0; i < 16; i++) {
        if (started() && part_->inputs->scan(mask)) {
          // The lines come from another core while the caller is on its way to take().
          part_->inputs->fetch_next(mask);
          return Status::ok;
        }
        relax();
      }
    } while (monotonic_ns() < spin_end);
  }
  if (!prepare_sleep(mask)) return Status::ok;
  DORA_STEP("sub.sleep");
  return sleep(timeout_ns <= 0 ? timeout_ns : std::max<int64_t>(0, begin + timeout_ns - monotonic_ns()));
}

Status Node::sleep(int64_t timeout_ns) {
  pollfd readable[2] = {{doorbell_fd(), POLLIN, 0}, {control_fd(), POLLIN, 0}};
  const timespec left{static_cast<time_t>(timeout_ns / 1'000'000'000), static_cast<long>(timeout_ns % 1'000'000'000)};
  const int n = ppoll(readable, 2, timeout_ns >= 0 ? &left : nullptr, nullptr);
  awake(n > 0 && readable[0].revents != 0, n > 0 && readable[1].revents != 0);
  return n == 0 ? Status::timeout : Status::ok;
}

Status Node::wait_room(int64_t timeout_ns) {
  // Messages do not end this wait, so "asleep" stays 0 and their senders ring nobody; their bits are found by the next
  // prepare_sleep().
  if (stopping()) return Status::ended;
  return sleep(timeout_ns);
}

// ---- taking
// ------------------------------------------------------------------------------------------------------------------

Status Node::take(Event* out, const uint64_t* mask) {
  Impl& impl = *impl_;
  Part& part = *part_;
  if (!started()) return Status::empty;
  if (++part.takes % kControlEvery == 0) impl.handle_control(part);
  Status s;
  bool corrupt, over;
  {
    const auto held = impl.hold(part);
    if (!part.events.empty()) {
      *out = std::move(part.events.front());
      part.events.pop_front();
      return Status::ok;
    }
    if (part.ended) {
      out->type = EventType::end;
      return Status::ok;
    }
    s = part.inputs->take(out, mask);
    corrupt = part.inputs->has_corrupt();
    over = s == Status::empty && !stopping() && impl.all_over(part);
  }
  if (corrupt) impl.report_corrupt();
  if (!over) return s;
  // Why they ended may be on its way: a stop of the whole dataflow closes inputs too, and is the better reason.
  impl.handle_control(part);
  impl.stop_part(part, DORA_REASON_ALL_INPUTS_CLOSED, 0);
  return take(out, mask);
}

void Node::release_at_once(const Sample& sample) {
  if (sample.edge != nullptr) sample.edge->release_at_once(sample.slot);
}

void Node::release(const Sample& sample) {
  if (sample.edge != nullptr) sample.edge->release(sample.slot);
}

// ---- publishing
// -----------------------------------------------------------------------------------------------------------------

Status Node::Impl::no_publisher(uint32_t output, Error* error) const {
  if (output >= publishers.size())
    return error->fail(Status::unknown_output, "this node has no output of index " + std::to_string(output));
  return error->fail(Status::unknown_output, "output \"" + outputs[output].id +
                                                 "\" is read by operators of this process only, and sent by them");
}

Status Node::loan(uint32_t output, uint64_t size, Loan* out, Error* error) {
  Publisher* publisher = impl_->publisher(output);
  if (publisher == nullptr) return impl_->no_publisher(output, error);
  Loan lent{.publisher = publisher, .output = output, .size = size, .capacity = size};
  uint64_t capacity;  // of the slot; what was not asked for is not the caller's
  if (Status s = publisher->loan(size, &lent.slot, &lent.data, &capacity, error); s != Status::ok) return s;
  *out = lent;
  return Status::ok;
}

void Node::fetch_for_send(const Loan& loan) { loan.publisher->fetch_for_send(loan.data, loan.size); }

Status Node::send(Loan* loan, const SendArgs& args, LocalSample* local, Error* error) {
  if (loan->size > loan->capacity)
    return error->fail(Status::invalid_argument, "a loan cannot be sent larger than it was lent");
  PublishedSlot published;
  Publisher* publisher = loan->publisher;
  impl_->observe(args.sent_at_ns);
  const Status s = publisher->send(outgoing(loan->slot, loan->size, args, impl_->clock->wall_ns()), &published, error);
  impl_->look_for_corrupt(*publisher);
  if (s == Status::would_block && args.arm) return impl_->wait_for_room(loan->output, error);
  if (s != Status::ok) return s;
  if (args.local_refs > 0 && local != nullptr) *local = local_sample(publisher, published, loan->size, args);
  *loan = Loan{};
  return Status::ok;
}

Status Node::send_copy(uint32_t output, const void* data, uint64_t size, const SendArgs& args, LocalSample* local,
                       Error* error) {
  Publisher* found = impl_->publisher(output);
  if (found == nullptr) return impl_->no_publisher(output, error);
  Publisher& publisher = *found;
  if (size <= kCopiedUnderLock) {
    PublishedSlot published;
    impl_->observe(args.sent_at_ns);
    const Status s = publisher.send_copy(data, outgoing(0, size, args, impl_->clock->wall_ns()), &published, error);
    impl_->look_for_corrupt(publisher);
    if (s == Status::would_block && args.arm) return impl_->wait_for_room(output, error);
    if (s == Status::ok && args.local_refs > 0 && local != nullptr)
      *local = local_sample(&publisher, published, size, args);
    return s;
  }
  // A closed output gets no room any more: loan() says so.
  if (!publisher.has_room(args.arm) && !publisher.ended())
    return args.arm ? impl_->wait_for_room(output, error) : Status::would_block;
  Loan copy;
  if (Status s = loan(output, size, &copy, error); s != Status::ok) return s;
  if (size > 0) memcpy(copy.data, data, size);
  const Status s = send(&copy, args, local, error);
  if (s != Status::ok) discard(&copy);
  return s;
}

void Node::discard(Loan* loan) {
  if (loan->publisher != nullptr) loan->publisher->unref(loan->slot);
  *loan = Loan{};
}

void Node::release_local(const LocalSample& sample) { sample.publisher->unref(sample.slot); }

LedgerInput* Node::input_counts(uint32_t input) { return &impl_->ledger.input(input); }
LedgerOutput* Node::output_counts(uint32_t output) { return &impl_->ledger.output(output); }

bool Node::has_room(uint32_t output, bool arm) {
  Publisher* publisher = impl_->publisher(output);
  if (publisher == nullptr || publisher->has_room(arm)) return true;
  return arm && impl_->waits_in_vain(output);
}

void Node::announce(uint32_t output) {
  if (Publisher* publisher = impl_->publisher(output)) publisher->announce();
}

void Node::stop_waiting(uint32_t output) {
  if (Publisher* publisher = impl_->publisher(output)) publisher->end_wait();
}

void Node::set_local_wait(uint32_t input, bool waits) {
  impl_->ledger.input(input).waited.store(waits ? 1 : 0, std::memory_order_relaxed);
}

Status Node::close_output(uint32_t output) {
  Publisher* publisher = impl_->publisher(output);
  if (publisher == nullptr) return Status::unknown_output;
  if (publisher->ended()) return Status::ok;
  publisher->end();
  impl_->session.send(wire::OutputClosed{output});
  return Status::ok;
}

Status Node::request_stop() { return impl_->session.send(wire::RequestStop{}); }

void Node::abandon() {
  impl_->closed = true;
  part_->ended = true;
}

void Node::close() {
  if (!is_whole()) return leave_part();
  if (impl_->closed.exchange(true)) return;
  for (auto& publisher : impl_->publishers) {
    if (publisher != nullptr) publisher->end();
  }
  impl_->session.send(wire::Bye{});
  impl_->session.fall_silent();
  for (auto& part : impl_->parts) {
    const auto held = impl_->hold(*part);
    part->ended = true;
    part->stopping.store(true, std::memory_order_relaxed);
  }
  impl_->wake_others(part_);
}

}  // namespace dora
